/** What gradient rules are written with: shorthand for common nodes, and sums over broadcast axes. */
import { Tensor, attr, dtypes, type Dim, type GradContext, type GradRule, type OpRules, type Shape, type Value } from "@lathe/core";
import { trainErrors } from "../errors.ts";

export const add = (c: GradContext, a: Value, b: Value): Value => c.emit("Add", [a, b]);
export const sub = (c: GradContext, a: Value, b: Value): Value => c.emit("Sub", [a, b]);
export const mul = (c: GradContext, a: Value, b: Value): Value => c.emit("Mul", [a, b]);
export const div = (c: GradContext, a: Value, b: Value): Value => c.emit("Div", [a, b]);
export const neg = (c: GradContext, a: Value): Value => c.emit("Neg", [a]);

/** A float scalar in the dtype of `like`. */
export const scalar = (c: GradContext, value: number, like: Value): Value => c.constant(Tensor.from(like.dtype ?? "float32", [], [value]));

/** 0 or 1, or integers, in the element type of `like`. */
export const castLike = (c: GradContext, x: Value, like: Value): Value => c.emit("Cast", [x], { to: attr.int(dtypes[like.dtype ?? "float32"].id) });

/** Zeros of the shape and element type of `like`. */
export const zerosLike = (c: GradContext, like: Value): Value => expandLike(c, scalar(c, 0, like), like);

/** An axis counted from the front. */
export const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

export const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

export const rule = (name: string, grad: GradRule): OpRules => ({ domain: "", name, grad });

export const ints = (c: GradContext, values: readonly number[]): Value => c.constant(Tensor.int64(values));

export const transpose = (c: GradContext, x: Value, perm: readonly number[]): Value => c.emit("Transpose", [x], { perm: attr.ints(perm) });

export const reduceSum = (c: GradContext, x: Value, axes: readonly number[], keepdims: boolean): Value =>
  c.emit("ReduceSum", [x, ints(c, axes)], { keepdims: attr.int(keepdims ? 1 : 0) });

export const reduceMean = (c: GradContext, x: Value, axes: readonly number[], keepdims: boolean): Value =>
  c.emit("ReduceMean", [x, ints(c, axes)], { keepdims: attr.int(keepdims ? 1 : 0) });

/** Swaps the last two axes of a value of known rank. */
export function swapLast(c: GradContext, x: Value, rank: number): Value {
  const perm = Array.from({ length: rank }, (_, i) => i);
  [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
  return transpose(c, x, perm);
}

/** The known shape of a value, which the rule cannot do without. */
export function shapeOf(c: GradContext, value: Value): Shape {
  if (!value.shape) throw trainErrors.TRAIN_SHAPE_UNKNOWN({ node: c.node.label, op: c.node.op, value: value.name });
  return value.shape;
}

export const rankOf = (c: GradContext, value: Value): number => shapeOf(c, value).length;

export const unsupported = (c: GradContext, what: string): never => {
  throw trainErrors.TRAIN_UNSUPPORTED({ node: c.node.label, op: c.node.op, what });
};

/** The shape of `value` as an int64 vector: a constant when static, else read at run time. */
export function shapeVector(c: GradContext, value: Value): Value {
  const { shape } = value;
  return shape?.every((d) => typeof d === "number") ? ints(c, shape as number[]) : c.emit("Shape", [value]);
}

export const reshapeLike = (c: GradContext, x: Value, like: Value): Value => c.emit("Reshape", [x, shapeVector(c, like)], { allowzero: attr.int(1) });

export const expandLike = (c: GradContext, x: Value, like: Value): Value => c.emit("Expand", [x, shapeVector(c, like)]);

/**
 * Sums `dy` (of shape `from`) over the axes along which an operand of `like`'s shape was broadcast, back to that shape.
 * A symbolic dimension is taken to differ from 1.
 */
export function sumTo(c: GradContext, dy: Value, from: Shape, like: Value): Value {
  const to = shapeOf(c, like);
  const lead = from.length - to.length;
  const axes: number[] = [];
  from.forEach((d, i) => {
    if (i < lead || (isOne(to[i - lead]) && !isOne(d))) axes.push(i);
  });
  if (axes.length === 0) return dy;
  const kept = reduceSum(c, dy, axes, true);
  return lead === 0 ? kept : c.emit("Squeeze", [kept, ints(c, Array.from({ length: lead }, (_, i) => i))]);
}

const isOne = (d: Dim | undefined): boolean => d === 1;

/** Axes given by an input (opset 18 on), counted from the front; all axes when absent. */
export function axesInput(c: GradContext, index: number, rank: number): number[] {
  if (!c.has(index)) return Array.from({ length: rank }, (_, i) => i);
  const constant = c.input(index).constant;
  if (!constant) return unsupported(c, "axes that are computed at run time");
  return constant.toNumbers().map((a) => (a < 0 ? a + rank : a));
}

/** Keeps only the gradients that are wanted, making none of the others. */
export const each = (c: GradContext, makers: readonly (() => Value)[]): (Value | undefined)[] => makers.map((make, i) => (c.wants(i) ? make() : undefined));
