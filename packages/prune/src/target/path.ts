/**
 * Which groups to cut first: each group is cut alone to a few widths, and what that costs at the outputs is set against what it gains.
 * The lower convex hull of a group's (gain, cost) are steps of growing price; all groups' steps, cheapest first, are a path along
 * which every plan is the one of least summed cost for its gain (Lagrange's condition; the sums take groups to act independently).
 */
import type { Group, Unit } from "../structure/dependency-graph.ts";
import type { Selection } from "../structure/cut.ts";
import type { Scored } from "../importance/select.ts";

export interface PathStep {
  readonly group: Group;
  /** Units of the group that are cut from this step on, the least important ones. */
  readonly units: number;
  /** Cost over gain of this step. */
  readonly price: number;
}

export interface Path {
  readonly steps: readonly PathStep[];
  /** What was measured: cost and gain of each group alone, by units cut. */
  readonly points: readonly { readonly group: Group; readonly points: readonly GroupPoint[] }[];
}

export interface GroupPoint {
  readonly units: number;
  readonly cost: number;
  readonly gain: number;
}

export interface PathOptions {
  /** Units that one step takes: longer edges of a hull are walked in steps of this length. */
  readonly stride: (group: Group) => number;
  /** Numbers of units that each group is cut by alone. */
  readonly counts: (group: Group) => readonly number[];
  readonly cost: (selection: Selection) => Promise<number>;
  readonly gain: (selection: Selection) => number;
  readonly onGroup?: (done: number, group: Group) => void | Promise<void>;
}

export async function cheapestPath(scored: readonly Scored[], { stride, counts, cost, gain, onGroup }: PathOptions): Promise<Path> {
  const points: { group: Group; points: GroupPoint[] }[] = [];
  for (const [i, one] of scored.entries()) {
    const list: GroupPoint[] = [];
    for (const units of counts(one.group)) {
      const selection = new Map([[one.group, least(one, units)]]);
      list.push({ units, cost: await cost(selection), gain: gain(selection) });
    }
    points.push({ group: one.group, points: list });
    await onGroup?.(i + 1, one.group);
  }
  const steps = points.flatMap(({ group, points: list }) => hull(list, stride(group)).map((step) => ({ group, ...step })));
  return { points, steps: steps.toSorted((a, b) => a.price - b.price) };
}

/** The shortest beginning of the path that cuts at least this share of all units. */
export function alongPath({ steps }: Path, scored: readonly Scored[], ratio: number): Map<Group, Set<Unit>> {
  const wanted = ratio * scored.reduce((sum, { group }) => sum + group.units.length, 0) - 1e-9;
  const cut = new Map<Group, number>();
  let total = 0;
  for (const { group, units } of steps) {
    if (total >= wanted) break;
    total += units - (cut.get(group) ?? 0);
    cut.set(group, units);
  }
  return new Map(scored.flatMap((one) => (cut.has(one.group) ? [[one.group, least(one, cut.get(one.group)!)] as const] : [])));
}

function least({ group, scores }: Scored, count: number): Set<Unit> {
  const order = Array.from(scores.keys()).toSorted((a, b) => scores[a]! - scores[b]! || a - b);
  return new Set(order.slice(0, count).map((u) => group.units[u]!));
}

/** Lower convex hull of the points and (0, 0), from small to large gain, in steps; points that gain nothing more are left out. */
function hull(points: readonly GroupPoint[], stride: number): { units: number; price: number }[] {
  const corners: GroupPoint[] = [{ units: 0, cost: 0, gain: 0 }];
  const price = (a: GroupPoint, b: GroupPoint): number => (b.cost - a.cost) / (b.gain - a.gain);
  for (const point of points.toSorted((a, b) => a.units - b.units)) {
    if (point.gain <= corners.at(-1)!.gain) continue;
    while (corners.length > 1 && price(corners.at(-2)!, point) <= price(corners.at(-2)!, corners.at(-1)!)) corners.pop();
    corners.push(point);
  }
  return corners.slice(1).flatMap((corner, i) => {
    const [from, at] = [corners[i]!, Math.max(0, price(corners[i]!, corner))];
    const count = Math.max(1, Math.floor((corner.units - from.units) / stride));
    return Array.from({ length: count }, (_, k) => ({ units: corner.units - (count - 1 - k) * stride, price: at }));
  });
}
