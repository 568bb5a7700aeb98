/** What flows through the values of a model on given samples. */
import { feedsOf } from "../data/feeds.ts";
import type { Model } from "../ir/model.ts";
import { deadCode } from "../passes/dead-code.ts";
import { runPass } from "../passes/compose.ts";
import { passContext } from "../passes/context.ts";
import type { Feeds, Runtime } from "../runtime.ts";
import type { Tensor } from "../tensor.ts";

/** A copy of the model (tensors shared) that ends at the named values. */
async function endingAt(model: Model, names: readonly string[]): Promise<Model> {
  const copy = model.clone();
  const { graph } = copy;
  const values = names.map((name) => graph.value(name)!);
  while (graph.outputs.length > 0) graph.removeOutput(0);
  for (const value of new Set(values)) graph.addOutput(value);
  await runPass(deadCode, copy, passContext());
  return copy;
}

/** Runs the model as far as the named values on each batch; what the batch itself holds is given as well. */
export async function eachActivation(
  model: Model, names: readonly string[], batches: readonly Feeds[], runtime: Runtime, visit: (tensors: Readonly<Record<string, Tensor>>, batch: number) => void, signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const computed = names.filter((name) => model.graph.value(name)?.producer);
  const session = computed.length > 0 ? await runtime.load(await endingAt(model, computed), signal ? { signal } : {}) : undefined;
  try {
    for (const [i, feeds] of batches.entries()) {
      signal?.throwIfAborted();
      const found = session ? await session.run(feedsOf(session.inputs, feeds), signal ? { signal } : {}) : {};
      visit({ ...feeds, ...found }, i);
    }
  } finally {
    await session?.dispose();
  }
}
