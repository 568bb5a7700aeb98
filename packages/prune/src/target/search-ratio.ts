/** The share of units whose cut takes the wanted share of something else away. */
import type { Model } from "@lathe/core";

/** Makes the model that a share of units would leave. */
export type Trial = (ratio: number) => Model;

/** Least ratio (to 1/128 of the range) whose cut takes at least the wanted share of what `measure` gives away, by bisection; undefined when even `largest` takes less. */
export function searchRatio(measure: (model: Model) => number, model: Model, trial: Trial, wanted: number, largest: number): number | undefined {
  const before = measure(model);
  const reaches = (ratio: number): boolean => 1 - measure(trial(ratio)) / before >= wanted;
  if (!reaches(largest)) return undefined;
  let [low, high] = [0, largest];
  for (let i = 0; i < 7; i++) {
    const middle = (low + high) / 2;
    if (reaches(middle)) high = middle;
    else low = middle;
  }
  return high;
}
