/** Order statistics of measured times. */

/** Linear interpolation between the two nearest ranks; `p` from 0 to 1. `sorted` is ascending and not empty. */
export function quantile(sorted: readonly number[], p: number): number {
  const at = (sorted.length - 1) * p;
  const low = Math.floor(at);
  const a = sorted[low]!;
  return a + ((sorted[low + 1] ?? a) - a) * (at - low);
}

export const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
export const median = (values: readonly number[]): number => quantile(ascending(values), 0.5);

/** Median absolute deviation from the median: a spread that a few disturbed rounds do not move. */
export function medianDeviation(values: readonly number[]): number {
  const middle = median(values);
  return median(values.map((v) => Math.abs(v - middle)));
}
