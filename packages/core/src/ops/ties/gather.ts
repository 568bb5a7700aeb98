/** Reading at indices. Indices are positions on an axis: that axis is held, unless they are constant and can be renumbered. */
import { normalizeAxis } from "../rules/axes.ts";
import { Tensor } from "../../tensor.ts";
import type { Resize } from "../tie.ts";
import { equalDim, input, isNumber, output, rule, type Ties } from "./build.ts";
import { replaceConstant } from "./resize.ts";

/** The width of an embedding table (its axes other than `axis`) passes; the vocabulary is held. */
export const gatherTies: Ties = (c) => {
  const [data, indices] = [c.shape(0), c.shape(1)];
  if (!data || !indices) return undefined;
  const at = normalizeAxis(c.node.int("axis", 0), data.length);
  const r = rule();
  data.forEach((_, axis) => {
    if (axis !== at) r.tie(input(0, axis), output(0, axis < at ? axis : axis + indices.length - 1));
  });
  indices.forEach((_, axis) => r.tie(input(1, axis), output(0, at + axis)));
  const positions = c.constant(1);
  const length = data[at];
  if (!positions || indices.length !== 1 || !isNumber(length)) return r.done("indices name positions on this axis");
  const map = positions.toNumbers().map((i) => (i < 0 ? i + length : i));
  return r.tie(output(0, at), input(0, at), { map }).resize(input(0, at), renumber(length)).done();
};

/** The constant has lost the cut entries already; what it still names moves to its new position. */
const renumber = (length: number): Resize["apply"] => (node, _, kept, graph) => {
  const constant = node.input(1)?.constant;
  if (!constant) return;
  const moved = new Map(kept.map((old, now) => [old, now]));
  const list = constant.toNumbers().map((i) => moved.get(i < 0 ? i + length : i) ?? 0);
  replaceConstant(node, 1, Tensor.from(constant.dtype, constant.dims, list), graph);
};

/** Data, indices and result have the same axes; only axes of provably equal length are one. */
export const gatherElementsTies: Ties = (c) => {
  const [data, indices] = [c.shape(0), c.shape(1)];
  if (!data || !indices) return undefined;
  const at = normalizeAxis(c.node.int("axis", 0), data.length);
  const r = rule();
  data.forEach((length, axis) => {
    if (axis === at) r.tie(input(1, axis), output(0, axis));
    else if (equalDim(length, indices[axis])) r.same([input(0, axis), input(1, axis), output(0, axis)]);
  });
  return r.done("indices name positions on this axis");
};

/** Axes of the data behind those that the index tuples walk. */
export const gatherNDTies: Ties = (c) => {
  const [data, indices] = [c.shape(0), c.shape(1)];
  const depth = indices?.at(-1);
  if (!data || !indices || !isNumber(depth)) return undefined;
  const r = rule();
  const first = c.node.int("batch_dims", 0) + depth;
  for (let axis = first; axis < data.length; axis++) r.tie(input(0, axis), output(0, indices.length - 1 + axis - first));
  return r.done("indices name positions on the other axes");
};

export const scatterNDTies: Ties = (c) => {
  const [data, indices] = [c.shape(0), c.shape(1)];
  const depth = indices?.at(-1);
  if (!data || !indices || !isNumber(depth)) return undefined;
  const r = rule();
  for (let axis = depth; axis < data.length; axis++) r.same([input(0, axis), input(2, indices.length - 1 + axis - depth), output(0, axis)]);
  return r.done("indices name positions on the other axes");
};

export const scatterElementsTies: Ties = (c) => {
  const [data, indices] = [c.shape(0), c.shape(1)];
  if (!data || !indices) return undefined;
  const at = normalizeAxis(c.node.int("axis", 0), data.length);
  const r = rule();
  data.forEach((length, axis) => {
    if (axis !== at && equalDim(length, indices[axis])) r.same([input(0, axis), input(1, axis), input(2, axis), output(0, axis)]);
  });
  return r.done("indices name positions on this axis");
};
