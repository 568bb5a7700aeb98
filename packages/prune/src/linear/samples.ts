/** The caller's data in memory. */
import type { Dataset, Feeds } from "@lathe/core";
import { pruneErrors } from "../errors.ts";

/** The first samples of a dataset in memory. @throws PRUNE_NO_DATA */
export async function firstSamples(data: Dataset, samples: number, signal: AbortSignal): Promise<Feeds[]> {
  const batches: Feeds[] = [];
  signal.throwIfAborted();
  for await (const sample of data.take(samples)) {
    signal.throwIfAborted();
    batches.push(sample);
  }
  if (batches.length === 0) throw pruneErrors.PRUNE_NO_DATA({});
  return batches;
}
