/**
 * Changes of shape. A reshape regroups a run of input axes into a run of output axes with the same product; both are products
 * of the same *parts*, found by merging the boundaries of the two runs:
 *
 *   [C=64, H, W] -> [32, 2*H*W]:  parts 32, 2, H, W;  C = 32 x 2,  out = 32 | 2 x H x W.
 *
 * An axis that is one part is that part; an axis of several parts is their product (`factor` ties); a part that is no axis by
 * itself becomes a virtual axis.
 */
import type { Dim, Shape } from "../../ir/type.ts";
import { normalizeAxis } from "../rules/axes.ts";
import type { Axis, TieContext } from "../tie.ts";
import { equalDim, input, isNumber, output, rule, type RuleBuilder, type Ties } from "./build.ts";
import { canSetEntry, readList, setEntry } from "./resize.ts";

interface Sized {
  readonly axis: Axis;
  readonly length: Dim;
}

const sized = (shape: Shape, port: (axis: number) => Axis): Sized[] => shape.map((length, i) => ({ axis: port(i), length })).filter((s) => s.length !== 1);

/** Ties of a row-major regrouping; axes of length 1 do not matter, runs with unknown lengths are held. */
export function regroup(r: RuleBuilder, from: Shape, to: Shape): void {
  const a = sized(from, (i) => input(0, i));
  const b = sized(to, (i) => output(0, i));
  while (a.length > 0 && b.length > 0 && equalDim(a[0]!.length, b[0]!.length)) r.tie(a.shift()!.axis, b.shift()!.axis);
  const tail: [Sized, Sized][] = [];
  while (a.length > 0 && b.length > 0 && equalDim(a.at(-1)!.length, b.at(-1)!.length)) tail.push([a.pop()!, b.pop()!]);
  for (const [x, y] of tail) r.tie(x.axis, y.axis);
  // What is left on both sides has the same product. One axis against one is the same axis even if its length is unknown.
  if (a.length === 1 && b.length === 1) r.tie(a[0]!.axis, b[0]!.axis);
  else {
    runs(a, b, (x) => x.shift(), (run) => mergeRun(r, ...run));
    runs(a, b, (x) => x.pop(), ([x, y]) => mergeRun(r, x.toReversed(), y.toReversed()));
    edge(r, a[0], b[0], "outer");
    if (a.length > 1 || b.length > 1) edge(r, a.at(-1), b.at(-1), "inner");
  }
}

/**
 * What is left has an unknown length on one side (heads merged with the batch). At its edge the shorter of two static axes is
 * still a part of the longer one, if it divides it; the rest of the longer one is held with its neighbours.
 */
function edge(r: RuleBuilder, x: Sized | undefined, y: Sized | undefined, side: "outer" | "inner"): void {
  if (!x || !y || !isNumber(x.length) || !isNumber(y.length) || x.length === 0 || y.length === 0) return;
  const [long, short] = x.length > y.length ? [x, y] : [y, x];
  const rest = (long.length as number) / (short.length as number);
  // As the outer part it has the rest inside, as the inner part outside.
  if (Number.isInteger(rest)) r.tie(short.axis, long.axis, { ...(side === "outer" ? { inner: rest } : { outer: rest }), factor: true });
}

/** Cuts static runs of equal product off one end of both lists; stops at a length that is not a number. */
function runs(a: Sized[], b: Sized[], next: (list: Sized[]) => Sized | undefined, found: (run: [Sized[], Sized[]]) => void): void {
  for (;;) {
    const [x, y]: [Sized[], Sized[]] = [[], []];
    const [restA, restB] = [[...a], [...b]];
    let [pa, pb] = [1, 1];
    do {
      const behind = pa <= pb ? restA : restB;
      const one = next(behind);
      if (!one || !isNumber(one.length) || one.length === 0) return;
      if (behind === restA) { x.push(one); pa *= one.length; } else { y.push(one); pb *= one.length; }
    } while (pa !== pb);
    a.splice(0, a.length, ...restA);
    b.splice(0, b.length, ...restB);
    found([x, y]);
  }
}

/** Boundaries of a run counted from its end: products of the last 0, 1, 2 ... axes. */
const boundaries = (run: readonly Sized[]): number[] => run.reduceRight<number[]>((all, s) => [...all, all.at(-1)! * (s.length as number)], [1]);

function mergeRun(r: RuleBuilder, x: readonly Sized[], y: readonly Sized[]): void {
  const marks = [...new Set([...boundaries(x), ...boundaries(y)])].toSorted((p, q) => p - q);
  // Each boundary must divide the next one, or the axes interleave and have no common parts.
  if (marks.some((m, i) => i > 0 && m % marks[i - 1]! !== 0)) return;
  const parts = marks.slice(1).map((m, i) => ({ start: marks[i]!, end: m, axis: undefined as Axis | undefined }));
  const spansOf = (run: readonly Sized[]) => {
    const at = boundaries(run);
    return run.map((s, i) => ({ ...s, start: at[run.length - 1 - i]!, end: at[run.length - i]! }));
  };
  const axes = [...spansOf(x), ...spansOf(y)];
  for (const part of parts) part.axis = axes.find((s) => s.start === part.start && s.end === part.end)?.axis ?? r.addFactor(part.end / part.start);
  for (const s of axes) {
    const own = parts.filter((p) => p.start >= s.start && p.end <= s.end);
    if (own.length === 1) {
      if (own[0]!.axis !== s.axis) r.tie(own[0]!.axis!, s.axis);
      continue;
    }
    for (const p of own) r.tie(p.axis!, s.axis, { outer: s.end / p.end, inner: p.start / s.start, factor: true });
  }
}

export const reshapeTies: Ties = (c) => {
  const [x, y] = [c.shape(0), c.outShape(0)];
  if (!x || !y) return undefined;
  const computed = { equivalent: c.node.int("allowzero", 0) === 0 ? constantTarget(x, y) : undefined };
  if (!canSetEntry(c.node, "shape", 1, c.opset, computed)) return { ties: [], held: "the target shape is computed" };
  const r = rule();
  regroup(r, x, y);
  if (copiesElsewhere(c, r, y)) return { ties: [], held: "an entry 0 of the target shape copies the length of another axis" };
  const mentioned = new Set(r.ties.flatMap((t) => [t.a, t.b]).filter((axis) => axis.port === "out").map((axis) => axis.axis));
  for (const axis of mentioned) r.resizes.push(setEntry(output(0, axis), "shape", 1, axis, computed));
  return r.done();
};

/** A constant target shape that gives `y` from `x` whatever the symbols are: numbers, 0 for the input's length there, one -1. */
function constantTarget(x: Shape, y: Shape): number[] | undefined {
  const entries = y.map((d, i) => (isNumber(d) ? d : equalDim(d, x[i]) ? 0 : -1));
  const open = entries.filter((d) => d === -1).length;
  return open > 1 || y.includes(0) ? undefined : entries;
}

/** An entry 0 takes the length of the input axis at the same position. That is safe only when the two are one axis. */
function copiesElsewhere(c: TieContext, r: RuleBuilder, y: Shape): boolean {
  if (c.node.int("allowzero", 0) !== 0) return false;
  const entries = readList(c.node, "shape", 1) ?? [];
  const isSame = (axis: number): boolean => r.ties.some(({ a, b, factor }) => !factor && a.port === "in" && a.axis === axis && b.port === "out" && b.axis === axis);
  return entries.some((entry, axis) => entry === 0 && y[axis] !== 1 && isNumber(y[axis]) && !isSame(axis));
}

export const flattenTies: Ties = (c) => {
  const [x, y] = [c.shape(0), c.outShape(0)];
  if (!x || !y) return undefined;
  const r = rule();
  regroup(r, x, y);
  return r.done();
};

/** Own axis -> result axis by skipping (Squeeze) or making (Unsqueeze) axes of length 1. */
function unitAxes(c: TieContext, rank: number): readonly number[] | undefined {
  const given = c.node.ints("axes") ?? (c.node.input(1) ? c.constant(1)?.toNumbers() ?? null : []);
  return given === null ? undefined : given.map((a) => normalizeAxis(a, rank));
}

export const squeezeTies: Ties = (c) => {
  const x = c.shape(0);
  const given = x && unitAxes(c, x.length);
  if (!x || !given || (given.length === 0 && x.some((d) => !isNumber(d)))) return undefined;
  const gone = given.length > 0 ? given : x.flatMap((d, i) => (d === 1 ? [i] : []));
  const r = rule();
  let o = 0;
  for (let axis = 0; axis < x.length; axis++) if (!gone.includes(axis)) r.tie(input(0, axis), output(0, o++));
  return r.done();
};

export const unsqueezeTies: Ties = (c) => {
  const x = c.shape(0);
  const count = c.node.ints("axes")?.length ?? c.constant(1)?.size;
  const made = x && count !== undefined ? unitAxes(c, x.length + count) : undefined;
  if (!x || !made) return undefined;
  const r = rule();
  let axis = 0;
  for (let o = 0; o < x.length + made.length; o++) if (!made.includes(o)) r.tie(input(0, axis++), output(0, o));
  return r.done();
};

export const transposeTies: Ties = (c) => {
  const rank = c.shape(0)?.length;
  if (rank === undefined) return undefined;
  const perm = c.node.ints("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const r = rule();
  perm.forEach((from, to) => r.tie(input(0, from), output(0, to)));
  return r.done();
};

/** Blocks of pixels to channels and back: the b*b positions of a block are not axes, each channel has all of them. */
export const depthToSpaceTies: Ties = (c) => {
  const block = c.node.int("blocksize", 1) ** 2;
  const rows = c.node.string("mode", "DCR") === "DCR";
  return rule().tie(input(0, 0), output(0, 0)).tie(output(0, 1), input(0, 1), rows ? { outer: block } : { inner: block }).done();
};

export const spaceToDepthTies: Ties = (c) =>
  rule().tie(input(0, 0), output(0, 0)).tie(input(0, 1), output(0, 1), { outer: c.node.int("blocksize", 1) ** 2 }).done();
