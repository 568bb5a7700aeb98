/** The caller's data in memory. */
import { firstSamples as firstOf, type Dataset, type Feeds } from "@lathe/core";
import { pruneErrors } from "../errors.ts";

/** The first samples of a dataset in memory. @throws PRUNE_NO_DATA */
export async function firstSamples(data: Dataset, samples: number, signal: AbortSignal): Promise<Feeds[]> {
  const batches = await firstOf(data, samples, signal);
  if (batches.length === 0) throw pruneErrors.PRUNE_NO_DATA({});
  return batches;
}
