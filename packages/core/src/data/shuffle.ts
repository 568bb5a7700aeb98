import { random } from "../random.ts";
import type { Sample } from "./dataset.ts";

export interface ShuffleOptions {
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Samples held back to draw from; default: all. A small buffer mixes only nearby samples. */
  readonly buffer?: number | undefined;
  /** Another order at each pass (still by the seed): what training wants. */
  readonly eachPass?: boolean | undefined;
}

/** Keeps `buffer` samples, gives a random one of them, puts the next in its place. */
export async function* shuffled(source: AsyncIterable<Sample>, { seed = 0, buffer = Infinity }: ShuffleOptions, pass: number): AsyncGenerator<Sample> {
  const { int, shuffle } = random(seed).fork(`shuffle ${pass}`);
  const held: Sample[] = [];
  for await (const sample of source) {
    if (held.length < buffer) held.push(sample);
    else {
      const at = int(held.length);
      yield held[at]!;
      held[at] = sample;
    }
  }
  yield* shuffle(held);
}
