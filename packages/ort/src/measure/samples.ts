import type { Feeds } from "@lathe/core";

/** One set of inputs, or many. Names that a model does not take (labels) are left out by the helpers. */
export type Samples = Feeds | Iterable<Feeds> | AsyncIterable<Feeds>;

export async function* eachSample(samples: Samples): AsyncIterable<Feeds> {
  if (Symbol.asyncIterator in samples) yield* samples as AsyncIterable<Feeds>;
  else if (Symbol.iterator in samples) yield* samples as Iterable<Feeds>;
  else yield samples;
}
