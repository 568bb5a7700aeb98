/** Weight sharing: one-dimensional k-means over the values of a tensor (Han et al. 2016). */
import type { Random } from "@lathe/core";

export type Start = "linear" | "density" | "random" | "plus-plus";

export interface Clusters {
  /** Ascending. */
  readonly centroids: Float32Array;
  /** Index into centroids, for each value. */
  readonly indices: Uint16Array;
}

/**
 * At most `count` centroids. With `keepZeros`, one of them is exactly 0 and has all zeros and nothing else moves it, so that sparsity
 * survives. Lloyd's iterations run until no value changes its cluster, 100 at most.
 */
export function kMeans(data: Float32Array, count: number, start: Start, keepZeros: boolean, random: Random): Clusters {
  const values = keepZeros ? data.filter((x) => x !== 0) : data;
  const hasZeros = values.length < data.length;
  const sorted = values.slice().sort();
  const wanted = Math.min(hasZeros ? count - 1 : count, distinct(sorted));
  let centroids = wanted > 0 ? initial(sorted, wanted, start, random).sort() : new Float64Array(0);
  for (let i = 0; i < 100 && wanted > 0; i++) {
    const next = means(sorted, centroids);
    if (next.every((c, k) => c === centroids[k])) break;
    centroids = next;
  }
  const all = Float32Array.from(hasZeros ? [...centroids, 0] : centroids).sort();
  return { centroids: all, indices: Uint16Array.from(data, (x) => (hasZeros && x === 0 ? all.indexOf(0) : nearest(all, x, hasZeros))) };
}

function distinct(sorted: Float32Array): number {
  let n = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) n++;
  return n;
}

function initial(sorted: Float32Array, count: number, start: Start, random: Random): Float64Array {
  const [least, most] = [sorted[0]!, sorted.at(-1)!];
  if (start === "linear") return Float64Array.from({ length: count }, (_, k) => (count === 1 ? (least + most) / 2 : least + ((most - least) * k) / (count - 1)));
  if (start === "density") return Float64Array.from({ length: count }, (_, k) => sorted[Math.floor(((k + 0.5) / count) * sorted.length)]!);
  if (start === "random") return Float64Array.from({ length: count }, () => sorted[random.int(sorted.length)]!);
  return plusPlus(sorted, count, random);
}

/** Each next centre is drawn with a chance that grows with the squared distance to the nearest one so far (Arthur & Vassilvitskii 2007). */
function plusPlus(sorted: Float32Array, count: number, random: Random): Float64Array {
  const centres = [sorted[random.int(sorted.length)]!];
  const distance = Float64Array.from(sorted, (x) => (x - centres[0]!) ** 2);
  while (centres.length < count) {
    let left = random.float() * distance.reduce((a, b) => a + b, 0);
    const at = distance.findIndex((d) => (left -= d) <= 0 && d > 0);
    const centre = sorted[at < 0 ? random.int(sorted.length) : at]!;
    centres.push(centre);
    sorted.forEach((x, i) => (distance[i] = Math.min(distance[i]!, (x - centre) ** 2)));
  }
  return Float64Array.from(centres);
}

/** Mean of the values nearest to each centroid; one without values stays. Sorted values lie in runs, so this is one sweep. */
function means(sorted: Float32Array, centroids: Float64Array): Float64Array {
  const out = centroids.slice();
  let at = 0;
  for (let k = 0; k < centroids.length; k++) {
    const border = k + 1 < centroids.length ? (centroids[k]! + centroids[k + 1]!) / 2 : Infinity;
    let [sum, n] = [0, 0];
    for (; at < sorted.length && sorted[at]! <= border; at++) {
      sum += sorted[at]!;
      n++;
    }
    if (n > 0) out[k] = sum / n;
  }
  return out.sort();
}

/** Nearest centroid; what is not zero keeps off a reserved zero. */
function nearest(centroids: Float32Array, x: number, zeroIsReserved: boolean): number {
  let [best, distance] = [0, Infinity];
  for (let k = 0; k < centroids.length; k++) {
    if (zeroIsReserved && centroids[k] === 0) continue;
    const d = Math.abs(centroids[k]! - x);
    if (d < distance) [best, distance] = [k, d];
  }
  return best;
}
