/** The least cut that is as fast as wanted, measured in the runtime. */
import type { Feeds, Model, OpTable, Runtime } from "@lathe/core";
import { pruneErrors } from "../errors.ts";
import { approach } from "./approach.ts";
import { statsWith } from "./measure.ts";
import { searchRatio, type Trial } from "./search-ratio.ts";

export interface LatencyOptions {
  readonly runtime: Runtime;
  readonly feeds: Feeds;
  /** Timed rounds of each trial. */
  readonly rounds: number;
  /** Share of the wanted speed-up by which the measured one may miss it. Default 0.03. */
  readonly tolerance?: number;
  readonly threads?: number | undefined;
  readonly ops?: OpTable;
  readonly signal?: AbortSignal;
  readonly onTrial?: (trial: LatencyTrial) => void;
}

export interface LatencyTrial {
  readonly ratio: number;
  /** Times as fast as the original, measured in turns with it. */
  readonly speedup: number;
  /** True when a trial that had met the target was measured a second time: the first may have met it by luck. */
  readonly confirms: boolean;
}

export interface FoundLatency {
  readonly ratio: number;
  /** Of the measurement that confirmed the trial, which did not take part in choosing it. */
  readonly speedup: number;
  readonly trials: readonly LatencyTrial[];
}

/**
 * The least ratio whose cut is `wanted` times as fast, to the tolerance: see {@link approach}. The first trial is where the multiply-adds say
 * it should be. Time falls in steps of the kernels' tile sizes: where no width lies between too slow and too fast, the faster is taken.
 * @throws PRUNE_LATENCY when even the largest cut is too slow.
 */
export async function searchLatency(model: Model, trial: Trial, wanted: number, largest: number, options: LatencyOptions): Promise<FoundLatency> {
  const { tolerance = 0.03 } = options;
  const trials: LatencyTrial[] = [];
  const found = await approach({
    goal: 1 / wanted, slowest: 1 / (wanted * (1 - tolerance)), fastest: 1 / (wanted * (1 + tolerance)), largest, first: firstGuess(model, trial, wanted, largest, options),
    plan: (ratio) => widthsOf(trial(ratio)),
    time: async (ratio, confirms) => {
      options.signal?.throwIfAborted();
      const share = await timeShare(model, trial(ratio), options);
      trials.push({ ratio, speedup: 1 / share, confirms });
      options.onTrial?.(trials.at(-1)!);
      return share;
    },
  });
  if (!found) throw pruneErrors.PRUNE_LATENCY({ wanted, reached: Math.max(1, ...trials.map((t) => t.speedup)) });
  return { ratio: found.ratio, speedup: 1 / found.share, trials };
}

/** Time would fall with the multiply-adds if all were equally fast; where they are not known, with the share of units. */
function firstGuess(model: Model, trial: Trial, wanted: number, largest: number, { feeds, ops }: LatencyOptions): number {
  const macs = (m: Model): number => statsWith(m, feeds, ops).macs;
  return (macs(model) > 0 ? searchRatio(macs, model, trial, 1 - 1 / wanted, largest) : undefined) ?? Math.min(largest, 1 - 1 / wanted);
}

/** Widths of everything: models of equal shapes take equal time. */
const widthsOf = (model: Model): string => [...model.graph.initializers].map((v) => v.tensor!.dims.join("x")).join();

/** The cut model's time as a share of the original's, of the fastest quarter of runs in turns: what other programs do meanwhile only makes runs slower. */
async function timeShare(before: Model, after: Model, { runtime, feeds, rounds, threads, signal }: LatencyOptions): Promise<number> {
  const { benchmark } = await import("@lathe/ort");
  const { timings } = await benchmark({ before, after }, feeds, { runtime, rounds, ...(threads === undefined ? {} : { threads }), ...(signal ? { signal } : {}) });
  const [slow, quick] = timings.map(({ samples }) => fastestQuarter(samples)) as [number, number];
  return quick / slow;
}

function fastestQuarter(samples: readonly number[]): number {
  const fastest = samples.toSorted((a, b) => a - b).slice(0, Math.max(1, samples.length >> 2));
  return fastest.reduce((sum, ms) => sum + ms, 0) / fastest.length;
}
