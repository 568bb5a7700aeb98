import { feedsOf, random, type Dataset, type Model, type Runtime } from "@lathe/core";
import { fixedBatch, trainingData, type TrainingData } from "./data.ts";
import { accuracy, type Metric } from "./metrics.ts";

export interface EvaluateOptions {
  readonly runtime: Runtime;
  /** Default: accuracy. */
  readonly metrics?: readonly Metric[];
  /** Default 256, or the model's own batch when that is fixed; the number of examples must then be a multiple of it. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Runs the model over all of the data and gives the metrics by name. */
export async function evaluate(model: Model, data: TrainingData | Dataset, options: EvaluateOptions): Promise<Readonly<Record<string, number>>> {
  const { runtime, metrics = [accuracy()], batchSize = fixedBatch(model) ?? 256, signal } = options;
  const set = await trainingData(data, model);
  const counters = metrics.map((m) => [m.name, m.start()] as const);
  const session = await runtime.load(model, signal ? { signal } : {});
  try {
    for (let at = 0; at < set.size; at += batchSize) {
      signal?.throwIfAborted();
      const indices = Array.from({ length: Math.min(batchSize, set.size - at) }, (_, i) => at + i);
      const batch = await set.batch(indices, random(`evaluate/${at}`));
      const outputs = await session.run(feedsOf(session.inputs, batch), signal ? { signal } : {});
      for (const [, counter] of counters) counter.add(outputs, batch);
    }
  } finally {
    await session.dispose();
  }
  return Object.fromEntries(counters.map(([name, counter]) => [name, counter.value()]));
}
