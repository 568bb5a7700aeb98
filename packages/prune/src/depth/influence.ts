/**
 * How much a block changes the stream it stands on: 1 - E[cos(in, out)], over all positions of all samples (block influence of ShortGPT,
 * Men et al. 2024). 0: nothing but the length of the features; the lowest go first.
 */
import { eachActivation, type Feeds, type Model, type Runtime, type Tensor } from "@lathe/core";
import type { Block } from "./block.ts";

export interface InfluenceOptions {
  readonly runtime: Runtime;
  readonly batches: readonly Feeds[];
  readonly signal?: AbortSignal;
}

/** One number for each block, in their order. One pass over the samples; one sample's streams are in memory at a time. */
export async function blockInfluence(model: Model, blocks: readonly Block[], { runtime, batches, signal }: InfluenceOptions): Promise<number[]> {
  const ends = blocks.map(({ branches }) => {
    const [first, last] = [branches[0]!, branches.at(-1)!];
    return { from: first.add.input(first.stream)!.name, to: last.add.out.name, axis: first.featureAxis };
  });
  const sums = blocks.map(() => ({ cosines: 0, positions: 0 }));
  await eachActivation(model, [...new Set(ends.flatMap(({ from, to }) => [from, to]))], batches, runtime, (tensors) => {
    ends.forEach(({ from, to, axis }, i) => addCosines(sums[i]!, tensors[from]!, tensors[to]!, axis));
  }, signal);
  return sums.map(({ cosines, positions }) => (positions > 0 ? 1 - cosines / positions : 0));
}

/** The cosine of each pair of feature vectors along `axis`; two zero vectors count as equal. */
function addCosines(to: { cosines: number; positions: number }, a: Tensor, b: Tensor, axis: number): void {
  const [x, y] = [a.toFloat32(), b.toFloat32()];
  const length = a.dims[axis]!;
  const inner = a.dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  for (let start = 0; start < x.length; start += length * inner) {
    for (let k = 0; k < inner; k++) {
      let [xy, xx, yy] = [0, 0, 0];
      for (let i = start + k; i < start + length * inner; i += inner) {
        xy += x[i]! * y[i]!;
        xx += x[i]! * x[i]!;
        yy += y[i]! * y[i]!;
      }
      to.cosines += xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : xx === yy ? 1 : 0;
      to.positions++;
    }
  }
}
