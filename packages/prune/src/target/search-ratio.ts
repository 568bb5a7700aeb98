/** The share of units whose cut takes the wanted share of something else away. */
import { stats, type Feeds, type Model, type OpTable, type Runtime } from "@lathe/core";
import { pruneErrors } from "../errors.ts";

export type Target = "units" | "parameters" | "bytes" | "macs" | "latency";

/** Makes the model that a share of units would leave. */
export type Trial = (ratio: number) => Model;

/** Least ratio (to 1/128 of the range) whose cut takes at least the wanted share away, by bisection. */
export function searchRatio(model: Model, trial: Trial, target: "parameters" | "bytes" | "macs", wanted: number, largest: number, ops: OpTable): number {
  const measure = (m: Model): number => {
    const facts = stats(m, { ops, sparsity: false });
    return facts[target];
  };
  const before = measure(model);
  let [low, high] = [0, largest];
  for (let i = 0; i < 7; i++) {
    const middle = (low + high) / 2;
    if (1 - measure(trial(middle)) / before < wanted) low = middle;
    else high = middle;
  }
  return high;
}

export interface LatencyOptions {
  readonly runtime: Runtime;
  readonly feeds: Feeds;
  /** Timed rounds of each trial. */
  readonly rounds: number;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal;
  readonly onTrial?: (ratio: number, speedup: number) => void;
}

export interface LatencyTrial {
  readonly ratio: number;
  /** Times as fast as the original, measured in turns with it. */
  readonly speedup: number;
}

/**
 * Least ratio whose cut is at least `wanted` times as fast, measured in the runtime. Time is no smooth function of width (it falls in
 * steps of the kernels' tile sizes), so every trial is kept and the smallest that reached the target is taken.
 * @throws PRUNE_LATENCY when even the largest cut is slower.
 */
export async function searchLatency(model: Model, trial: Trial, wanted: number, largest: number, options: LatencyOptions): Promise<{ ratio: number; trials: LatencyTrial[] }> {
  const { benchmark } = await import("@lathe/ort");
  const { runtime, feeds, rounds, threads, signal } = options;
  const trials: LatencyTrial[] = [];
  const fastEnough = async (ratio: number): Promise<boolean> => {
    const { timings } = await benchmark({ before: model, after: trial(ratio) }, feeds, { runtime, rounds, ...(threads === undefined ? {} : { threads }), ...(signal ? { signal } : {}) });
    const { speedup } = timings[1]!;
    trials.push({ ratio, speedup });
    options.onTrial?.(ratio, speedup);
    return speedup >= wanted;
  };
  if (!(await fastEnough(largest))) throw pruneErrors.PRUNE_LATENCY({ wanted, reached: trials[0]!.speedup });
  let [low, high] = [0, largest];
  for (let i = 0; i < 5; i++) {
    const middle = (low + high) / 2;
    if (await fastEnough(middle)) high = middle;
    else low = middle;
  }
  return { ratio: high, trials };
}
