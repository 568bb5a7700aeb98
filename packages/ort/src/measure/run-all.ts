import { feedsOf, type RuntimeRunOptions, type Session, type Tensor } from "@lathe/core";
import { eachSample, type Samples } from "./samples.ts";

/** Results of a session over samples, one after another; nothing is kept. */
export async function* runAll(session: Session, samples: Samples, options: RuntimeRunOptions = {}): AsyncIterable<Record<string, Tensor>> {
  for await (const sample of eachSample(samples)) yield await session.run(feedsOf(session.inputs, sample), options);
}
