/**
 * The range whose 8-bit histogram diverges least (Kullback-Leibler) from the full one, after S. Migacz, "8-bit inference with
 * TensorRT" (GTC 2017), as ONNX Runtime's calibrator computes it. A search needs many more bins than the 128 it quantizes to:
 * with 128 starting bins, the default there, there is one candidate and the answer is min/max.
 *
 * Every candidate is judged in time that depends on the number of quantized bins alone: sums over its bins come from prefix sums.
 */
import { histogramEdges, type Histogram } from "./histogram.ts";
import { tableLog } from "../kernel/tables.ts";
import type { Range } from "../spec.ts";

/** What an empty bin counts in place of nothing; taken evenly off the others. */
const EPSILON = 1e-4;
const LOG_EPSILON = Math.log(EPSILON);
/** Made at the first search. */
let logarithm: ((x: number) => number) | undefined;

export function entropyRange(histogram: Histogram, observed: Range, quantizedBins = 128): Range {
  const { counts, bins } = histogram;
  const edges = histogramEdges(histogram);
  const middle = bins >> 1;
  const half = quantizedBins >> 1;
  const divergence = judge(counts, quantizedBins);
  let best = Infinity;
  let range: Range = { min: edges[Math.max(0, middle - half)]!, max: edges[Math.min(bins, middle + half + 1)]! };
  for (let i = half; i <= middle; i++) {
    const start = middle - i;
    const end = Math.min(middle + i + 1, bins);
    const d = divergence(start, end);
    if (d < best) {
      best = d;
      range = { min: edges[start]!, max: edges[end]! };
    }
  }
  return { min: Math.max(range.min, observed.min), max: Math.min(range.max, observed.max) };
}

const prefix = (counts: Float64Array, term: (c: number) => number): Float64Array => {
  const sums = new Float64Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) sums[i + 1] = sums[i]! + term(counts[i]!);
  return sums;
};

/**
 * Divergence of bins [start, end) with the tails folded into the edge bins (p) from the same bins merged into groups and spread again
 * (q: an integer quotient in every bin of a group; nothing beyond the last whole group). Both are smoothed: empty bins get EPSILON,
 * which the others give. With a and b the smoothed counts, KL = log(sum b / sum a) + (sum a log a - sum a log b) / sum a.
 */
function judge(counts: Float64Array, groups: number): (start: number, end: number) => number {
  const mass = prefix(counts, (c) => c);
  const filled = prefix(counts, (c) => (c > 0 ? 1 : 0));
  const cLogC = prefix(counts, (c) => (c > 0 ? c * Math.log(c) : 0));
  const logC = prefix(counts, (c) => (c > 0 ? Math.log(c) : 0));
  const inverse = prefix(counts, (c) => (c > 0 ? 1 / c : 0));
  const total = mass[counts.length]!;
  const quotients = new Float64Array(groups);
  const fills = new Float64Array(groups);
  const log = (logarithm ??= tableLog());

  return (start, end) => {
    const length = end - start;
    const width = Math.floor(length / groups);
    // The tails make the edge bins fuller than the histogram says.
    const first = mass[start + 1]!;
    const last = total - mass[end - 1]!;
    const newFirst = first > 0 && counts[start] === 0 ? 1 : 0;
    const newLast = last > 0 && counts[end - 1] === 0 ? 1 : 0;
    const full = filled[end]! - filled[start]! + newFirst + newLast;
    const grouped = groups * width;
    let emptyQ = length - grouped;
    let sumQ = 0;
    for (let g = 0, from = start; g < groups; g++, from += width) {
      const to = from + width;
      const inGroup = filled[to]! - filled[from]! + (g === 0 ? newFirst : 0) + (to === end ? newLast : 0);
      const q = inGroup > 0 ? Math.floor((mass[g === groups - 1 ? end : to]! - mass[from]!) / inGroup) : 0;
      fills[g] = inGroup;
      quotients[g] = q;
      if (q === 0) emptyQ += width;
      sumQ += q * width;
    }
    if (full === 0 || emptyQ === length) return Infinity;
    const lessP = (EPSILON * (length - full)) / full;
    const lessQ = (EPSILON * emptyQ) / (length - emptyQ);
    // (c - e) log(c - e) = c log c - e log c - e + e^2 / 2c, up to e^3; the edge bins apart.
    const inner = start + 1;
    const outer = end - 1;
    const innerFull = filled[outer]! - filled[inner]!;
    const exact = (c: number): number => (c > 0 ? (c - lessP) * Math.log(c - lessP) : EPSILON * LOG_EPSILON);
    const aLogA =
      cLogC[outer]! - cLogC[inner]! - lessP * (logC[outer]! - logC[inner]!) - lessP * innerFull + (lessP * lessP * (inverse[outer]! - inverse[inner]!)) / 2 +
      (outer - inner - innerFull) * EPSILON * LOG_EPSILON + exact(first) + exact(last);
    // Smoothed mass of each group times the logarithm of its smoothed quotient; the tails count in the first and the last bin.
    const rest = start + grouped;
    let aLogB = 0;
    if (rest < end) {
      const f = filled[end]! - filled[rest]! + newLast;
      aLogB = (total - mass[rest]! - lessP * f + EPSILON * (end - rest - f)) * LOG_EPSILON;
    }
    for (let g = 0, from = start; g < groups; g++, from += width) {
      const to = from + width;
      const f = fills[g]!;
      const m = (to === end ? total : mass[to]!) - (g === 0 ? 0 : mass[from]!);
      const q = quotients[g]!;
      aLogB += (m - lessP * f + EPSILON * (width - f)) * (q === 0 ? LOG_EPSILON : log(q - lessQ));
    }
    return Math.log(sumQ / total) + (aLogA - aLogB) / total;
  };
}
