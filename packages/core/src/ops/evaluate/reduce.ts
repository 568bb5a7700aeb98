/** Evaluation of reductions on integers (and of Min/Max on floats, which round nothing), and ArgMax/ArgMin. */
import { isInteger } from "../../dtype.ts";
import { elementCount, Tensor } from "../../tensor.ts";
import { axesIn, axisIn } from "../rules/axes.ts";
import { arithmeticOf, tensorOf, valuesOf, type BinaryName, type Scalar } from "./arithmetic.ts";
import type { Evaluate } from "./elementwise.ts";
import { listOf } from "./move.ts";
import { MAX_ELEMENTS, stridesOf, viewIndices } from "./strided.ts";

/** Groups of source positions that fall on one output element, when `axes` are reduced. */
function groups(dims: readonly number[], axes: readonly number[]): { starts: Int32Array; members: Int32Array } {
  const strides = stridesOf(dims);
  const kept = dims.map((_, i) => i).filter((i) => !axes.includes(i));
  return {
    starts: viewIndices(kept.map((i) => dims[i]!), kept.map((i) => strides[i]!)),
    members: viewIndices(axes.map((i) => dims[i]!), axes.map((i) => strides[i]!)),
  };
}

export const reduce = (name: BinaryName): Evaluate => (node, inputs) => {
  const [x] = inputs;
  const arithmetic = x && arithmeticOf(x.dtype);
  const orderMatters = name !== "min" && name !== "max";
  if (!x || !arithmetic || x.size === 0 || x.size > MAX_ELEMENTS || (orderMatters && !isInteger(x.dtype))) return undefined;
  const rank = x.dims.length;
  const given = axesIn(listOf(node, "axes", inputs, 1) ?? [], rank);
  if (!given) return undefined;
  if (given.length === 0 && node.int("noop_with_empty_axes", 0) !== 0) return [x];
  const axes = given.length === 0 ? x.dims.map((_, i) => i) : given.toSorted((a, b) => a - b);
  const { starts, members } = groups(x.dims, axes);
  const values = valuesOf(x);
  const out: Scalar[] = [];
  for (const start of starts) {
    let acc: Scalar | undefined = values[start + members[0]!]!;
    for (let m = 1; m < members.length && acc !== undefined; m++) acc = arithmetic.binary(name, acc, values[start + members[m]!]!);
    if (acc === undefined) return undefined;
    out.push(acc);
  }
  return [tensorOf(x.dtype, reducedDims(x.dims, axes, node.int("keepdims", 1) !== 0), out)];
};

const reducedDims = (dims: readonly number[], axes: readonly number[], keep: boolean): number[] =>
  keep ? dims.map((d, i) => (axes.includes(i) ? 1 : d)) : dims.filter((_, i) => !axes.includes(i));

/** Position of the largest (or smallest) element on an axis; the first one unless `select_last_index`. */
export const argBest = (better: (a: Scalar, b: Scalar) => boolean): Evaluate => (node, [x]) => {
  if (!x || x.size === 0 || x.size > MAX_ELEMENTS || !arithmeticOf(x.dtype)) return undefined;
  const axis = axisIn(node.int("axis", 0), x.dims.length);
  if (axis === undefined) return undefined;
  const last = node.int("select_last_index", 0) !== 0;
  const { starts, members } = groups(x.dims, [axis]);
  const values = valuesOf(x);
  if (!isInteger(x.dtype) && Array.from(values as ArrayLike<number>).some(Number.isNaN)) return undefined;
  const out = Array.from(starts, (start) => {
    let best = 0;
    for (let m = 1; m < members.length; m++) {
      const [a, b] = [values[start + members[m]!]!, values[start + members[best]!]!];
      if (better(a, b) || (last && a === b)) best = m;
    }
    return best;
  });
  const dims = reducedDims(x.dims, [axis], node.int("keepdims", 1) !== 0);
  return elementCount(dims) === out.length ? [Tensor.int64(out, dims)] : undefined;
};
