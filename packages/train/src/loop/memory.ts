import { stats } from "@lathe/core";
import type { TrainingStep } from "../step/graph.ts";
import { trainOps } from "../grad/ops.ts";

/**
 * Peak bytes of a step: what is alive at once in graph order (parameters, state, the batch, all intermediate results), and what is carried
 * from step to step once more as it is fed and once more as it comes out. The engine's own workspace and the process itself come on top.
 */
export function stepMemory(step: TrainingStep, batchSize: number): number {
  const { peakBytes } = stats(step.model, { bindings: batchBindings(step, batchSize), ops: trainOps, sparsity: false }).activations;
  const carried = [...step.parameters, ...step.state, ...step.statistics].reduce((sum, { initial }) => sum + initial.byteLength, 0);
  return peakBytes + 2 * carried;
}

/** The batch symbol: the first dimension of the data inputs. */
function batchBindings(step: TrainingStep, batchSize: number): Record<string, number> {
  const fed = new Set(step.inputs);
  const symbols = step.model.graph.inputs.filter((v) => fed.has(v.name)).flatMap(({ shape }) => (typeof shape?.[0] === "string" ? [shape[0]] : []));
  return Object.fromEntries(symbols.map((symbol) => [symbol, batchSize]));
}
