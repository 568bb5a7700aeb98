/** Gradients of Gemm, MatMul and Einsum. */
import { Tensor, attr, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { each, expandLike, ints, mul, rankOf, reshapeLike, rule, scalar, shapeOf, sumTo, swapLast, unsupported } from "../build.ts";

const gemmOf = (c: GradContext, a: Value, b: Value, transA: boolean, transB: boolean, alpha: number): Value =>
  c.emit("Gemm", [a, b], { transA: attr.int(transA ? 1 : 0), transB: attr.int(transB ? 1 : 0), alpha: attr.float(alpha) });

/** y = alpha A' B' + beta C. */
const gemm: GradRule = (c) => {
  const { node } = c;
  const [a, b, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const transA = node.int("transA", 0) === 1;
  const transB = node.int("transB", 0) === 1;
  const alpha = node.float("alpha", 1);
  const beta = node.float("beta", 1);
  const from = shapeOf(c, c.output(0));
  return each(c, [
    () => (transA ? gemmOf(c, b, dy, transB, true, alpha) : gemmOf(c, dy, b, false, !transB, alpha)),
    () => (transB ? gemmOf(c, dy, a, true, transA, alpha) : gemmOf(c, a, dy, !transA, false, alpha)),
    () => sumTo(c, beta === 1 ? dy : mul(c, dy, scalar(c, beta, b)), from, c.input(2)),
  ]);
};

/** A value with a leading or trailing axis of length 1 added when it is a vector, as MatMul treats it. */
const asMatrix = (c: GradContext, x: Value, axis: number): Value => (rankOf(c, x) === 1 ? c.emit("Unsqueeze", [x, c.constant(axisTensor(axis))]) : x);

const matMul: GradRule = (c) => {
  const [a, b] = [c.input(0), c.input(1)];
  const [rankA, rankB] = [rankOf(c, a), rankOf(c, b)];
  let dy = c.dy(0)!;
  if (rankB === 1) dy = c.emit("Unsqueeze", [dy, c.constant(axisTensor(-1))]);
  if (rankA === 1) dy = c.emit("Unsqueeze", [dy, c.constant(axisTensor(-2))]);
  const matrixA = asMatrix(c, a, 0);
  const matrixB = asMatrix(c, b, 1);
  // The common case of a weight matrix under a batch: one flat product instead of a batched one that is summed afterwards.
  const flat = rankA > 2 && rankB === 2;
  return each(c, [
    () => fold(c, c.emit("MatMul", [dy, swapLast(c, matrixB, Math.max(rankB, 2))]), a),
    () => (flat ? flatWeightGradient(c, matrixA, dy) : fold(c, c.emit("MatMul", [swapLast(c, matrixA, Math.max(rankA, 2)), dy]), b)),
  ]);
};

/** X [.., M, K], dY [.., M, N] -> dW [K, N] as one Gemm over all rows. */
function flatWeightGradient(c: GradContext, x: Value, dy: Value): Value {
  const rows = (v: Value): Value => c.emit("Flatten", [v], { axis: attr.int(-1) });
  return gemmOf(c, rows(x), rows(dy), true, false, 1);
}

/** Sums a batched product over the batch axes that `like` lacks or has as 1, and gives it that shape. */
function fold(c: GradContext, product: Value, like: Value): Value {
  const shape = shapeOf(c, like);
  if (shape.length === 1) {
    const outRank = Math.max(rankOf(c, c.input(0)), rankOf(c, c.input(1)), 2);
    const batch = outRank - 2;
    const summed = batch > 0 ? c.emit("ReduceSum", [product, c.constant(axesTensor(batch))], { keepdims: attr.int(0) }) : product;
    return reshapeLike(c, summed, like);
  }
  const [a, b] = [shapeOf(c, c.input(0)), shapeOf(c, c.input(1))];
  const batch = broadcastBatch(c, a.slice(0, -2), b.slice(0, -2));
  return sumTo(c, product, [...batch, ...shape.slice(-2)], like);
}

function broadcastBatch(c: GradContext, a: readonly (number | string | null)[], b: readonly (number | string | null)[]): (number | string | null)[] {
  const rank = Math.max(a.length, b.length);
  const at = (s: readonly (number | string | null)[], i: number): number | string | null => s[i - (rank - s.length)] ?? 1;
  return Array.from({ length: rank }, (_, i) => (i < rank - a.length || at(a, i) === 1 ? at(b, i) : at(a, i)));
}

const axisTensor = (axis: number): Tensor => Tensor.int64([axis]);
const axesTensor = (count: number): Tensor => Tensor.int64(Array.from({ length: count }, (_, i) => i));

/**
 * Einsum without repeated or ellipsis indices: the gradient of an operand is the Einsum of dy with the other operand.
 */
const einsum: GradRule = (c) => {
  const equation = (c.node.string("equation") ?? "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  if (right === undefined || equation.includes(".") || terms.length > 2) return unsupported(c, `the equation "${equation}" (an explicit output and one or two plain operands are)`);
  if (terms.some((t) => new Set(t).size !== t.length)) return unsupported(c, "a repeated index (a diagonal)");
  const dy = c.dy(0)!;
  return each(c, terms.map((term, i) => () => {
    const others = terms.filter((_, j) => j !== i);
    const kept = [...term].filter((index) => right.includes(index) || others.some((o) => o.includes(index)));
    const product = c.emit("Einsum", [dy, ...others.map((_, j) => c.input(j < i ? j : j + 1))], { equation: attr.string([right, ...others].join(",") + "->" + kept.join("")) });
    // Indices that only this operand has were summed: their gradient is the same everywhere.
    const lost = [...term].flatMap((index, axis) => (kept.includes(index) ? [] : [axis]));
    return lost.length === 0 ? product : expandLike(c, c.emit("Unsqueeze", [product, ints(c, lost)]), c.input(i));
  }));
};

export const linear: readonly OpRules[] = [
  rule("Gemm", gemm),
  rule("MatMul", matMul),
  rule("Einsum", einsum),
];
