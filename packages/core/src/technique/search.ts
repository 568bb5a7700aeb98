import * as z from "zod";
import type { Model } from "../ir/model.ts";
import { modelSize } from "../stats-size.ts";
import { techniqueErrors } from "./errors.ts";
import type { Scores } from "./services.ts";
import type { Json, Step, TechniqueContext } from "./contract.ts";
import { jsonOf } from "./run-step.ts";
import { defineComposite } from "./technique.ts";

const options = z.strictObject({
  goal: z.enum(["score", "bytes", "parameters"]).default("score").describe("what the winner has most (score) or least (bytes, parameters) of"),
  maxDrop: z.number().min(0).optional().describe("largest loss of score against the model that came in; candidates that lose more are out"),
  budget: z.int().min(1).optional().describe("how many candidates to try at most; more than that are sampled by the seed"),
});

/**
 * Tries each candidate step on a clone, judges it with the `evaluate` service and goes on with the best. Ties go to the earlier
 * candidate. A candidate that throws counts as failed; the search goes on.
 *
 * @example search({ goal: "bytes", maxDrop: 0.01 }, ...space(prune, { ratio: [0.3, 0.5, 0.7] }))
 * @throws SEARCH_NOTHING_FITS when every candidate failed or lost more than `maxDrop`.
 */
export const search = defineComposite({
  name: "search",
  summary: "Tries candidate steps and keeps the best by score or by size.",
  options,
  needs: ["evaluate"],
  async apply(model, { goal, maxDrop, budget }, ctx) {
    const candidates = sampled(ctx, budget ?? ctx.steps.length);
    const total = candidates.length + (maxDrop === undefined ? 0 : 1);
    let done = 0;
    const judge = async (judged: Model): Promise<number> => {
      const score = mainScore(await ctx.services.evaluate(judged, { signal: ctx.signal, progress: () => ctx.signal.throwIfAborted() }));
      ctx.progress({ done: ++done, total });
      return score;
    };
    const floor = maxDrop === undefined ? -Infinity : (await judge(model)) - maxDrop;
    const trials: Trial[] = [];
    let best: { readonly trial: Trial; readonly model: Model } | undefined;
    for (const step of candidates) {
      const { trial, made } = await attempt(step, model, ctx, judge);
      trials.push(trial);
      if (made && trial.score >= floor && (!best || better(goal, trial, best.trial))) best = { trial, model: made };
    }
    if (!best) throw techniqueErrors.SEARCH_NOTHING_FITS(nothingFits(trials, floor));
    const { score, bytes, parameters } = best.trial;
    const details = trials.map((trial) => ({ ...trial, score: Number.isFinite(trial.score) ? trial.score : null, chosen: trial === best.trial }));
    return { model: best.model, metrics: { tried: trials.length, score, bytes, parameters }, details };
  },
});

/**
 * Steps for every combination of the listed option values, the last option varying fastest.
 *
 * @example space(prune, { ratio: [0.3, 0.5], score: ["l1", "l2"] }) // four steps
 */
export function space<In extends object, T extends Step>(
  technique: (options: In) => T,
  grid: { readonly [K in keyof In]: readonly In[K][] },
): T[] {
  const axes = Object.entries<readonly unknown[]>(grid as Record<string, readonly unknown[]>);
  const points = axes.reduce<Record<string, unknown>[]>(
    (made, [key, values]) => made.flatMap((point) => values.map((value) => ({ ...point, [key]: value }))),
    [{}],
  );
  return points.map((point) => technique(point as In));
}

interface Trial {
  readonly use: string;
  readonly with: Json;
  /** NaN when the candidate failed. */
  readonly score: number;
  readonly bytes: number;
  readonly parameters: number;
  readonly error?: string;
}

type Context = Pick<TechniqueContext<"evaluate">, "run" | "signal" | "steps" | "random">;

async function attempt(step: Step, model: Model, ctx: Context, judge: (model: Model) => Promise<number>): Promise<{ trial: Trial; made?: Model }> {
  const given = { use: step.name, with: jsonOf(step.given ?? {}) };
  try {
    const { model: made } = await ctx.run(step, model.clone());
    const { bytes, parameters } = modelSize(made);
    return { trial: { ...given, score: await judge(made), bytes, parameters }, made };
  } catch (error) {
    ctx.signal.throwIfAborted();
    return { trial: { ...given, score: NaN, bytes: 0, parameters: 0, error: error instanceof Error ? error.message : String(error) } };
  }
}

/** The candidates in their order, at most `budget` of them, drawn by the step's seed. */
function sampled(ctx: Context, budget: number): readonly Step[] {
  if (budget >= ctx.steps.length) return ctx.steps;
  const drawn = new Set(ctx.random.shuffle(ctx.steps.map((_, i) => i)).slice(0, budget));
  return ctx.steps.filter((_, i) => drawn.has(i));
}

function better(goal: "score" | "bytes" | "parameters", a: Trial, b: Trial): boolean {
  return goal === "score" ? a.score > b.score : a[goal] < b[goal];
}

/** The number that is compared: the only one, or the first of several. */
export function mainScore(scores: Scores): number {
  return typeof scores === "number" ? scores : (Object.values(scores)[0] ?? NaN);
}

function nothingFits(trials: readonly Trial[], floor: number): { tried: number; constraint: string; best: string } {
  const [nearest] = trials.filter((t) => !Number.isNaN(t.score)).sort((a, b) => b.score - a.score);
  const failed = trials.find((t) => t.error !== undefined);
  const best = nearest ? `${nearest.use} ${JSON.stringify(nearest.with)} with ${nearest.score}` : (failed?.error ?? "none gave a score");
  return { tried: trials.length, constraint: floor === -Infinity ? "the search" : `score >= ${floor}`, best };
}
