/** Shape rules of reductions and of operators that order elements. */
import type { Dim, Shape } from "../../ir/type.ts";
import { productDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { axesOf, axisOf } from "../shape.ts";
import { unknownShape, withDim } from "./axes.ts";
import { passDims } from "./values.ts";

type Infer = (c: InferContext) => void;

export const dropAxes = (shape: Shape, axes: readonly number[], keep: boolean): Shape =>
  keep ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i));

/** Axes as attribute or input; none means all, unless `noop_with_empty_axes`. `fold` reduces a vector of dimensions. */
export const inferReduce = (fold?: (a: Dim, b: Dim) => Dim): Infer => (c) => {
  const x = c.shape(0);
  if (!x) return;
  const given = axesOf(c, x.length, "axes", 1);
  const keep = c.node.int("keepdims", 1) !== 0;
  if (given === undefined) {
    const count = keep ? 0 : c.shape(1)?.[0];
    return c.set(0, undefined, typeof count === "number" && count <= x.length && (keep || count > 0) ? unknownShape(x.length - count) : undefined);
  }
  const none = given === "absent" || given.length === 0;
  if (none && c.node.int("noop_with_empty_axes", 0) !== 0) {
    c.set(0, undefined, x);
    return passDims(c);
  }
  c.set(0, undefined, dropAxes(x, none ? x.map((_, i) => i) : given, keep));
  if (fold && x.length === 1) passDims(c, (dims) => [dims.slice(1).reduce(fold, dims[0]!)]);
};

export const inferArg: Infer = (c) => {
  const x = c.shape(0);
  c.set(0, "int64", x && dropAxes(x, [axisOf(c, c.node.int("axis", 0), x.length)], c.node.int("keepdims", 1) !== 0));
};

/** TopK: k is an attribute before operator set 10, then an input. */
export const inferTopK: Infer = (c) => {
  const x = c.shape(0);
  const k: Dim = c.node.int("k") ?? c.dims(1)?.[0] ?? null;
  const shape = x && withDim(x, axisOf(c, c.node.int("axis", -1), x.length), k);
  c.set(0, c.dtype(0), shape);
  c.set(1, "int64", shape);
};

export const inferUnique: Infer = (c) => {
  const x = c.shape(0);
  const axis = c.node.int("axis");
  const count = c.symbol("unique");
  c.set(0, c.dtype(0), axis === undefined ? [count] : x && withDim(x, axisOf(c, axis, x.length), count));
  if (c.outputCount > 1) c.set(1, "int64", [count]);
  if (c.outputCount > 2) c.set(2, "int64", [x ? (axis === undefined ? productDims(x) : x[axisOf(c, axis, x.length)]!) : null]);
  if (c.outputCount > 3) c.set(3, "int64", [count]);
};

export const inferNonZero: Infer = (c) => {
  const x = c.shape(0);
  // A scalar counts as a vector of one element.
  const known = c.dtype(0) === "string" ? undefined : c.constant(0)?.toNumbers().filter((v) => v !== 0).length;
  c.set(0, "int64", [x ? Math.max(1, x.length) : null, known ?? c.symbol("nonzero")]);
};
