/** Shape rules of losses. */
import type { Cost, CostContext, InferContext } from "../op.ts";

/** A scalar, or with reduction "none" one loss per label; a second output has the shape of the scores. */
export const inferLoss = (c: InferContext): void => {
  c.set(0, c.dtype(0), c.node.string("reduction", "mean") === "none" ? c.shape(1) : []);
  if (c.outputCount > 1) c.set(1, c.dtype(0), c.shape(0));
};

const count = (shape: readonly number[] | undefined): number => (shape ?? []).reduce((product, d) => product * d, 1);

/** Log-softmax over the scores: 5 operations each; then one per label. */
export const crossEntropyCost = (c: CostContext): Cost => ({ macs: 0, elementOps: 5 * count(c.shape(0)) + count(c.shape(1)) });
export const nllCost = (c: CostContext): Cost => ({ macs: 0, elementOps: 2 * count(c.shape(1)) });
