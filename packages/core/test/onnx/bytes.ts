/** Hand-made protobuf bytes, for what no well-behaved writer produces. */
export const varint = (value: number | bigint): number[] => {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  return [...out, Number(rest)];
};

export const tag = (field: number, wireType: number): number[] => varint(field * 8 + wireType);
export const number = (field: number, value: number | bigint): number[] => [...tag(field, 0), ...varint(value)];
export const bytes = (field: number, content: ArrayLike<number>): number[] => [...tag(field, 2), ...varint(content.length), ...Array.from(content)];
export const text = (field: number, content: string): number[] => bytes(field, new TextEncoder().encode(content));
export const file = (...fields: readonly number[][]): Uint8Array => Uint8Array.from(fields.flat());

/** `levels` messages of the given field path, each inside the one before, around `inner`. */
export function nest(levels: number, path: readonly number[], inner: number[] = []): number[] {
  let out = inner;
  for (let i = 0; i < levels; i++) for (const field of [...path].reverse()) out = bytes(field, out);
  return out;
}
