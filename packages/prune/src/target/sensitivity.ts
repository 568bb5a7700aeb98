/** How much each group's cut costs, judged by the caller; and the widths that stay within a budget. */
import type { Group, Unit } from "../structure/dependency-graph.ts";
import type { Selection } from "../structure/cut.ts";
import { roundedWidth, type Scored } from "../importance/select.ts";

export interface SensitivityPoint {
  /** Share of the group's units that are cut. */
  readonly ratio: number;
  /** Score lost against the uncut model, made monotone: a larger share never costs less than a smaller one. */
  readonly drop: number;
}

export interface Sensitivity {
  readonly group: Group;
  readonly points: readonly SensitivityPoint[];
}

/** The least important units of one group. */
export function leastImportant({ group, scores }: Scored, ratio: number, roundTo?: number): Set<Unit> {
  const width = group.units.length;
  const kept = roundedWidth(group, Math.max(1, width - Math.floor(width * ratio + 1e-9)), roundTo);
  const order = Array.from(scores.keys()).toSorted((a, b) => scores[a]! - scores[b]! || a - b);
  return new Set(order.slice(0, width - kept).map((u) => group.units[u]!));
}

/** One group at a time, at each ratio: the score that is lost. Costs groups x ratios evaluations. */
export async function measureSensitivity(
  scored: readonly Scored[], ratios: readonly number[], judge: (selection: Selection) => Promise<number>, reference: number, roundTo: number | undefined, onGroup?: (done: number, group: Group) => void,
): Promise<Sensitivity[]> {
  const all: Sensitivity[] = [];
  for (const [i, one] of scored.entries()) {
    const points: SensitivityPoint[] = [];
    let worst = 0;
    for (const ratio of ratios.toSorted((a, b) => a - b)) {
      const units = leastImportant(one, ratio, roundTo);
      if (units.size > 0) worst = Math.max(worst, reference - (await judge(new Map([[one.group, units]]))));
      points.push({ ratio, drop: worst });
    }
    all.push({ group: one.group, points });
    onGroup?.(i + 1, one.group);
  }
  return all;
}

/**
 * For each group the largest share whose own drop is within `threshold` (one threshold for all groups, as in FastNAS). Groups that lose
 * nothing are absent.
 */
export function withinThreshold(scored: readonly Scored[], sensitivities: readonly Sensitivity[], threshold: number, roundTo?: number): Map<Group, Set<Unit>> {
  const selection = new Map<Group, Set<Unit>>();
  scored.forEach((one, g) => {
    const ratio = Math.max(0, ...sensitivities[g]!.points.filter((p) => p.drop <= threshold).map((p) => p.ratio));
    const units = leastImportant(one, ratio, roundTo);
    if (units.size > 0) selection.set(one.group, units);
  });
  return selection;
}
