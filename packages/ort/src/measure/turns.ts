/** Timing of models in turns, on any runtime: needs nothing of Node. */
import { feedsOf, type Feeds, type ModelSource, type OptimizationLevel, type Runtime, type Session } from "@lathe/core";
import { ortErrors } from "../errors.ts";
import { ascending, median, medianDeviation, quantile } from "./statistics.ts";

export interface TurnsOptions {
  /** Timed samples of each model. Default 30. */
  readonly rounds?: number;
  /** Runs of each model before timing. Default 3. */
  readonly warmup?: number;
  /** Least time of one sample in ms; short runs are repeated within a sample until it is reached. Default 5. */
  readonly minSampleMs?: number;
  /** Default: what the runtime takes. */
  readonly threads?: number;
  /** Default "all", as users run models. */
  readonly optimization?: OptimizationLevel;
  readonly runtime: Runtime;
  readonly signal?: AbortSignal;
  readonly onRound?: (done: number) => void;
}

export interface Timing {
  readonly name: string;
  /** Milliseconds per run. */
  readonly median: number;
  /** Median absolute deviation, ms. */
  readonly spread: number;
  readonly p5: number;
  readonly p95: number;
  /** Median over rounds of (first model's time / this one's): how many times faster than the first. 1 for the first. */
  readonly speedup: number;
  /** Runs within one sample. */
  readonly repeats: number;
  readonly samples: readonly number[];
}

/**
 * Times models against each other. They take turns round by round, in alternating order, so that a disturbance of the machine hits all
 * of them; compare times of the same call, never of two calls. The first model is the baseline.
 * @throws ORT_NO_SAMPLES without models, ORT_OPTION without rounds
 */
export async function timeInTurns(models: Readonly<Record<string, ModelSource>>, feeds: Feeds, options: TurnsOptions): Promise<readonly Timing[]> {
  const { rounds = 30, warmup = 3, minSampleMs = 5, optimization = "all", runtime, signal } = options;
  if (Object.keys(models).length === 0) throw ortErrors.ORT_NO_SAMPLES({ helper: "benchmark" });
  if (!(rounds >= 1)) throw ortErrors.ORT_OPTION({ option: "rounds", expected: "1 or more", received: String(rounds) });
  const load = { optimization, ...(options.threads ? { threads: options.threads } : {}), ...(signal ? { signal } : {}) };
  const runners: Runner[] = [];
  try {
    for (const [name, model] of Object.entries(models)) {
      const session = await runtime.load(model, load);
      runners.push({ name, session, feeds: feedsOf(session.inputs, feeds), repeats: 1, samples: [] });
    }
    for (const runner of runners) await warmUp(runner, warmup, minSampleMs, signal);
    for (let round = 0; round < rounds; round++) {
      for (const runner of round % 2 === 0 ? runners : runners.toReversed()) {
        signal?.throwIfAborted();
        runner.samples.push((await timed(runner)) / runner.repeats);
      }
      options.onRound?.(round + 1);
    }
  } finally {
    for (const { session } of runners) await session.dispose();
  }
  return runners.map((runner) => summary(runner, runners[0]!));
}

interface Runner {
  readonly name: string;
  readonly session: Session;
  readonly feeds: Feeds;
  readonly samples: number[];
  repeats: number;
}

async function timed({ session, feeds, repeats }: Runner): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) await session.run(feeds);
  return performance.now() - start;
}

/** Also finds how many runs make a sample long enough for the clock and the scheduler. */
async function warmUp(runner: Runner, runs: number, minSampleMs: number, signal: AbortSignal | undefined): Promise<void> {
  for (let i = 0; i < runs; i++) {
    signal?.throwIfAborted();
    await runner.session.run(runner.feeds);
  }
  const once = Math.min(await timed(runner), await timed(runner));
  runner.repeats = Math.max(1, Math.ceil(minSampleMs / Math.max(once, 1e-3)));
}

function summary({ name, samples, repeats }: Runner, baseline: Runner): Timing {
  const sorted = ascending(samples);
  return {
    name,
    median: quantile(sorted, 0.5),
    spread: medianDeviation(samples),
    p5: quantile(sorted, 0.05),
    p95: quantile(sorted, 0.95),
    speedup: median(samples.map((ms, i) => baseline.samples[i]! / ms)),
    repeats,
    samples,
  };
}
