/** Shape and cost rules of pools. */
import type { Dim, Shape } from "../../ir/type.ts";
import type { Cost, CostContext, InferContext } from "../op.ts";
import { slide, unslide, windowOf } from "./window.ts";

type Infer = (c: InferContext) => void;

function spatialOf(c: InferContext, x: Shape, last: boolean): Shape {
  if (x.length < 3) c.fail(`expects data of rank 3 or more, but [${x.join(",")}] came`);
  return last ? x.slice(1, -1) : x.slice(2);
}

const withSpatial = (x: Shape, spatial: readonly Dim[], last: boolean): Shape =>
  last ? [x[0]!, ...spatial, x.at(-1)!] : [x[0]!, x[1]!, ...spatial];

/** Pools over windows; a second output (Indices of MaxPool) has the same shape. */
export const inferPool = (alwaysLast = false): Infer => (c) => {
  const x = c.shape(0);
  const last = alwaysLast || c.node.int("channels_last", 0) !== 0;
  const kernel = c.node.ints("kernel_shape");
  if (!x || !kernel) return c.set(0, undefined, undefined);
  const spatial = spatialOf(c, x, last);
  const y = withSpatial(x, slide(c.node, spatial, windowOf(c.node, spatial, kernel, c.fail)), last);
  c.set(0, undefined, y);
  if (c.outputCount > 1) c.set(1, "int64", y);
};

/** All spatial axes become 1. */
export const inferGlobalPool: Infer = (c) => {
  const x = c.shape(0);
  const last = c.node.int("channels_last", 0) !== 0;
  c.set(0, undefined, x && withSpatial(x, spatialOf(c, x, last).map(() => 1), last));
};

/** MaxUnpool: the given shape, or what MaxPool's input had without ambiguity. */
export const inferMaxUnpool: Infer = (c) => {
  const x = c.shape(0);
  const kernel = c.node.ints("kernel_shape");
  if (!x) return;
  if (c.has(2)) return c.set(0, undefined, c.dims(2) ?? x.map(() => null));
  if (!kernel) return;
  const spatial = spatialOf(c, x, false);
  c.set(0, undefined, withSpatial(x, unslide(c.node, spatial, windowOf(c.node, spatial, kernel, c.fail)), false));
};

const count = (shape: readonly number[] | undefined): number => (shape ?? []).reduce((product, d) => product * d, 1);

/** One operation per element of every window. */
export const poolCost = (c: CostContext): Cost => ({ macs: 0, elementOps: count(c.outShape(0)) * count(c.node.ints("kernel_shape")) });
