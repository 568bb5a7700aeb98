/**
 * Writes WebAssembly modules: loops of four-lane float32 arithmetic that JavaScript cannot express. Instructions are functions that give
 * their encoding, arguments before the operation as on the stack machine. Source of the codes: WebAssembly Core Specification 2.0, chapter 5.
 */

/** Encoded instructions. */
export type Code = readonly number[];

const types = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
type ValueType = keyof typeof types;

/** LEB128, unsigned and signed. */
function unsigned(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...out, rest];
    out.push((rest & 127) | 128);
  }
}

function signed(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    const last = (rest >> 7 === 0 && (rest & 64) === 0) || (rest >> 7 === -1 && (rest & 64) !== 0);
    out.push((rest & 127) | (last ? 0 : 128));
    if (last) return out;
  }
}

const floatBytes = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)];
const doubleBytes = (value: number): number[] => [...new Uint8Array(Float64Array.of(value).buffer)];

/** Vector instructions have a prefix. */
const simd = (code: number): number[] => [0xfd, ...unsigned(code)];
const op = (...code: number[]) => (...args: readonly Code[]): Code => [...args.flat(), ...code];
/** Memory access without alignment promise. */
const at = (code: readonly number[]) => (offset: number, ...args: readonly Code[]): Code => [...args.flat(), ...code, 0, ...unsigned(offset)];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load: at([0x28]), store: at([0x36]),
  add: op(0x6a), sub: op(0x6b), mul: op(0x6c), shl: op(0x74), shr: op(0x75), lt: op(0x48), gt: op(0x4a), ge: op(0x4e), and: op(0x71),
  /** Saturating; of NaN: 0. */
  fromF64: op(0xfc, 2),
};

export const f32 = {
  const: (value: number): Code => [0x43, ...floatBytes(value)],
  load: at([0x2a]), store: at([0x38]),
  add: op(0x92), sub: op(0x93), mul: op(0x94), div: op(0x95), sqrt: op(0x91), lt: op(0x5d), ge: op(0x60), ne: op(0x5c), fromI32: op(0xb2),
};

export const f64 = {
  const: (value: number): Code => [0x44, ...doubleBytes(value)],
  sub: op(0xa1), mul: op(0xa2), lt: op(0x63), gt: op(0x64), fromI32: op(0xb7), fromF32: op(0xbb),
};

export const v128 = {
  load: at(simd(0x00)), store: at(simd(0x0b)),
  /** Eight bytes; the other lanes are 0. */
  load64: at(simd(0x5d)),
  /** Four uint16 as uint32. */
  load16: at(simd(0x04)),
  /** One lane of four bytes. */
  store32: (offset: number, lane: number, ...args: readonly Code[]): Code => [...args.flat(), ...simd(0x5a), 0, ...unsigned(offset), lane],
  and: op(...simd(0x4e)), andNot: op(...simd(0x4f)), or: op(...simd(0x50)), anyTrue: op(...simd(0x53)),
  /** Bits of the first where the third has ones, else of the second. */
  select: op(...simd(0x52)),
  /** Bytes of both arguments by index. */
  shuffle: (lanes: readonly number[], ...args: readonly Code[]): Code => [...args.flat(), ...simd(0x0d), ...lanes],
};

export const f32x4 = {
  splat: op(...simd(0x13)),
  lane: (index: number, ...args: readonly Code[]): Code => [...args.flat(), ...simd(0x1f), index],
  ne: op(...simd(0x42)), gt: op(...simd(0x44)), ge: op(...simd(0x46)), floor: op(...simd(0x68)), neg: op(...simd(0xe1)),
  nearest: op(...simd(0x6a)), abs: op(...simd(0xe0)), add: op(...simd(0xe4)), sub: op(...simd(0xe5)), mul: op(...simd(0xe6)), div: op(...simd(0xe7)),
  /** As Math.min and Math.max: NaN is handed on, and -0 is less than 0. */
  min: op(...simd(0xe8)), max: op(...simd(0xe9)),
  /** b < a ? b : a, and a < b ? b : a: an instruction each, and blind to NaN in b. */
  least: op(...simd(0xea)), greatest: op(...simd(0xeb)),
  /** To int32, saturating. */
  toI32: op(...simd(0xf8)),
  /** Two doubles, rounded, in the first lanes; the others are 0. */
  fromF64: op(...simd(0x5e)),
};

export const f64x2 = {
  splat: op(...simd(0x14)), fromF32: op(...simd(0x5f)), eq: op(...simd(0x47)), gt: op(...simd(0x4a)),
  abs: op(...simd(0xec)), add: op(...simd(0xf0)), sub: op(...simd(0xf1)), mul: op(...simd(0xf2)), div: op(...simd(0xf3)), nearest: op(...simd(0x94)),
  /** b < a ? b : a, and a < b ? b : a. */
  least: op(...simd(0xf6)), greatest: op(...simd(0xf7)),
  /** To int32 in the first lanes, saturating; the others are 0. */
  toI32: op(...simd(0xfc)),
};

export const i32x4 = { splat: op(...simd(0x11)), shl: op(...simd(0xab)), lane: (index: number, ...args: readonly Code[]): Code => [...args.flat(), ...simd(0x1b), index] };
export const i16x8 = { splat: op(...simd(0x10)), narrow: op(...simd(0x85)), addSaturating: op(...simd(0x8f)) };
export const i8x16 = { narrowSigned: op(...simd(0x65)), narrowUnsigned: op(...simd(0x66)) };

/** Runs `body` while `condition` holds. */
export const loopWhile = (condition: Code, ...body: readonly Code[]): Code =>
  [0x02, 0x40, 0x03, 0x40, ...condition, 0x45, 0x0d, 1, ...body.flat(), 0x0c, 0, 0x0b, 0x0b];

export const when = (condition: Code, then: readonly Code[], otherwise: readonly Code[] = []): Code =>
  [...condition, 0x04, 0x40, ...then.flat(), ...(otherwise.length > 0 ? [0x05, ...otherwise.flat()] : []), 0x0b];

export interface Local {
  readonly get: Code;
  set(...value: readonly Code[]): Code;
}

export interface FunctionSource {
  readonly params: readonly ValueType[];
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** A function of the named parameters and local variables. Gives no result: results go to memory. */
export function define<P extends string, L extends string>(
  params: Readonly<Record<P, ValueType>>, locals: Readonly<Record<L, ValueType>>, body: (names: Readonly<Record<P | L, Local>>) => readonly Code[],
): FunctionSource {
  const names = [...Object.keys(params), ...Object.keys(locals)];
  const local = (index: number): Local => ({ get: [0x20, ...unsigned(index)], set: (...value) => [...value.flat(), 0x21, ...unsigned(index)] });
  const made = Object.fromEntries(names.map((name, index) => [name, local(index)])) as Record<P | L, Local>;
  return { params: Object.values(params), locals: Object.values(locals), body: body(made).flat() };
}

const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
const list = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => list([...new TextEncoder().encode(value)].map((byte) => [byte]));

/** A module that exports the functions by name, and its `memory` of so many pages of 64 KiB at the start. */
export function assemble(functions: Readonly<Record<string, FunctionSource>>, pages: number): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(functions);
  const signatures = entries.map(([, f]) => [0x60, ...list(f.params.map((type) => [types[type]])), 0]);
  const bodies = entries.map(([, f]) => {
    const code = [...list(f.locals.map((type) => [1, types[type]])), ...f.body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  const exported = [...entries.map(([name], index) => [...text(name), 0, ...unsigned(index)]), [...text("memory"), 2, 0]];
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, list(signatures)), ...section(3, list(entries.map((_, index) => unsigned(index)))), ...section(5, list([[0, ...unsigned(pages)]])),
    ...section(7, list(exported)), ...section(10, list(bodies)),
  ]);
}
