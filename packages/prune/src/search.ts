/** The technique that finds each group's width by the user's own evaluation. */
import { defineTechnique, floatWeights, inferShapes, mainScore, verified, type Model } from "@lathe/core";
import { searchOptions } from "./options.ts";
import { cutCopy } from "./structure/copy.ts";
import { cut, type Selection } from "./structure/cut.ts";
import { dependencyGraph } from "./structure/dependency-graph.ts";
import { prepare } from "./structure/prepare.ts";
import { measureSensitivity, withinThreshold } from "./target/sensitivity.ts";
import { chosenGroups, Measurements, recover, scoreGroups, unitCounts, warnApproximate, widthCurve, widths } from "./unit-pruning.ts";

/**
 * Measures what each group's cut costs alone, then raises one threshold for all groups as long as the whole stays within the budget.
 * @example pipeline(pruneSearch({ maxDrop: 0.01 })).run(model, { evaluate })
 */
export const pruneSearch = defineTechnique({
  name: "prune-search",
  summary: "Cuts each group as far as your own evaluation allows.",
  options: searchOptions,
  needs: ["evaluate"],
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    await prepare(model, ctx.ops, ctx.signal);
    const dependency = { ops: ctx.ops, factor: options.factor };
    const graph = dependencyGraph(model, dependency);
    const groups = chosenGroups(graph, options.exclude);
    const measurements = new Measurements(ctx, options.samples);
    const scored = await scoreGroups(model, groups, options, ctx, measurements);
    const quiet = { signal: ctx.signal, progress: () => ctx.signal.throwIfAborted() };
    const { ops, random, signal } = ctx;
    const inner = { ops, random, signal, warn: () => undefined, progress: () => undefined, need: ctx.need.bind(ctx) };
    const judged = async (candidate: Model): Promise<number> => {
      await ctx.turn();
      return mainScore(await ctx.services.evaluate(candidate, quiet));
    };
    const judge = async (selection: Selection): Promise<number> => {
      const { model: candidate, kept } = cutCopy(model, graph, selection, dependency);
      await recover(candidate, model, kept, options, inner, measurements);
      return judged(candidate);
    };
    const reference = await judged(model);
    const curves = await measureSensitivity(scored, options.trialRatios, judge, reference, options.roundTo, (done, group) => ctx.progress({ done, total: groups.length, message: group.name }));
    let best: Selection = new Map();
    let score = reference;
    let [low, high] = [0, Math.max(options.maxDrop, ...curves.flatMap((c) => c.points.map((p) => p.drop)))];
    for (let i = 0; i < options.rounds; i++) {
      const middle = i === 0 ? Math.min(high, options.maxDrop) : (low + high) / 2;
      const selection = withinThreshold(scored, curves, middle, options.roundTo);
      const now = await judge(selection);
      if (reference - now <= options.maxDrop) [best, score, low] = [selection, now, middle];
      else high = middle;
    }
    warnApproximate(best, ctx);
    const original = model.clone();
    const kept = cut(model, graph, best);
    inferShapes(model, { ops: ctx.ops });
    const recovered = await recover(model, original, kept, options, ctx, measurements);
    const sensitivity = curves.map(({ group, points }) => ({ group: group.name, points: points.map((p) => ({ ...p })) }));
    return {
      metrics: { ...unitCounts(groups, best), score, reference, ...recovered },
      details: { widths: widths(groups, best), sensitivity, curves: [widthCurve(groups, best), { title: "Score lost when one group is cut", x: "share cut", y: "loss", series: sensitivity.map((s) => ({ name: s.group, points: s.points.map((p) => [p.ratio, p.drop]) })) }] },
    };
  },
});
