/** The technique that removes whole units: filters, channels, heads. The model physically shrinks. */
import { defineTechnique, floatWeights, inferShapes, verified, type Model } from "@lathe/core";
import { selectUnits, type Scored, type SelectOptions } from "./importance/select.ts";
import { channelOptions, type ChannelOptions } from "./options.ts";
import { cutCopy } from "./structure/copy.ts";
import { cut } from "./structure/cut.ts";
import { dependencyGraph, type DependencyGraph } from "./structure/dependency-graph.ts";
import { prepare } from "./structure/prepare.ts";
import { searchLatency, searchRatio, type LatencyTrial } from "./target/search-ratio.ts";
import { chosenGroups, held, Measurements, recover, scoreGroups, unitCounts, warnApproximate, widthCurve, widths, type PruneContext } from "./unit-pruning.ts";

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
    const { ratio, trials } = await unitRatio(model, graph, scored, options, ctx, measurements);
    const selection = selectUnits(scored, settings(options, ratio));
    warnApproximate(selection, ctx);
    const original = model.clone();
    const kept = cut(model, graph, selection);
    inferShapes(model, { ops: ctx.ops });
    const recovered = await recover(model, original, kept, options, ctx, measurements);
    const speedup = trials.findLast((t) => t.ratio === ratio)?.speedup;
    return {
      metrics: { ...unitCounts(groups, selection), unitRatio: ratio, ...(speedup === undefined ? {} : { speedup }), ...recovered },
      details: { widths: widths(groups, selection), held: held(graph), trials: trials.map((t) => ({ ...t })), curves: [widthCurve(groups, selection)] },
    };
  },
});

function settings(options: ChannelOptions, ratio: number): SelectOptions {
  const { scope, maxRatio, roundTo, minimum, ratios } = options;
  return { ratio, scope, maxRatio, roundTo, minimum, ...(ratios ? { ratios } : {}) };
}

/** The share of units that reaches the target. */
async function unitRatio(
  model: Model, graph: DependencyGraph, scored: readonly Scored[], options: ChannelOptions, ctx: PruneContext, measurements: Measurements,
): Promise<{ ratio: number; trials: readonly LatencyTrial[] }> {
  const { target, ratio, maxRatio, factor } = options;
  if (target === "units") return { ratio, trials: [] };
  const trial = (at: number): Model => cutCopy(model, graph, selectUnits(scored, settings(options, at)), { ops: ctx.ops, factor }).model;
  if (target !== "latency") return { ratio: searchRatio(model, trial, target, ratio, maxRatio, ctx.ops), trials: [] };
  const [feeds] = await measurements.batches();
  const { rounds, threads } = options;
  const onTrial = (at: number, speedup: number): void => ctx.progress({ done: 1, message: `${Math.round(at * 100)} % of units: ${speedup.toFixed(2)} times as fast` });
  return searchLatency(model, trial, 1 / (1 - ratio), maxRatio, { runtime: measurements.runtime, feeds: feeds!, rounds, threads, signal: ctx.signal, onTrial });
}
