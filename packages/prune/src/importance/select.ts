/** Which units go: the least important of each group, or of all groups together. */
import type { Group, Unit } from "../structure/dependency-graph.ts";

export interface SelectOptions {
  /** Share of units that are cut, from 0 to below 1. */
  readonly ratio: number;
  /**
   * `group`: the same share in every group; `global`: one ranking, so that unimportant groups lose more; `isomorphic`: one ranking for
   * each kind of group (Fang et al. 2024), so that attention heads do not compete with channels.
   */
  readonly scope: "group" | "global" | "isomorphic";
  /** Largest share that any one group may lose. */
  readonly maxRatio: number;
  /** Kept widths (channels, columns) are multiples of this, where the original width allows it (kept more rather than less). Default: see {@link stepOf}. */
  readonly roundTo?: number | undefined;
  /** Fewest units that stay in a group. */
  readonly minimum: number;
  /** Share by group name, in place of `ratio`. */
  readonly ratios?: Readonly<Record<string, number>>;
}

export interface Scored {
  readonly group: Group;
  readonly scores: Float64Array;
}

/** Units to cut, by group; groups that lose nothing are absent. */
export function selectUnits(scored: readonly Scored[], options: SelectOptions): Map<Group, Set<Unit>> {
  const counts = options.scope !== "group" ? rankedCounts(scored, options) : scored.map(({ group }) => group.units.length * (options.ratios?.[group.name] ?? options.ratio));
  const selection = new Map<Group, Set<Unit>>();
  scored.forEach(({ group, scores }, g) => {
    const cut = allowed(counts[g]!, group, options);
    if (cut === 0) return;
    const order = Array.from(scores.keys()).toSorted((a, b) => scores[a]! - scores[b]! || a - b);
    selection.set(group, new Set(order.slice(0, cut).map((u) => group.units[u]!)));
  });
  return selection;
}

/** One ranking over all groups, or one for each kind. */
function rankedCounts(scored: readonly Scored[], options: SelectOptions): number[] {
  if (options.scope === "global") return globalCounts(scored, options);
  const kinds = new Map<string, number[]>();
  scored.forEach(({ group }, g) => kinds.set(kindOf(group), [...(kinds.get(kindOf(group)) ?? []), g]));
  const counts: number[] = [];
  for (const list of kinds.values()) globalCounts(list.map((g) => scored[g]!), options).forEach((count, i) => (counts[list[i]!] = count));
  return counts;
}

/** What a group is made of: operators and axes of its constants, and how many positions a unit has on each. */
const kindOf = (group: Group): string =>
  group.units[0]!.members.flatMap(({ axis, positions }) => (axis.value?.tensor ? [`${axis.value.uses.map((u) => `${u.node.opType}${u.index}`).join()}.${axis.axis}x${positions.length}`] : [])).toSorted().join(" ");

/** How many units of each group are among the least important of all. */
function globalCounts(scored: readonly Scored[], { ratio, ratios }: SelectOptions): number[] {
  const all = scored.flatMap(({ group, scores }, g) => (ratios?.[group.name] === undefined ? Array.from(scores, (score) => ({ score, g })) : []));
  const counts = scored.map(({ group }) => (ratios?.[group.name] ?? 0) * group.units.length);
  for (const { g } of all.toSorted((a, b) => a.score - b.score).slice(0, Math.floor(ratio * all.length))) counts[g]!++;
  return counts;
}

/** Fewest units that a group keeps. */
export const leastWidth = (width: number, { maxRatio, minimum }: Pick<SelectOptions, "maxRatio" | "minimum">): number => Math.max(1, minimum, Math.ceil(width * (1 - maxRatio) - 1e-9));

/** Multiple that runs well on most processors: ONNX Runtime's convolution kernels work on 8 or 16 channels at a time. */
const USUAL = 8;

/**
 * Units whose positions together are a multiple of `roundTo` on every weight: a head of 16 columns counts as 16. Without `roundTo` 8, and
 * in groups narrower than 16 the largest power of two that leaves at least two steps.
 */
export function stepOf({ units }: Group, roundTo?: number): number {
  const counts = units[0]!.members.flatMap(({ axis, positions }) => (axis.value?.tensor ? [positions.length] : []));
  const each = counts.length > 0 ? Math.min(...counts) : 1;
  const multiple = roundTo ?? Math.max(1, Math.min(USUAL, 2 ** Math.floor(Math.log2((units.length * each) / 2))));
  return multiple / commonDivisor(multiple, each);
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

/**
 * A whole number of steps, the whole group at most: not less than `kept` where `roundTo` is given; without it the nearest, so that small
 * cuts are not rounded away, but not less than `least`.
 */
export function roundedWidth(group: Group, kept: number, roundTo?: number, least = 1): number {
  const step = stepOf(group, roundTo);
  const up = (width: number): number => Math.ceil(width / step - 1e-9) * step;
  const rounded = roundTo === undefined ? Math.max(Math.round(kept / step) * step, up(least)) : up(kept);
  return Math.min(group.units.length, rounded);
}

/** A whole number of units to cut within the bounds, leaving a width that is a multiple of `roundTo`. */
function allowed(wanted: number, group: Group, options: SelectOptions): number {
  const width = group.units.length;
  const least = leastWidth(width, options);
  return width - roundedWidth(group, Math.max(least, width - Math.floor(wanted + 1e-9)), options.roundTo, least);
}
