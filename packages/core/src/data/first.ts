/** The first samples of any source. */
import type { Sample } from "./dataset.ts";
import type { SampleIterable } from "./source.ts";

/** At most `count` samples; the source is not asked for one more than that, nor opened for none. A function opens it when reading begins. */
export async function* takeSamples(source: SampleIterable | (() => SampleIterable), count: number): AsyncGenerator<Sample> {
  if (count <= 0) return;
  let left = count;
  for await (const sample of typeof source === "function" ? source() : source) {
    yield sample;
    // Checked behind the sample, so that the source is not asked for more.
    if (--left <= 0) return;
  }
}

/** The same in memory; an empty list when there is none. @throws the signal's reason */
export async function firstSamples(source: SampleIterable, count: number, signal?: AbortSignal): Promise<Sample[]> {
  const found: Sample[] = [];
  signal?.throwIfAborted();
  for await (const sample of takeSamples(source, count)) {
    signal?.throwIfAborted();
    found.push(sample);
  }
  return found;
}
