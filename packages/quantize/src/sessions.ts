import type { Model, RuntimeLoadOptions } from "@lathe/core";

/**
 * Options of sessions that run once a sample, with work of ours in between: threads of the engine sleep while they wait. Spinning, its
 * default, takes the processor from whatever else is to be done (measured: half the time of a calibration).
 */
export const patient: RuntimeLoadOptions = { config: { "session.intra_op.allow_spinning": "0" } };

/** A copy of the model that also gives the named tensors of its main graph. */
export function withOutputs(model: Model, names: { has(name: string): boolean }): Model {
  const copy = model.clone();
  for (const value of Array.from(copy.graph.values())) if (names.has(value.name) && !value.isGraphOutput && !value.isGraphInput) copy.graph.addOutput(value);
  return copy;
}
