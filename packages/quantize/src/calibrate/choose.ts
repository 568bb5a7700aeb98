/** From what was observed of a tensor to its range: one function per method, all from the same statistics. */
import { isSigned, quantParams, integerRange, type QuantType } from "../params.ts";
import { restrictTo, type Range } from "../spec.ts";
import { entropyRange } from "./entropy.ts";
import { histogramEdges, type Histogram } from "./histogram.ts";
import type { TensorStatistics } from "./statistics.ts";

export const calibrationMethods = ["minmax", "moving-average", "absmax", "percentile", "entropy", "mse"] as const;
export type CalibrationMethod = (typeof calibrationMethods)[number];

export interface ChooseOptions {
  readonly method: CalibrationMethod;
  /** Share of values, in percent, that stays inside the range (percentile). Default 99.999. */
  readonly percentile?: number | undefined;
  /** The range is symmetric about 0. */
  readonly symmetric?: boolean | undefined;
  /** Bins that entropy quantizes to. Default 128. */
  readonly quantizedBins?: number | undefined;
  /** Type whose rounding error `mse` minimises. Default uint8. */
  readonly dtype?: QuantType | undefined;
}

/** True when the method needs a histogram, not just extremes. */
export const needsHistogram = (method: CalibrationMethod): boolean => method === "percentile" || method === "entropy" || method === "mse";

export function chooseRange(stats: TensorStatistics, options: ChooseOptions): Range {
  const range = pick(stats, options);
  if (!options.symmetric && options.method !== "absmax") return range;
  const reach = Math.max(-range.min, range.max);
  // What has no negative values keeps its end at 0: a Relu may have been left to the quantizer.
  return !options.symmetric && range.min >= 0 ? { min: 0, max: reach } : { min: -reach, max: reach };
}

function pick(stats: TensorStatistics, options: ChooseOptions): Range {
  const observed = { min: stats.min, max: stats.max };
  const { histogram } = stats;
  switch (options.method) {
    case "minmax":
    case "absmax":
      return observed;
    case "moving-average":
      return { min: stats.averageMin, max: stats.averageMax };
    case "percentile":
      return histogram ? percentileRange(histogram, observed, options.percentile ?? 99.999, options.symmetric ?? false) : observed;
    case "entropy":
      return histogram ? entropyRange(histogram, observed, options.quantizedBins) : observed;
    case "mse":
      return histogram ? mseRange(histogram, observed, options.dtype ?? "uint8", options.symmetric ?? false) : observed;
  }
}

/** Cuts half of (100 - percentile) % of the values from each side; symmetric: all of it by magnitude. */
export function percentileRange(histogram: Histogram, observed: Range, percentile: number, symmetric: boolean): Range {
  const edges = histogramEdges(histogram);
  const { counts, bins } = histogram;
  let total = 0;
  for (const c of counts) total += c;
  if (symmetric) return symmetricPercentile(counts, edges, total, percentile, observed);
  const cut = (100 - percentile) / 200;
  let left = -1;
  let right = bins;
  let seen = 0;
  for (let i = 0; i < bins; i++) {
    seen += counts[i]! / total;
    if (left < 0 && seen >= cut) left = i;
    if (seen >= 1 - cut) {
      right = i;
      break;
    }
  }
  return restrictTo(observed, { min: edges[Math.max(left, 0)]!, max: edges[right]! });
}

function symmetricPercentile(counts: Float64Array, edges: Float32Array, total: number, percentile: number, observed: Range): Range {
  const middle = counts.length / 2;
  const wanted = (total * percentile) / 100;
  let seen = counts.length % 2 === 1 ? counts[Math.floor(middle)]! : 0;
  for (let k = 0; k < Math.floor(middle); k++) {
    const upper = Math.ceil(middle) + k;
    seen += counts[upper]! + counts[counts.length - 1 - upper]!;
    if (seen >= wanted) {
      const reach = Math.min(edges[upper + 1]!, Math.max(-observed.min, observed.max));
      return { min: -reach, max: reach };
    }
  }
  return observed;
}

/** Steps between the full range and a fifth of it that `mse` tries. */
const MSE_STEPS = 80;

/** The range with the least mean squared error of rounding and clipping; both ends shrink by the same factor. */
export function mseRange(histogram: Histogram, observed: Range, dtype: QuantType, symmetric: boolean): Range {
  const edges = histogramEdges(histogram);
  const reach = Math.max(-observed.min, observed.max);
  const full = symmetric ? { min: isSigned(dtype) || observed.min < 0 ? -reach : 0, max: reach } : observed;
  let best = Infinity;
  let chosen = full;
  for (let step = 0; step < MSE_STEPS; step++) {
    const share = 1 - step / (MSE_STEPS / 0.8);
    const range = { min: full.min * share, max: full.max * share };
    const error = squaredError(histogram, edges, range, dtype, symmetric);
    if (error < best) {
      best = error;
      chosen = range;
    }
  }
  return chosen;
}

function squaredError({ counts, bins }: Histogram, edges: Float32Array, range: Range, dtype: QuantType, symmetric: boolean): number {
  const qrange = integerRange(dtype, { symmetric });
  const { scale, zeroPoint } = quantParams(range.min, range.max, qrange, symmetric);
  const low = (qrange[0] - zeroPoint) * scale;
  const high = (qrange[1] - zeroPoint) * scale;
  const rounding = (scale * scale) / 12;
  let error = 0;
  for (let i = 0; i < bins; i++) {
    if (counts[i] === 0) continue;
    const x = (edges[i]! + edges[i + 1]!) / 2;
    const beyond = x < low ? low - x : x > high ? x - high : 0;
    error += counts[i]! * (beyond > 0 ? beyond * beyond : rounding);
  }
  return error;
}
