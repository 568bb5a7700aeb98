/** Shape rules of normalizations. */
import { dtypeFromId } from "../../dtype.ts";
import type { Shape } from "../../ir/type.ts";
import type { InferContext } from "../op.ts";
import { axisOf, sameAs } from "../shape.ts";

type Infer = (c: InferContext) => void;

/** Y like X; the statistics, where they are outputs, have one number per channel. */
export const inferBatchNorm: Infer = (c) => {
  const x = c.shape(0);
  if (x && x.length < 1) c.fail("expects data of rank 1 or more, but a scalar came");
  const channels = x ? (x.length > 1 ? x[1]! : 1) : null;
  c.set(0, undefined, x);
  for (let i = 1; i < c.outputCount; i++) c.set(i, undefined, c.shape(i === 1 || i === 3 ? 3 : 4) ?? [channels]);
};

/** The shape with the normalized axes as 1. */
export const reduced = (x: Shape, axis: number): Shape => x.map((d, i) => (i >= axis ? 1 : d));

/** Y like X; Mean and InvStdDev in the type that `stash_type` names. */
export const inferLayerNorm: Infer = (c) => {
  sameAs(0)(c);
  const x = c.shape(0);
  if (c.outputCount < 2) return;
  const statistics = x && reduced(x, axisOf(c, c.node.int("axis", -1), x.length));
  const dtype = dtypeFromId(c.node.int("stash_type", 1));
  for (let i = 1; i < c.outputCount; i++) c.set(i, dtype, statistics);
};

/** Y has the shape of X and the element type of the scale. */
export const inferRmsNorm: Infer = (c) => c.set(0, c.dtype(1), c.shape(0));

/** SkipLayerNormalization (com.microsoft): output, mean, inverse deviation, and the sum that was normalized. */
export const inferSkipLayerNorm: Infer = (c) => {
  const x = c.shape(0);
  const statistics = x && reduced(x, x.length - 1);
  c.set(0, undefined, x);
  if (c.outputCount > 1) c.set(1, undefined, statistics);
  if (c.outputCount > 2) c.set(2, undefined, statistics);
  if (c.outputCount > 3) c.set(3, undefined, x);
};

/** EmbedLayerNormalization (com.microsoft): ids [batch, sequence] to [batch, sequence, hidden]. */
export const inferEmbedLayerNorm: Infer = (c) => {
  const [ids, words] = [c.shape(0), c.shape(2)];
  const y = ids && [...ids, words?.[1] ?? null];
  c.set(0, undefined, y);
  if (c.outputCount > 1) c.set(1, undefined, ids && [ids[0] ?? null]);
  if (c.outputCount > 2) c.set(2, undefined, y);
};
