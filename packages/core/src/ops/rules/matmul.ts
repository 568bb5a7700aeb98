/** Shape and cost rules of matrix products. */
import type { DType } from "../../dtype.ts";
import type { Dim, Shape } from "../../ir/type.ts";
import { differentDims } from "../dim.ts";
import type { Cost, CostContext, InferContext } from "../op.ts";
import { broadcast } from "../shape.ts";

type Infer = (c: InferContext) => void;

/** Shape of a @ b with numpy's rules: vectors get an axis that goes again, leading axes broadcast. */
export function productShape(a: Shape, b: Shape, fail: InferContext["fail"]): Shape {
  if (a.length === 0 || b.length === 0) fail("expects tensors of rank 1 or more, but a scalar came");
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const [k1, k2] = [left.at(-1)!, right.at(-2)!];
  if (differentDims(k1, k2)) fail(`expects equal inner lengths, but ${k1} and ${k2} came ([${a.join(",")}] x [${b.join(",")}])`);
  const batch = broadcast([left.slice(0, -2), right.slice(0, -2)], fail) ?? [];
  return [...batch, ...(a.length === 1 ? [] : [left.at(-2)!]), ...(b.length === 1 ? [] : [right.at(-1)!])];
}

export const inferMatMul = ({ a = 0, b = 1, dtype }: { a?: number; b?: number; dtype?: DType } = {}): Infer => (c) => {
  const [left, right] = [c.shape(a), c.shape(b)];
  c.set(0, dtype, left && right && productShape(left, right, c.fail));
};

/** Gemm: A and B are matrices, transposed by `transA` and `transB`. */
export const inferGemm = ({ a = 0, b = 1 }: { a?: number; b?: number } = {}, dtypeOf?: (c: InferContext) => DType | undefined): Infer => (c) => {
  const [left, right] = [matrix(c, a, "transA"), matrix(c, b, "transB")];
  if (left && right && differentDims(left[1], right[0])) c.fail(`expects equal inner lengths, but ${left[1]} and ${right[0]} came`);
  c.set(0, dtypeOf?.(c), left || right ? [left?.[0] ?? null, right?.[1] ?? null] : undefined);
};

function matrix(c: InferContext, input: number, transposed: string): readonly [Dim, Dim] | undefined {
  const shape = c.shape(input);
  if (!shape) return undefined;
  if (shape.length !== 2) c.fail(`expects matrices, but [${shape.join(",")}] came`);
  const [m, n] = [shape[0]!, shape[1]!];
  return c.node.int(transposed, 0) !== 0 ? [n, m] : [m, n];
}

/** FusedMatMul (com.microsoft): transposes the last two axes, or, with transBatch, moves the first axis before the last. */
export const inferFusedMatMul: Infer = (c) => {
  const [a, b] = [c.shape(0), c.shape(1)];
  const turn = (shape: Shape, side: "A" | "B"): Shape => turned(shape, c.node.int(`trans${side}`, 0) !== 0, c.node.int(`transBatch${side}`, 0) !== 0);
  c.set(0, undefined, a && b && productShape(turn(a, "A"), turn(b, "B"), c.fail));
};

function turned(shape: Shape, trans: boolean, batch: boolean): Shape {
  if (shape.length < 2) return shape;
  // transBatch: [M, ...batch, K] is read as [...batch, M, K].
  const moved = batch ? [...shape.slice(1, -1), shape[0]!, shape.at(-1)!] : shape;
  return trans ? [...moved.slice(0, -2), moved.at(-1)!, moved.at(-2)!] : moved;
}

/** Weights packed in blocks (MatMulNBits, MatMulBnb4): the attributes K and N say the matrix. */
export const inferPackedMatMul: Infer = (c) => {
  const a = c.shape(0);
  const [k, n] = [c.node.int("K"), c.node.int("N")];
  if (!a || n === undefined) return c.set(0, undefined, undefined);
  if (typeof a.at(-1) === "number" && k !== undefined && a.at(-1) !== k) c.fail(`expects ${k} input features, but ${a.at(-1)} came`);
  c.set(0, undefined, [...a.slice(0, -1), n]);
};

/** Output features by attribute: Mlp and Qkv forms of MatMulNBits. A last output gives the normalized sum. */
export const inferPackedProducts = (features: readonly string[]): Infer => (c) => {
  const a = c.shape(0);
  features.forEach((name, i) => c.set(i, c.dtype(0), a && [...a.slice(0, -1), c.node.int(name) ?? null]));
  if (c.outputCount > features.length) c.set(features.length, c.dtype(0), a);
};

/** The last axis becomes `rows` of a weight that is stored [N, K]. */
export const inferByRows = (weight: number): Infer => (c) => {
  const [a, w] = [c.shape(0), c.shape(weight)];
  c.set(0, undefined, a && [...a.slice(0, -1), w?.[0] ?? null]);
};

/** MatMulFpQ4: the weight's shape [K, N] is an input. */
export const inferMatMulFpQ4: Infer = (c) => {
  const a = c.shape(0);
  c.set(0, undefined, a && [...a.slice(0, -1), c.dims(2)?.[1] ?? null]);
};

export const inferDet: Infer = (c) => c.set(0, undefined, c.shape(0)?.slice(0, -2));

const count = (shape: readonly number[] | undefined): number => (shape ?? []).reduce((product, d) => product * d, 1);

/** Every output element sums K products, K being the last axis of A. */
export const matmulCost = (c: CostContext): Cost => {
  const a = c.shape(0) ?? [];
  const inner = c.node.int("transA", 0) !== 0 ? a.at(-2) : a.at(-1);
  return { macs: count(c.outShape(0)) * (inner ?? 0) };
};

export const gemmCost = (bias: number) => (c: CostContext): Cost =>
  ({ ...matmulCost(c), elementOps: c.node.input(bias) ? count(c.outShape(0)) : 0 });

/** Elimination: about n^3 / 3 products per matrix. */
export const detCost = (c: CostContext): Cost => {
  const x = c.shape(0) ?? [];
  return { macs: Math.round((count(x) * (x.at(-1) ?? 0)) / 3) };
};
