/** What one pass over the data keeps of a tensor: enough for every calibration method. */
import { quantizeErrors } from "../errors.ts";
import { valueExtremes } from "../kernel/tensors.ts";
import { addToHistogram, type Histogram } from "./histogram.ts";

export interface TensorStatistics {
  readonly min: number;
  readonly max: number;
  /** Averages of the samples' extremes. */
  readonly averageMin: number;
  readonly averageMax: number;
  readonly samples: number;
  readonly histogram?: Histogram | undefined;
}

export interface StatisticsOptions {
  readonly histogram: boolean;
  /** Bins a histogram starts with. */
  readonly bins: number;
  /** Weight of a new sample in the averages; undefined: the plain mean. */
  readonly averagingConstant?: number | undefined;
}

/** Adds a sample of which only the extremes are known. @throws QUANT_RANGE_NOT_FINITE */
export function addExtremes(old: TensorStatistics | undefined, min: number, max: number, options: StatisticsOptions, tensor: string): TensorStatistics {
  if (!Number.isFinite(min) || !Number.isFinite(max)) throw quantizeErrors.QUANT_RANGE_NOT_FINITE({ tensor, min, max });
  if (!old) return { min, max, averageMin: min, averageMax: max, samples: 1 };
  const weight = options.averagingConstant ?? 1 / (old.samples + 1);
  return {
    min: Math.min(old.min, min),
    max: Math.max(old.max, max),
    averageMin: old.averageMin + weight * (min - old.averageMin),
    averageMax: old.averageMax + weight * (max - old.averageMax),
    samples: old.samples + 1,
    histogram: old.histogram,
  };
}

/** Adds a sample with all its values; an empty tensor counts as zero. @throws QUANT_RANGE_NOT_FINITE for NaN and infinity */
export function addValues(old: TensorStatistics | undefined, data: Float32Array, options: StatisticsOptions, tensor: string): TensorStatistics {
  const { min, max } = extremesOf(data);
  const stats = addExtremes(old, min, max, options, tensor);
  if (!options.histogram) return stats;
  return { ...stats, histogram: addToHistogram(old?.histogram, data, Math.max(Math.abs(min), Math.abs(max)), options.bins) };
}

function extremesOf(data: Float32Array): { min: number; max: number } {
  const found = valueExtremes(data);
  // The plain loop names the value.
  return found?.finite ? found : extremes(data);
}

function extremes(data: Float32Array): { min: number; max: number } {
  if (data.length === 0) return { min: 0, max: 0 };
  let min = data[0]!;
  let max = data[0]!;
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!;
    if (x < min) min = x;
    else if (x > max) max = x;
    if (x - x !== 0) return { min: x, max: x };
  }
  return { min, max };
}
