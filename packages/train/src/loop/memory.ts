import { stats } from "@lathe/core";
import type { TrainingStep } from "../step/graph.ts";
import { trainOps } from "../grad/ops.ts";

/**
 * Peak bytes of a step by liveness in graph order: parameters and state before and after, the batch and all intermediate results
 * alive at once. The engine's own workspace is not in it.
 */
export function stepMemory(step: TrainingStep, batchSize: number): number {
  const { peakBytes } = stats(step.model, { bindings: batchBindings(step, batchSize), ops: trainOps, sparsity: false }).activations;
  return peakBytes;
}

/** The batch symbol: the first dimension of the data inputs. */
function batchBindings(step: TrainingStep, batchSize: number): Record<string, number> {
  const fed = new Set(step.inputs);
  const symbols = step.model.graph.inputs.filter((v) => fed.has(v.name)).flatMap(({ shape }) => (typeof shape?.[0] === "string" ? [shape[0]] : []));
  return Object.fromEntries(symbols.map((symbol) => [symbol, batchSize]));
}
