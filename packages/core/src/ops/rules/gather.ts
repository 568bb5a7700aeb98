/** Shape rules of reading and writing at indices. */
import { sameAs, axisOf } from "../shape.ts";
import type { InferContext } from "../op.ts";
import { normalizeAxis, withDim } from "./axes.ts";

type Infer = (c: InferContext) => void;

export const inferGather: Infer = (c) => {
  const [data, indices] = [c.shape(0), c.shape(1)];
  if (!data) return;
  const axis = axisOf(c, c.node.int("axis", 0), data.length);
  if (indices) c.set(0, c.dtype(0), [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]);
  const values = data.length === 1 ? c.dims(0) : undefined;
  const at = values && indices && indices.length < 2 ? c.dims(1) : undefined;
  if (!values || !at?.every((i) => typeof i === "number")) return;
  const picked = at.map((i) => values[normalizeAxis(i, values.length)]);
  if (!picked.every((d) => d !== undefined)) return c.fail(`expects indices within ${values.length} elements, but [${at.join(", ")}] came`);
  c.setDims(0, picked);
};

export const inferGatherElements: Infer = (c) => c.set(0, c.dtype(0), c.shape(1));

export const inferGatherND: Infer = (c) => {
  const [data, indices] = [c.shape(0), c.shape(1)];
  const depth = indices?.at(-1);
  if (!data || !indices || typeof depth !== "number") return;
  const first = c.node.int("batch_dims", 0) + depth;
  if (first > data.length) c.fail(`expects index tuples of at most ${data.length - c.node.int("batch_dims", 0)} elements, but ${depth} came`);
  c.set(0, c.dtype(0), [...indices.slice(0, -1), ...data.slice(first)]);
};

/** Scatter*: the data with some elements replaced. */
export const inferScatter: Infer = sameAs(0);

export const inferCompress: Infer = (c) => {
  const x = c.shape(0);
  const axis = c.node.int("axis");
  const count = c.constant(1)?.toNumbers().filter((v) => v !== 0).length ?? c.symbol("compress");
  c.set(0, c.dtype(0), axis === undefined ? [count] : x && withDim(x, axisOf(c, axis, x.length), count));
};

export const inferOneHot: Infer = (c) => {
  const indices = c.shape(0);
  const depth = c.dims(1)?.[0] ?? c.constant(1)?.toNumbers()[0] ?? null;
  if (!indices) return c.set(0, c.dtype(2));
  const axis = axisOf(c, c.node.int("axis", -1), indices.length + 1);
  c.set(0, c.dtype(2), [...indices.slice(0, axis), depth, ...indices.slice(axis)]);
};
