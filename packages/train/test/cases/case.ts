/** One row of the gradient tables: an operator, its inputs, and what is differentiated. Values come from the case's name alone. */

/** How float values are drawn: `normal`; `positive` in [0.5, 2]; `spread` distinct and at least 0.05 apart, none near 0; `unit` inside (-0.9, 0.9). */
export type Draw = "normal" | "positive" | "spread" | "unit";

export type Arg =
  | readonly number[] // float, differentiated, drawn as `normal`
  | { readonly dims: readonly number[]; readonly draw?: Draw; /** false: a constant of the case. */ readonly wrt?: false }
  | { readonly int64: readonly number[]; readonly dims?: readonly number[] }
  | { readonly bool: readonly number[]; readonly dims: readonly number[] }
  | { readonly float: readonly number[]; readonly dims?: readonly number[] }
  | null;

export type AttributeValue = number | string | readonly number[] | { readonly float: number };

export interface Case {
  readonly op: string;
  readonly in: readonly Arg[];
  readonly at?: Readonly<Record<string, AttributeValue>>;
  /** Outputs the node has; all float ones are summed. Default 1. */
  readonly outs?: number;
  /** Default 21. */
  readonly opset?: number;
  /** Tells rows of one operator apart. */
  readonly as?: string;
  /** ONNX Runtime has float64 kernels for the operator and for what its gradient is made of. */
  readonly f64?: boolean;
  /** The first axis of these inputs is the symbol N. */
  readonly batch?: readonly number[];
}

export const nameOf = (c: Case): string => (c.as ? `${c.op}: ${c.as}` : c.op);

/** A value of the case ready to feed. */
export interface Drawn {
  readonly dtype: "float" | "int64" | "bool";
  readonly dims: readonly number[];
  readonly data: readonly number[];
  readonly wrt: boolean;
}

/** mulberry32 seeded with a hash of the text. */
export function randomOf(text: string): () => number {
  let state = [...text].reduce((h, ch) => Math.imul(h ^ ch.charCodeAt(0), 16777619) >>> 0, 2166136261);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const product = (dims: readonly number[]): number => dims.reduce((p, d) => p * d, 1);

/** float32 values, so that float32 and float64 runs see the same numbers. */
function values(draw: Draw, count: number, random: () => number): number[] {
  const raw = Array.from({ length: count }, () => random());
  switch (draw) {
    case "normal": return raw.map((u) => Math.fround((u + random() + random() - 1.5) * 2));
    case "positive": return raw.map((u) => Math.fround(0.5 + 1.5 * u));
    case "unit": return raw.map((u) => Math.fround(1.8 * (u - 0.5)));
    case "spread": {
      const order = raw.map((u, i) => [u, i] as const).sort((a, b) => a[0] - b[0]).map(([, i]) => i);
      return order.map((rank) => Math.fround((rank - count / 2 + 0.5 - (count % 2) / 2) * 0.061));
    }
  }
}

/** The inputs of a case; null for absent ones. */
export function drawn(c: Case): (Drawn | null)[] {
  const random = randomOf(nameOf(c));
  return c.in.map((arg) => {
    if (arg === null) return null;
    if (Array.isArray(arg)) return { dtype: "float", dims: arg as number[], data: values("normal", product(arg as number[]), random), wrt: true };
    const given = arg as Exclude<Arg, readonly number[] | null>;
    if ("int64" in given) return { dtype: "int64", dims: given.dims ?? [given.int64.length], data: given.int64, wrt: false };
    if ("bool" in given) return { dtype: "bool", dims: given.dims, data: given.bool, wrt: false };
    if ("float" in given) return { dtype: "float", dims: given.dims ?? [given.float.length], data: given.float, wrt: false };
    return { dtype: "float", dims: given.dims, data: values(given.draw ?? "normal", product(given.dims), random), wrt: given.wrt !== false };
  });
}

/** The weight of element i of output k in the scalar that is differentiated. */
export const outputWeight = (k: number, i: number): number => Math.fround(Math.cos(1.7 * i + 0.3 * k + 0.2));
