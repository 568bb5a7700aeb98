/** Masks over single weights: 1 stays, 0 goes. */
import type { Random } from "@lathe/core";
import { roundHalfEven } from "@lathe/core";

export type Mask = Uint8Array;

/** Number of weights that a share stands for, rounded half to even as torch.nn.utils.prune does. */
export const countOf = (share: number, size: number): number => roundHalfEven(share * size);

/** Zeros at the `count` smallest scores; ties go to the earlier weight. */
export function smallest(scores: Float32Array, count: number): Mask {
  const mask = new Uint8Array(scores.length).fill(1);
  if (count <= 0) return mask;
  const threshold = nth(scores, count - 1);
  let left = count;
  for (let i = 0; i < scores.length; i++) if (scores[i]! < threshold) { mask[i] = 0; left--; }
  for (let i = 0; i < scores.length && left > 0; i++) if (scores[i] === threshold) { mask[i] = 0; left--; }
  return mask;
}

/** The k-th smallest value (from 0), by quickselect on a copy (Hoare 1961): linear on average. */
export function nth(values: Float32Array, k: number): number {
  const a = values.slice();
  let [low, high] = [0, a.length - 1];
  while (low < high) {
    const pivot = a[(low + high) >>> 1]!;
    let [i, j] = [low, high];
    while (i <= j) {
      while (a[i]! < pivot) i++;
      while (a[j]! > pivot) j--;
      if (i <= j) {
        [a[i], a[j]] = [a[j]!, a[i]!];
        i++;
        j--;
      }
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else break;
  }
  return a[k]!;
}

export function randomMask(size: number, count: number, random: Random): Mask {
  return smallest(Float32Array.from({ length: size }, () => random.float()), count);
}

/**
 * Keeps the n largest of every m consecutive weights along `axis` (2:4 of NVIDIA's sparse tensor cores; Mishra et al. 2021).
 * A last group that is not full keeps min(n, its length).
 */
export function nOfM(scores: Float32Array, dims: readonly number[], axis: number, n: number, m: number): Mask {
  const mask = new Uint8Array(scores.length).fill(1);
  const length = dims[axis]!;
  const inner = dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  const outer = scores.length / (length * inner);
  const group: number[] = [];
  for (let o = 0; o < outer; o++) for (let k = 0; k < inner; k++) {
    for (let from = 0; from < length; from += m) {
      group.length = 0;
      for (let i = from; i < Math.min(length, from + m); i++) group.push((o * length + i) * inner + k);
      group.sort((a, b) => scores[b]! - scores[a]! || a - b);
      for (const at of group.slice(n)) mask[at] = 0;
    }
  }
  return mask;
}

/**
 * Clears more of what an earlier mask left: `amount` of the weights that are still there, as a share or (from 1 on, a whole number) a
 * count. The same numbers as torch.nn.utils.prune when it is applied repeatedly.
 */
export function furtherMask(scores: Float32Array, previous: Mask, amount: number, unit: "share" | "count" = "share"): Mask {
  const left = Array.from(previous.keys()).filter((i) => previous[i] === 1);
  const inner = smallest(Float32Array.from(left, (i) => scores[i]!), unit === "share" ? countOf(amount, left.length) : amount);
  const mask = previous.slice();
  left.forEach((at, i) => (mask[at] = inner[i]!));
  return mask;
}
