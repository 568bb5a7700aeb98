/**
 * The range whose 8-bit histogram diverges least (Kullback-Leibler) from the full one, after S. Migacz, "8-bit inference with
 * TensorRT" (GTC 2017), as ONNX Runtime's calibrator computes it. A search needs many more bins than the 128 it quantizes to:
 * with 128 starting bins, the default there, there is one candidate and the answer is min/max.
 */
import { histogramEdges, type Histogram } from "./histogram.ts";
import type { Range } from "../spec.ts";

const SMOOTHING = 1e-4;

export function entropyRange(histogram: Histogram, observed: Range, quantizedBins = 128): Range {
  const { counts, bins } = histogram;
  const edges = histogramEdges(histogram);
  const middle = bins >> 1;
  const half = quantizedBins >> 1;
  const sums = prefixSums(counts);
  let best = Infinity;
  let range: Range = { min: edges[Math.max(0, middle - half)]!, max: edges[Math.min(bins, middle + half + 1)]! };
  for (let i = half; i <= middle; i++) {
    const start = middle - i;
    const end = Math.min(middle + i + 1, bins);
    const divergence = klDivergence(counts, sums, start, end, quantizedBins);
    if (divergence < best) {
      best = divergence;
      range = { min: edges[start]!, max: edges[end]! };
    }
  }
  return { min: Math.max(range.min, observed.min), max: Math.min(range.max, observed.max) };
}

function prefixSums(counts: Float64Array): Float64Array {
  const sums = new Float64Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) sums[i + 1] = sums[i]! + counts[i]!;
  return sums;
}

/**
 * Divergence of bins [start, end) with the tails folded into the edge bins (p) from the same bins merged into `groups` and spread
 * again over the bins of p that are not empty (q; an integer quotient, and empty beyond the last whole group).
 * Both are smoothed so that no bin is empty.
 */
function klDivergence(counts: Float64Array, sums: Float64Array, start: number, end: number, groups: number): number {
  const length = end - start;
  const width = Math.floor(length / groups);
  const total = sums[counts.length]!;
  const left = counts[start]! + sums[start]!;
  const right = counts[end - 1]! + total - sums[end]!;
  const edgeBin = (k: number, plain: number): number => (k === 0 ? left : k === length - 1 ? right : plain);
  const q = spread(counts, sums, start, length, width, groups, edgeBin);
  let emptyP = 0;
  let emptyQ = 0;
  let sumQ = 0;
  for (let k = 0; k < length; k++) {
    if (edgeBin(k, counts[start + k]!) === 0) emptyP++;
    if (q[k] === 0) emptyQ++;
    sumQ += q[k]!;
  }
  if (emptyP === length || emptyQ === length) return Infinity;
  const lessP = (SMOOTHING * emptyP) / (length - emptyP);
  const lessQ = (SMOOTHING * emptyQ) / (length - emptyQ);
  let divergence = 0;
  for (let k = 0; k < length; k++) {
    const plain = edgeBin(k, counts[start + k]!);
    const p = (plain === 0 ? SMOOTHING : plain - lessP) / total;
    const other = (q[k] === 0 ? SMOOTHING : q[k]! - lessQ) / sumQ;
    divergence += p * Math.log(p / other);
  }
  return divergence;
}

function spread(
  counts: Float64Array, sums: Float64Array, start: number, length: number, width: number, groups: number,
  edgeBin: (k: number, plain: number) => number,
): Float64Array {
  const q = new Float64Array(length);
  for (let g = 0; g < groups; g++) {
    const from = g * width;
    const to = from + width;
    const mass = sums[start + (g === groups - 1 ? length : to)]! - sums[start + from]!;
    let filled = 0;
    for (let k = from; k < to; k++) if (edgeBin(k, counts[start + k]!) !== 0) filled++;
    if (filled > 0) q.fill(Math.trunc(mass / filled), from, to);
  }
  return q;
}
