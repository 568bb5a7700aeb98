/** Gradients of reductions, softmax and cumulative sums. Axes are inputs (opset 18 on). */
import { attr, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { axesInput, castLike, div, expandLike, ints, mul, positive, rankOf, reduceSum, rule, scalar, shapeOf, sub, unsupported, zerosLike } from "../build.ts";

/** dy with the reduced axes put back as 1. */
function restored(c: GradContext, value: Value, axes: readonly number[]): Value {
  if (c.node.int("keepdims", 1) === 1) return value;
  return axes.length === 0 ? value : c.emit("Unsqueeze", [value, ints(c, axes)]);
}

function reducedAxes(c: GradContext): number[] {
  const rank = rankOf(c, c.input(0));
  if (!c.has(1) && c.node.int("noop_with_empty_axes", 0) === 1) return [];
  return axesInput(c, 1, rank);
}

const reduceSumRule: GradRule = (c) => [expandLike(c, restored(c, c.dy(0)!, reducedAxes(c)), c.input(0))];

/** Number of elements that were reduced into one, as a float value. */
function reducedCount(c: GradContext, axes: readonly number[]): Value {
  const x = c.input(0);
  const dims = axes.map((a) => shapeOf(c, x)[a]);
  if (dims.every((d) => typeof d === "number")) return scalar(c, dims.reduce<number>((p, d) => p * (d as number), 1), x);
  const sizes = c.emit("Gather", [c.emit("Shape", [x]), ints(c, axes)]);
  const count = c.emit("ReduceProd", [sizes], { keepdims: attr.int(0) });
  return castLike(c, count, x);
}

const reduceMeanRule: GradRule = (c) => {
  const axes = reducedAxes(c);
  return [expandLike(c, div(c, restored(c, c.dy(0)!, axes), reducedCount(c, axes)), c.input(0))];
};

/** Equal extrema share the gradient evenly. */
const extremumRule: GradRule = (c) => {
  const axes = reducedAxes(c);
  const [x, y] = [c.input(0), restored(c, c.output(0), axes)];
  const mask = castLike(c, c.emit("Equal", [x, y]), x);
  const share = div(c, mask, reduceSum(c, mask, axes, true));
  return [mul(c, share, restored(c, c.dy(0)!, axes))];
};

/** d||x||_2 = x / ||x||; the gradient at 0 is 0. */
const l2Rule: GradRule = (c) => {
  const axes = reducedAxes(c);
  const x = c.input(0);
  const norm = c.emit("Max", [restored(c, c.output(0), axes), scalar(c, 1e-30, x)]);
  return [mul(c, restored(c, c.dy(0)!, axes), div(c, x, norm))];
};

const l1Rule: GradRule = (c) => [mul(c, restored(c, c.dy(0)!, reducedAxes(c)), c.emit("Sign", [c.input(0)]))];

const sumSquareRule: GradRule = (c) => {
  const x = c.input(0);
  return [mul(c, restored(c, c.dy(0)!, reducedAxes(c)), mul(c, x, scalar(c, 2, x)))];
};

/** d log sum exp = softmax. */
const logSumExpRule: GradRule = (c) => {
  const axes = reducedAxes(c);
  const weights = c.emit("Exp", [sub(c, c.input(0), restored(c, c.output(0), axes))]);
  return [mul(c, restored(c, c.dy(0)!, axes), weights)];
};

/** d log sum = 1 / sum. */
const logSumRule: GradRule = (c) => {
  const axes = reducedAxes(c);
  return [expandLike(c, div(c, restored(c, c.dy(0)!, axes), c.emit("Exp", [restored(c, c.output(0), axes)])), c.input(0))];
};

/** y / x, which needs values other than 0. */
const prodRule: GradRule = (c) => {
  const axes = reducedAxes(c);
  return [div(c, mul(c, restored(c, c.dy(0)!, axes), restored(c, c.output(0), axes)), c.input(0))];
};

const axisOf = (c: GradContext, fallback: number): number => positive(c.node.int("axis", fallback), rankOf(c, c.input(0)));

/** dx = y (dy - sum(dy y)). */
const softmaxRule: GradRule = (c) => {
  const [y, dy] = [c.output(0), c.dy(0)!];
  const t = mul(c, dy, y);
  return [sub(c, t, mul(c, y, reduceSum(c, t, [axisOf(c, -1)], true)))];
};

/** dx = dy - softmax(x) sum(dy). */
const logSoftmaxRule: GradRule = (c) => {
  const [y, dy] = [c.output(0), c.dy(0)!];
  return [sub(c, dy, mul(c, c.emit("Exp", [y]), reduceSum(c, dy, [axisOf(c, -1)], true)))];
};

const cumSumRule: GradRule = (c) => {
  const reverse = c.node.int("reverse", 0);
  const sum = c.emit("CumSum", [c.dy(0)!, c.input(1)], { exclusive: attr.int(c.node.int("exclusive", 0)), reverse: attr.int(1 - reverse) });
  return [sum];
};

/** Values go back to where TopK took them from. */
const topKRule: GradRule = (c) => {
  const x = c.input(0);
  if (!c.node.output(1)) return unsupported(c, "an absent indices output");
  const axis = axisOf(c, -1);
  return [c.emit("ScatterElements", [zerosLike(c, x), c.output(1), c.dy(0)!], { axis: attr.int(axis) })];
};

export const reduce: readonly OpRules[] = [
  rule("ReduceSum", reduceSumRule),
  rule("ReduceMean", reduceMeanRule),
  rule("ReduceMax", extremumRule),
  rule("ReduceMin", extremumRule),
  rule("ReduceL2", l2Rule),
  rule("ReduceL1", l1Rule),
  rule("ReduceSumSquare", sumSquareRule),
  rule("ReduceProd", prodRule),
  rule("ReduceLogSum", logSumRule),
  rule("ReduceLogSumExp", logSumExpRule),
  rule("Softmax", softmaxRule),
  rule("LogSoftmax", logSoftmaxRule),
  rule("CumSum", cumSumRule),
  rule("TopK", topKRule),
];
