/** What the two techniques that cut units have in common: groups, scores, recovery, report. */
import type { Dataset, Feeds, Json, Model, Runtime, TechniqueContext } from "@lathe/core";
import { pruneErrors } from "./errors.ts";
import { criterion, normalize, type Criterion } from "./importance/criteria.ts";
import { dataCriterion } from "./importance/from-data.ts";
import type { Scored } from "./importance/select.ts";
import { firstSamples } from "./linear/samples.ts";
import type { ImportanceOptions } from "./options.ts";
import { estimateBatchNorm } from "./recover/batch-norm.ts";
import { refit } from "./recover/refit.ts";
import type { KeptPositions, Selection } from "./structure/cut.ts";
import type { DependencyGraph, Group } from "./structure/dependency-graph.ts";

type Context = Pick<TechniqueContext, "ops" | "random" | "signal" | "progress" | "warn" | "need">;

/** Samples and engine, read once and only when an option needs them. */
export class Measurements {
  readonly #ctx: Context;
  readonly #samples: number;
  #batches: Promise<Feeds[]> | undefined;

  constructor(ctx: Context, samples: number) {
    this.#ctx = ctx;
    this.#samples = samples;
  }

  get runtime(): Runtime {
    return this.#ctx.need("runtime");
  }

  batches(): Promise<Feeds[]> {
    const data: Dataset = this.#ctx.need("data");
    return (this.#batches ??= firstSamples(data, this.#samples, this.#ctx.signal));
  }
}

/** Groups that may be cut. @throws PRUNE_NOTHING, PRUNE_UNKNOWN_GROUP, PRUNE_CONFLICT */
export function chosenGroups(graph: DependencyGraph, exclude: readonly string[] = [], named: readonly string[] = []): Group[] {
  const known = graph.groups.map((g) => g.name);
  for (const name of [...exclude, ...named]) if (!known.includes(name)) throw pruneErrors.PRUNE_UNKNOWN_GROUP({ group: name, known });
  const twice = named.find((name) => exclude.includes(name));
  if (twice !== undefined) throw pruneErrors.PRUNE_CONFLICT({ group: twice });
  const groups = graph.groups.filter((g) => !exclude.includes(g.name));
  if (groups.length === 0) throw pruneErrors.PRUNE_NOTHING({ held: heldBy(graph) });
  return groups;
}

/** Reasons why nothing can be cut, those of bodies first. */
function heldBy({ held: list }: DependencyGraph): string[] {
  const reasons = [...new Set(list.map((h) => h.reason))];
  return [...reasons.filter((r) => r.includes("whose body")), ...reasons.filter((r) => !r.includes("whose body"))];
}

export async function scoreGroups(model: Model, groups: readonly Group[], options: ImportanceOptions, ctx: Context, measurements: Measurements): Promise<Scored[]> {
  const judge = await criterionOf(model, groups, options, ctx.signal, measurements);
  return groups.map((group) => ({ group, scores: normalize(judge(group, ctx.random), options.normalizer) }));
}

async function criterionOf(model: Model, groups: readonly Group[], { criterion: name, reduction, labels }: ImportanceOptions, signal: AbortSignal, measurements: Measurements): Promise<Criterion> {
  if (name !== "taylor" && name !== "fisher" && name !== "activation" && name !== "apoz") return criterion(name, reduction);
  return dataCriterion(name, model, groups, { runtime: measurements.runtime, batches: await measurements.batches(), reduction, labels, signal });
}

export interface Recovery {
  readonly refitLayers?: number;
  /** Mean over the layers of the relative error before and after. */
  readonly errorBefore?: number;
  readonly errorAfter?: number;
  readonly batchNorms?: number;
}

/** Refit and new statistics, as the options say. */
export async function recover(model: Model, original: Model, kept: KeptPositions, options: Pick<ImportanceOptions, "refit" | "estimateBatchNorm">, ctx: Context, measurements: Measurements): Promise<Recovery> {
  const { runtime } = options.refit || options.estimateBatchNorm ? measurements : { runtime: undefined };
  if (!runtime) return {};
  const batches = await measurements.batches();
  const onLayer = (done: number, total: number, name: string): void => ctx.progress({ done, total, message: `refit ${name}` });
  const layers = options.refit ? await refit(model, original, kept, { runtime, batches, random: ctx.random, signal: ctx.signal, onLayer }) : [];
  const batchNorms = options.estimateBatchNorm ? await estimateBatchNorm(model, batches, { runtime, ops: ctx.ops, signal: ctx.signal }) : 0;
  const mean = (of: (r: (typeof layers)[number]) => number): number => layers.reduce((sum, r) => sum + of(r), 0) / Math.max(1, layers.length);
  return { ...(options.refit ? { refitLayers: layers.length, errorBefore: mean((r) => r.before), errorAfter: mean((r) => r.after) } : {}), ...(options.estimateBatchNorm ? { batchNorms } : {}) };
}

export function warnApproximate(selection: Selection, ctx: Context): void {
  for (const group of selection.keys()) {
    if (group.approximate) ctx.warn({ code: "PRUNE_APPROXIMATE", message: `Group "${group.name}" passes a normalisation, so the cut changes what is kept a little: refit or fine-tune afterwards.`, node: group.name });
  }
}

export const widths = (groups: readonly Group[], selection: Selection): Json[] =>
  groups.map((group) => ({ group: group.name, before: group.units.length, after: group.units.length - (selection.get(group)?.size ?? 0), approximate: group.approximate }));

/** Widths before and after as a picture for the report. */
export const widthCurve = (groups: readonly Group[], selection: Selection): Json => ({
  title: "Width of each group", x: "group", y: "units",
  series: [
    { name: "before", points: groups.map((g, i) => [i + 1, g.units.length]) },
    { name: "after", points: groups.map((g, i) => [i + 1, g.units.length - (selection.get(g)?.size ?? 0)]) },
  ],
});

export const held = ({ held: list }: DependencyGraph): Json[] => list.map(({ value, axis, length, reason }) => ({ value, axis, length, reason }));

export interface UnitCounts {
  readonly groups: number;
  readonly units: number;
  readonly removedUnits: number;
}

export const unitCounts = (groups: readonly Group[], selection: Selection): UnitCounts => ({
  groups: groups.length,
  units: groups.reduce((sum, g) => sum + g.units.length, 0),
  removedUnits: [...selection.values()].reduce((sum, s) => sum + s.size, 0),
});

export type { Context as PruneContext };
