/** The plans that a technique may choose from: which units go when a share of all is to go. */
import { leastWidth, roundedWidth, selectUnits, stepOf, type Scored } from "./importance/select.ts";
import type { ChannelOptions } from "./options.ts";
import { refit } from "./recover/refit.ts";
import { cutCopy } from "./structure/copy.ts";
import type { Selection } from "./structure/cut.ts";
import type { DependencyGraph, Group } from "./structure/dependency-graph.ts";
import { statsWith } from "./target/measure.ts";
import { outputError, outputsOn } from "./target/output-error.ts";
import { alongPath, cheapestPath, type Path } from "./target/path.ts";
import type { Measurements, PruneContext } from "./unit-pruning.ts";
import type { Feeds, Model } from "@lathe/core";

export interface Plans {
  /** What goes when this share of all units is to go; with `scope: "sensitivity"` steps of whole widths, so rather more than less. */
  readonly at: (ratio: number) => Selection;
  /** Where plans were found by sensitivity. */
  readonly path?: Path;
}

/** Samples on which outputs are compared, at most: each is run once for every width. */
const SAMPLES = 8;
/** Widths that each group is tried at alone. */
const WIDTHS = 4;
/** Bytes that are moved in the time of one multiply-add are a third: roughly what one core with wide registers does. */
const MACS_PER_BYTE = 3;

export async function plansOf(model: Model, graph: DependencyGraph, scored: readonly Scored[], options: ChannelOptions, ctx: PruneContext, measurements: Measurements): Promise<Plans> {
  const { scope, ratios = {} } = options;
  const select = (some: readonly Scored[], ratio: number, how: "group" | "global" | "isomorphic"): Selection => selectUnits(some, { ratio, scope: how, maxRatio: options.maxRatio, roundTo: options.roundTo, minimum: options.minimum, ratios });
  if (scope !== "sensitivity") return { at: (ratio) => select(scored, ratio, scope) };
  const free = scored.filter(({ group }) => ratios[group.name] === undefined);
  const fixed = select(scored.filter((one) => !free.includes(one)), 0, "group");
  const path = await pathOf(model, graph, free, options, ctx, measurements);
  return { at: (ratio) => new Map([...fixed, ...alongPath(path, free, ratio)]), path };
}

async function pathOf(model: Model, graph: DependencyGraph, scored: readonly Scored[], options: ChannelOptions, ctx: PruneContext, measurements: Measurements): Promise<Path> {
  const { runtime } = measurements;
  const batches = (await measurements.batches()).slice(0, SAMPLES);
  const reference = await outputsOn(model, { runtime, batches, signal: ctx.signal });
  const dependency = { ops: ctx.ops, factor: options.factor };
  const work = workOf(options.target, batches[0], ctx);
  const before = work(model);
  return cheapestPath(scored, {
    stride: (group) => stepOf(group, options.roundTo),
    counts: (group) => countsOf(group, options),
    gain: (selection) => 1 - work(cutCopy(model, graph, selection, dependency).model) / before,
    cost: async (selection) => {
      ctx.signal.throwIfAborted();
      const { model: candidate, kept } = cutCopy(model, graph, selection, dependency);
      if (options.refit) await refit(candidate, model, kept, { runtime, batches, random: ctx.random.fork("sensitivity"), oversampling: 2, layers: "direct", signal: ctx.signal });
      return outputError(reference, candidate, { runtime, batches, signal: ctx.signal });
    },
    onGroup: (done, group) => ctx.progress({ done, total: scored.length, message: `sensitivity of ${group.name}` }),
  });
}

/** What a target is about, as a number of a model; for time, multiply-adds and bytes moved stand in until whole plans are timed. */
function workOf(target: ChannelOptions["target"], feeds: Feeds | undefined, ctx: PruneContext): (model: Model) => number {
  return (model) => {
    const { parameters, bytes, macs, bytesMoved } = statsWith(model, feeds, ctx.ops);
    return target === "parameters" ? parameters : target === "bytes" ? bytes : target === "latency" ? macs + MACS_PER_BYTE * bytesMoved : macs;
  };
}

/** Numbers of units to cut that leave multiples of `roundTo`, evenly up to `maxRatio`. */
function countsOf(group: Group, options: ChannelOptions): number[] {
  const width = group.units.length;
  const least = leastWidth(width, options);
  const kept = Array.from({ length: WIDTHS }, (_, k) => roundedWidth(group, width - ((width - least) * (k + 1)) / WIDTHS, options.roundTo, least));
  return [...new Set(kept)].filter((k) => k < width).map((k) => width - k);
}
