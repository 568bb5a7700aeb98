/** The technique that removes whole units: filters, channels, heads. The model physically shrinks. */
import { defineTechnique, floatWeights, inferShapes, stats, verified, type Json, type Model, type OpTable, type Random } from "@lathe/core";
import { z } from "zod";
import { pruneErrors } from "./errors.ts";
import { criterion, normalize } from "./importance/criteria.ts";
import { selectUnits, type Scored, type SelectOptions } from "./importance/select.ts";
import { cut, type Selection } from "./structure/cut.ts";
import { dependencyGraph, type DependencyGraph, type Group } from "./structure/dependency-graph.ts";
import { prepare } from "./structure/prepare.ts";

const share = z.number().min(0).max(0.99);

export const channelOptions = z.strictObject({
  ratio: share.default(0.3).describe("share of units (channels, heads ...) that are cut"),
  target: z.enum(["units", "parameters", "macs"]).default("units").describe("what `ratio` is a share of"),
  criterion: z.enum(["l1", "l2", "bn-scale", "fpgm", "lamp", "random"]).default("l2").describe("how the importance of a unit is judged"),
  scope: z.enum(["group", "global"]).default("global").describe("the same share in every group, or one ranking over all"),
  reduction: z.enum(["mean", "sum", "max", "first"]).default("mean").describe("how the weights that go with a unit are put together"),
  normalizer: z.enum(["mean", "max", "sum", "none"]).default("mean").describe("makes scores of different groups comparable"),
  maxRatio: share.default(0.8).describe("largest share that one group may lose"),
  roundTo: z.number().int().min(1).default(1).describe("kept widths are multiples of this (8 suits ONNX Runtime's kernels)"),
  minimum: z.number().int().min(1).default(1).describe("fewest units that stay in a group"),
  ratios: z.record(z.string(), share).optional().describe("share by group name, in place of ratio"),
  exclude: z.array(z.string()).optional().describe("groups (by name) that stay whole"),
  factor: z.enum(["auto", "first", "last"]).default("auto").describe("heads or head columns, groups or channels within groups"),
});

export type ChannelOptions = z.infer<typeof channelOptions>;

/**
 * @example pipeline(pruneChannels({ ratio: 0.5, target: "macs", roundTo: 8 })).run(model)
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
    const groups = chosenGroups(graph, options);
    const scored = score(groups, options, ctx.random);
    const ratio = options.target === "units" ? options.ratio : searchRatio(model, ctx.ops, graph, scored, options);
    const selection = selectUnits(scored, settings(options, ratio));
    for (const group of selection.keys()) if (group.approximate) ctx.warn({ code: "PRUNE_APPROXIMATE", message: `Group "${group.name}" passes a normalisation, so the cut changes what is kept a little: fine-tune afterwards.`, node: group.name });
    cut(model, graph, selection);
    inferShapes(model, { ops: ctx.ops });
    const units = groups.reduce((sum, g) => sum + g.units.length, 0);
    const gone = [...selection.values()].reduce((sum, s) => sum + s.size, 0);
    return { metrics: { groups: groups.length, units, removedUnits: gone, unitRatio: ratio }, details: widths(groups, selection) };
  },
});

/** Groups that may be cut. @throws PRUNE_NOTHING, PRUNE_UNKNOWN_GROUP */
function chosenGroups(graph: DependencyGraph, options: ChannelOptions): Group[] {
  const known = graph.groups.map((g) => g.name);
  for (const name of [...(options.exclude ?? []), ...Object.keys(options.ratios ?? {})]) if (!known.includes(name)) throw pruneErrors.PRUNE_UNKNOWN_GROUP({ group: name, known });
  const groups = graph.groups.filter((g) => !options.exclude?.includes(g.name));
  if (groups.length === 0) throw pruneErrors.PRUNE_NOTHING({ held: graph.held.map((h) => h.reason) });
  return groups;
}

function score(groups: readonly Group[], options: ChannelOptions, random: Random): Scored[] {
  const judge = criterion(options.criterion, options.reduction);
  return groups.map((group) => ({ group, scores: normalize(judge(group, random), options.normalizer) }));
}

function settings(options: ChannelOptions, ratio: number): SelectOptions {
  const { scope, maxRatio, roundTo, minimum, ratios } = options;
  return { ratio, scope, maxRatio, roundTo, minimum, ...(ratios ? { ratios } : {}) };
}

/** The unit ratio whose cut takes the wanted share of parameters or multiply-adds away, by bisection on clones (weights are shared). */
function searchRatio(model: Model, ops: OpTable, graph: DependencyGraph, scored: readonly Scored[], options: ChannelOptions): number {
  const measure = (m: Model): number => {
    const facts = stats(m, { ops, sparsity: false });
    return options.target === "macs" ? facts.macs : facts.parameters;
  };
  const before = measure(model);
  let [low, high] = [0, options.maxRatio];
  for (let i = 0; i < 7; i++) {
    const middle = (low + high) / 2;
    if (1 - measure(trial(model, ops, graph, selectUnits(scored, settings(options, middle)))) / before < options.ratio) low = middle;
    else high = middle;
  }
  return high;
}

/** The cut on a clone: the graph of dependencies is built again there and units are matched by place. */
function trial(model: Model, ops: OpTable, graph: DependencyGraph, selection: Selection): Model {
  const copy = model.clone();
  const twin = dependencyGraph(copy, { ops });
  const place = new Map(graph.groups.map((group, g) => [group, g]));
  const mapped = new Map([...selection].map(([group, units]) => {
    const other = twin.groups[place.get(group)!]!;
    const gone = new Set(group.units.flatMap((unit, u) => (units.has(unit) ? [u] : [])));
    return [other, new Set(other.units.filter((_, u) => gone.has(u)))] as const;
  }));
  cut(copy, twin, mapped);
  return copy;
}

const widths = (groups: readonly Group[], selection: Selection): Json =>
  groups.map((group) => ({ group: group.name, before: group.units.length, after: group.units.length - (selection.get(group)?.size ?? 0), approximate: group.approximate }));
