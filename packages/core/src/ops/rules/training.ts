/** Type rules of the training preview: updated tensors are like the tensors they replace. */
import type { InferContext } from "../op.ts";

/** Inputs: learning rate, step count, then `groups` lists of equal length (parameters, gradients, state ...); gradients are not returned. */
export const inferOptimizer = (groups: number) => (c: InferContext): void => {
  const n = Math.floor((c.inputCount - 2) / groups);
  const kept = Array.from({ length: groups }, (_, i) => i).filter((group) => group !== 1);
  kept.forEach((group, at) => {
    for (let i = 0; i < n; i++) c.set(at * n + i, c.dtype(2 + group * n + i), c.shape(2 + group * n + i));
  });
};

/** Gradient: one output per tensor named in `xs`, which are the first inputs. */
export const inferGradient = (c: InferContext): void => {
  for (let i = 0; i < c.outputCount; i++) c.set(i, c.dtype(i), c.shape(i));
};
