/** The technique that removes whole units: filters, channels, heads. The model physically shrinks. */
import { defineTechnique, floatWeights, inferShapes, verified, type Json, type Model, type TechniqueContext } from "@lathe/core";
import { pruneErrors } from "./errors.ts";
import { channelOptions, type ChannelOptions } from "./options.ts";
import { plansOf, type Plans } from "./plans.ts";
import { cutCopy } from "./structure/copy.ts";
import { cut } from "./structure/cut.ts";
import { dependencyGraph, type DependencyGraph } from "./structure/dependency-graph.ts";
import { prepare } from "./structure/prepare.ts";
import { searchLatency, type LatencyTrial } from "./target/latency.ts";
import { counter } from "./target/measure.ts";
import type { Path } from "./target/path.ts";
import { searchRatio } from "./target/search-ratio.ts";
import { chosenGroups, held, Measurements, recover, scoreGroups, unitCounts, warnApproximate, widthCurve, widths } from "./unit-pruning.ts";

/**
 * @example pipeline(pruneChannels({ ratio: 0.5, target: "macs", roundTo: 8 })).run(model)
 * @example pipeline(pruneChannels({ ratio: 0.4, target: "latency", roundTo: 8, refit: true })).run(model, { data, runtime })
 */
export const pruneChannels = defineTechnique({
  name: "prune-channels",
  summary: "Removes whole channels, filters and heads that matter least; the model physically shrinks.",
  options: channelOptions,
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    await prepare(model, ctx.ops, ctx.signal);
    const graph = dependencyGraph(model, { ops: ctx.ops, factor: options.factor });
    const groups = chosenGroups(graph, options.exclude, Object.keys(options.ratios ?? {}));
    const measurements = new Measurements(ctx, options.samples);
    const scored = await scoreGroups(model, groups, options, ctx, measurements);
    const plans = await plansOf(model, graph, scored, options, ctx, measurements);
    const { ratio, speedup, trials } = await unitRatio(model, graph, plans, options, ctx, measurements);
    const selection = plans.at(ratio);
    warnApproximate(selection, ctx);
    const original = model.clone();
    const kept = cut(model, graph, selection);
    inferShapes(model, { ops: ctx.ops });
    const recovered = await recover(model, original, kept, options, ctx, measurements);
    return {
      metrics: { ...unitCounts(groups, selection), unitRatio: ratio, ...(speedup === undefined ? {} : { speedup }), ...recovered },
      details: { widths: widths(groups, selection), held: held(graph), trials: trials.map((t) => ({ ...t })), ...(plans.path ? { sensitivity: sensitivities(plans.path) } : {}), curves: [widthCurve(groups, selection)] },
    };
  },
});

interface Found {
  readonly ratio: number;
  readonly speedup?: number;
  readonly trials: readonly LatencyTrial[];
}

/** The share of units that reaches the target. @throws PRUNE_TARGET, PRUNE_LATENCY, PRUNE_UNKNOWN_WORK */
async function unitRatio(model: Model, graph: DependencyGraph, plans: Plans, options: ChannelOptions, ctx: TechniqueContext, measurements: Measurements): Promise<Found> {
  const { target, ratio, maxRatio, factor, rounds, threads, tolerance } = options;
  if (target === "units") return { ratio, trials: [] };
  // Along a path, widths are limited where it is made.
  const largest = options.scope === "sensitivity" ? 1 : maxRatio;
  const trial = (at: number): Model => cutCopy(model, graph, plans.at(at), { ops: ctx.ops, factor }).model;
  // Sizes are counted with the shapes of the first sample, where there are data.
  const feeds = target === "latency" || ctx.services.data ? (await measurements.batches())[0] : undefined;
  if (target !== "latency") {
    const count = counter(target, model, feeds, ctx.ops);
    const found = searchRatio(count, model, trial, ratio, largest);
    if (found === undefined) throw pruneErrors.PRUNE_TARGET({ target: target === "macs" ? "multiply-adds" : target, wanted: ratio, reached: 1 - count(trial(largest)) / count(model) });
    return { ratio: found, trials: [] };
  }
  const wanted = 1 / (1 - ratio);
  const onTrial = ({ ratio: at, speedup, confirms }: LatencyTrial): void => ctx.progress({ done: 1, message: `${Math.round(at * 100)} % of units: ${speedup.toFixed(2)} times as fast${confirms ? ", measured again" : ""}` });
  const found = await searchLatency(model, trial, wanted, largest, { runtime: measurements.runtime, feeds: feeds ?? {}, rounds, tolerance, threads, ops: ctx.ops, signal: ctx.signal, onTrial });
  if (Math.abs(found.speedup / wanted - 1) > tolerance) ctx.warn({ code: "PRUNE_SPEED_STEP", message: `Measured again, the cut is ${found.speedup.toFixed(2)} times as fast; ${wanted.toFixed(2)} was wanted: time falls in steps, or other programs disturbed it.` });
  return found;
}

const sensitivities = ({ points }: Path): Json[] => points.map(({ group, points: list }) => ({ group: group.name, points: list.map((p) => ({ ...p })) }));
