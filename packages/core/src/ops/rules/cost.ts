/** Cost rules of operators that do no multiply-accumulates. */
import type { Cost, CostContext } from "../op.ts";

type CostRule = (c: CostContext) => Cost;

const count = (shape: readonly number[] | undefined): number => (shape ?? []).reduce((product, d) => product * d, 1);

/** `n` operations for every element of output 0. */
export const perOutput = (n = 1): CostRule => (c) => ({ macs: 0, elementOps: n * count(c.outShape(0)) });

/** `n` operations for every element of input 0. */
export const perInput = (n = 1): CostRule => (c) => ({ macs: 0, elementOps: n * count(c.shape(0)) });

/** Operands minus one, for every element of output 0 (Sum, Max of several tensors). */
export const perOperand: CostRule = (c) => ({ macs: 0, elementOps: Math.max(1, c.node.inputs.length - 1) * count(c.outShape(0)) });

/** Moves data and computes nothing. */
export const noWork: CostRule = () => ({ macs: 0, elementOps: 0 });

/** Reads and writes nothing either: a new view of the same bytes. */
export const viewOnly: CostRule = () => ({ macs: 0, elementOps: 0, bytesRead: 0, bytesWritten: 0 });

/** An FFT of length n on every line: about 5/2 n log2 n multiply-adds, counted as element operations. */
export const fourierCost: CostRule = (c) => {
  const size = count(c.shape(0));
  const longest = Math.max(2, ...(c.shape(0) ?? []));
  return { macs: 0, elementOps: Math.round(2.5 * size * Math.log2(longest)) };
};

/** One FFT of the frame length per frame: the output has frames x bins x 2. */
export const stftCost: CostRule = (c) => {
  const [batch = 0, frames = 0, bins = 0] = c.outShape(0) ?? [];
  const frame = Math.max(2, 2 * (bins - 1));
  return { macs: 0, elementOps: Math.round(2.5 * batch * frames * frame * Math.log2(frame)) };
};
