/** Shape rules of com.microsoft's quantized operators. */
import type { Dim, Shape } from "../../ir/type.ts";
import { addDims, mulDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { axisOf, broadcast } from "../shape.ts";
import { dropAxes } from "./reduce.ts";

type Infer = (c: InferContext) => void;

/** The broadcast shape of these inputs. */
export const broadcastOf = (...inputs: readonly number[]): Infer => (c) => c.set(0, undefined, broadcast(inputs.map((i) => c.shape(i)), c.fail));

/** QLinearConcat: output scale and zero point, then a tensor, its scale and zero point for every part. */
export const inferQLinearConcat: Infer = (c) => {
  const parts = Array.from({ length: Math.floor((c.inputCount - 2) / 3) }, (_, i) => c.shape(2 + 3 * i));
  const [first] = parts;
  if (!first || !parts.every((p) => p !== undefined)) return c.set(0, c.dtype(1), undefined);
  const axis = axisOf(c, c.node.int("axis", 1), first.length);
  c.set(0, c.dtype(1), first.map((d, i): Dim => (i === axis ? parts.reduce<Dim>((sum, p) => addDims(sum, p[i]!), 0) : d)));
};

const reducedShape = (c: InferContext): Shape | undefined => {
  const x = c.shape(0);
  const axes = x && (c.node.ints("axes") ?? x.map((_, i) => i)).map((axis) => axisOf(c, axis, x.length));
  return axes && dropAxes(x, axes, c.node.int("keepdims", 1) !== 0);
};

export const inferQLinearReduce: Infer = (c) => c.set(0, c.dtype(0), reducedShape(c));
export const inferReduceSumInteger: Infer = (c) => c.set(0, c.dtype(0) === "uint8" ? "uint32" : "int32", reducedShape(c));

/** GatherBlockQuantized: like Gather, in the scales' type; uint8 data holds 8 / bits values per byte on the last axis. */
export const inferGatherBlockQuantized: Infer = (c) => {
  const [data, indices] = [c.shape(0), c.shape(1)];
  if (!data || !indices) return c.set(0, c.dtype(2), undefined);
  const bits = c.node.int("bits", 4);
  if (![2, 4, 8].includes(bits)) c.fail(`expects 2, 4 or 8 bits, but ${bits} came`);
  const packed = c.dtype(0) === "uint8" ? 8 / bits : 1;
  const values = data.map((d, i) => (i === data.length - 1 ? mulDims(d, packed) : d));
  const axis = axisOf(c, c.node.int("gather_axis", 0), data.length);
  c.set(0, c.dtype(2), [...values.slice(0, axis), ...indices, ...values.slice(axis + 1)]);
};
