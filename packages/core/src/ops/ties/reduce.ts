/** Reductions: kept axes pass through, reduced axes may be cut alone. */
import { normalizeAxis } from "../rules/axes.ts";
import type { Span, TieContext } from "../tie.ts";
import { input, output, rule, type Ties } from "./build.ts";

/** Axes of a reduction as a set; undefined when they are computed. */
function reducedAxes(c: TieContext, rank: number): readonly number[] | undefined {
  const given = c.node.ints("axes") ?? (c.node.input(1) ? c.constant(1)?.toNumbers() ?? null : []);
  if (given === null) return undefined;
  if (given.length > 0) return given.map((a) => normalizeAxis(a, rank));
  return c.node.int("noop_with_empty_axes", 0) !== 0 ? [] : Array.from({ length: rank }, (_, i) => i);
}

/** Zeros do not change a sum, but they change a mean, a product or an extreme. */
export const reduceTies = (spans: Span): Ties => (c) => {
  const rank = c.shape(0)?.length;
  const axes = rank === undefined ? undefined : reducedAxes(c, rank);
  if (rank === undefined || !axes) return undefined;
  const keep = c.node.int("keepdims", 1) !== 0;
  const r = rule();
  let o = 0;
  for (let axis = 0; axis < rank; axis++) {
    if (axes.includes(axis)) {
      r.addFree(input(0, axis), spans);
      if (keep) o++;
    } else r.tie(input(0, axis), output(0, o++));
  }
  return r.done();
};

/** ArgMax, ArgMin: positions on the axis are the result, so it is held; the others pass. */
export const argTies: Ties = (c) => {
  const rank = c.shape(0)?.length;
  if (rank === undefined) return undefined;
  const at = normalizeAxis(c.node.int("axis", 0), rank);
  const keep = c.node.int("keepdims", 1) !== 0;
  const r = rule();
  for (let axis = 0; axis < rank; axis++) if (axis !== at) r.tie(input(0, axis), output(0, keep || axis < at ? axis : axis - 1));
  return r.done("results are positions on the axis");
};

/** Every axis but the one that `axis` names passes to all outputs (TopK, ReverseSequence ...). */
export const allButAxes = (held: (c: TieContext, rank: number) => readonly number[] | undefined): Ties => (c) => {
  const rank = c.shape(0)?.length;
  const not = rank === undefined ? undefined : held(c, rank);
  if (rank === undefined || !not) return undefined;
  const outputs = c.node.outputs.flatMap((v, i) => (v ? [i] : []));
  const r = rule();
  for (let axis = 0; axis < rank; axis++) if (!not.includes(axis)) r.same([input(0, axis), ...outputs.map((o) => output(o, axis))]);
  return r.done("the order of positions on this axis matters");
};

export const topKTies: Ties = allButAxes((c, rank) => [normalizeAxis(c.node.int("axis", -1), rank)]);
export const reverseSequenceTies: Ties = allButAxes((c) => [c.node.int("batch_axis", 1), c.node.int("time_axis", 0)]);
export const triluTies: Ties = allButAxes((_, rank) => [rank - 2, rank - 1]);

/** Running sum: a zero on the way changes nothing. A computed axis holds everything. */
export const cumSumTies: Ties = (c) => {
  const rank = c.shape(0)?.length;
  const at = c.constant(1)?.toNumbers()[0];
  if (rank === undefined || at === undefined) return undefined;
  const r = rule();
  for (let axis = 0; axis < rank; axis++) r.same([input(0, axis), output(0, axis)], axis === normalizeAxis(at, rank) ? "sum" : undefined);
  return r.done();
};
