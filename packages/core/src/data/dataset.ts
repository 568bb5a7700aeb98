import type { Tensor } from "../tensor.ts";

/**
 * Named tensors that belong together: one example, or one batch. Names that a model has as inputs are fed to it; all others are
 * labels and metadata that only the user's own code reads.
 */
export type Sample = Readonly<Record<string, Tensor>>;

/** Samples in order. Lazy: nothing is read before iteration begins. */
export interface Dataset extends AsyncIterable<Sample> {
}
