/**
 * The rule of one node in terms of positions. Where an axis is a product, positions of one factor are joined with it and the others are held;
 * which one is a choice that may be taken back.
 */
import { axisLabel, type Axis, type Node, type Tie, type TieRule } from "@lathe/core";
import type { AxisInfo, Positions } from "./positions.ts";

export type Factor = "first" | "last" | "auto";

const axisInfo = (positions: Positions, node: Node, axis: Axis): AxisInfo | undefined => {
  if (axis.port === "factor") return positions.factorOf(node, axis.index);
  return positions.axisOf(axis.port === "in" ? node.input(axis.index) : node.output(axis.index), axis.axis);
};

const productKey = (axis: AxisInfo, node: Node): string => `${axis.id}:${node.label}`;

/** Factor ties of a rule by the product axis they make up, outermost factor first. */
function products(rule: TieRule): Map<string, Tie[]> {
  const found = new Map<string, Tie[]>();
  for (const tie of rule.ties) if (tie.factor) found.set(axisLabel(tie.b), [...(found.get(axisLabel(tie.b)) ?? []), tie]);
  for (const ties of found.values()) ties.sort((a, b) => (b.inner ?? 1) - (a.inner ?? 1));
  return found;
}

/** Joins the positions that the rule of one node ties together. */
export function applyRule(positions: Positions, node: Node, rule: TieRule, choices: Map<string, number>, factor: Factor): void {
  for (const tie of rule.ties) if (!tie.factor) unite(positions, node, tie);
  for (const ties of products(rule).values()) {
    const axis = axisInfo(positions, node, ties[0]!.b);
    if (!axis) {
      for (const tie of ties) positions.holdAxis(axisInfo(positions, node, tie.a), `${node.op} "${node.label}"`);
      continue;
    }
    const key = productKey(axis, node);
    if (!choices.has(key)) choices.set(key, firstChoice(positions, node, ties, factor));
    ties.forEach((tie, i) => {
      if (i === choices.get(key)) unite(positions, node, tie);
      else positions.holdAxis(axisInfo(positions, node, tie.a), `${node.op} "${node.label}", where another factor of the axis is cut`);
    });
  }
  for (const { axis, spans } of rule.free ?? []) if (spans === "norm") mark(positions, node, axis);
}

function firstChoice(positions: Positions, node: Node, ties: readonly Tie[], factor: Factor): number {
  if (factor === "last") return ties.length - 1;
  const lengths = ties.map((tie) => axisInfo(positions, node, tie.a)?.length ?? 0);
  return factor === "auto" && lengths[0]! < 4 && lengths.length > 1 ? lengths.indexOf(Math.max(...lengths)) : 0;
}

function mark(positions: Positions, node: Node, axis: Axis): void {
  const info = axisInfo(positions, node, axis);
  if (info) positions.markApproximate(info);
}

function unite(positions: Positions, node: Node, tie: Tie): void {
  const [a, b] = [axisInfo(positions, node, tie.a), axisInfo(positions, node, tie.b)];
  const reason = `${node.op} "${node.label}"`;
  if (!a || !b) {
    // The other end has no static length, so positions cannot be matched.
    positions.holdAxis(a ?? b, reason);
    return;
  }
  if (tie.map) tie.map.forEach((at, i) => at >= 0 && at < b.length && positions.union(a.start + i, b.start + at));
  else uniteRuns(positions, a, b, tie);
  if (tie.spans === "norm") positions.markApproximate(a);
}

/** Joins each position of `a` with its runs on `b` (what core's tiePositions lists for one). */
function uniteRuns(positions: Positions, a: AxisInfo, b: AxisInfo, { offset = 0, outer = 1, inner = 1 }: Tie): void {
  for (let o = 0, at = offset; o < outer; o++) {
    for (let i = 0; i < a.length; i++) {
      for (let k = 0; k < inner; k++, at++) if (at >= 0 && at < b.length) positions.union(a.start + i, b.start + at);
    }
  }
}

/** Takes another factor where the chosen one turned out to be held; true when something changed. */
export function reconsider(positions: Positions, rules: ReadonlyMap<Node, TieRule>, choices: Map<string, number>): boolean {
  let changed = false;
  for (const [node, rule] of rules) {
    for (const ties of products(rule).values()) {
      const axis = axisInfo(positions, node, ties[0]!.b);
      if (!axis) continue;
      const key = productKey(axis, node);
      const chosen = choices.get(key) ?? 0;
      const isHeld = (tie: Tie): boolean => {
        const info = axisInfo(positions, node, tie.a);
        return !info || positions.heldBy(info.start) !== undefined;
      };
      if (!isHeld(ties[chosen]!)) continue;
      const next = ties.findIndex((tie, i) => i > chosen && axisInfo(positions, node, tie.a) !== undefined);
      if (next < 0) continue;
      choices.set(key, next);
      changed = true;
    }
  }
  return changed;
}
