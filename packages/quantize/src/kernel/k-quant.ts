/** The search of k-quants over one block (weight-only/k-quant.ts), eight float32 lanes at a time: numpy's eight running sums. */
import { define, f32, f32x4, i32, loopWhile, v128, when, type Code, type FunctionSource, type Local } from "./assembler.ts";

/** Byte addresses of the block, and of what the search found: scale, lowest value, and NaN when a value is not finite. */
export const BLOCK = 1024;
export const FOUND = 0;
/** Candidates' numerators, float32. */
export const NUMERATORS = 512;
const WEIGHTS = 2048;
const CODES = 3072;
/** Longest block: beyond it numpy sums halves. */
export const LONGEST = 128;

const splat = f32x4.splat;
const nought = splat(f32.const(0));
/** Least of the lanes, by an operation on float32x4, is found in the first lane. */
const allLanes = (v: Code, pick: (a: Code, b: Code) => Code): Code => {
  const half = pick(v, v128.shuffle([8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7], v, v));
  return pick(half, v128.shuffle([4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11], half, half));
};

/** ((a + b) + (c + d)) + ((e + f) + (g + h)) of two vectors. */
const total = (a: Code, b: Code): Code => {
  const four = (v: Code): Code => f32.add(f32.add(f32x4.lane(0, v), f32x4.lane(1, v)), f32.add(f32x4.lane(2, v), f32x4.lane(3, v)));
  return f32.add(four(a), four(b));
};

interface Sum {
  readonly a: Local;
  readonly b: Local;
}

const fit = (): FunctionSource => define(
  { bytes: "i32", top: "f32", steps: "i32" },
  {
    i: "i32", step: "i32", low: "v128", high: "v128", check: "v128", v: "v128", w: "v128", q: "v128", l: "v128", scales: "v128", lows: "v128", tops: "v128",
    a1: "v128", b1: "v128", a2: "v128", b2: "v128", a3: "v128", b3: "v128",
    min: "f32", max: "f32", mean: "f32", sumX: "f32", sumW: "f32", scale: "f32", lowest: "f32", least: "f32", found: "f32", factor: "f32",
    sumL: "f32", sumL2: "f32", sumXL: "f32", determinant: "f32", newScale: "f32", newLow: "f32",
  },
  (l) => {
    const one: Sum = { a: l.a1, b: l.b1 };
    const two: Sum = { a: l.a2, b: l.b2 };
    const three: Sum = { a: l.a3, b: l.b3 };
    const clear = (...sums: readonly Sum[]): Code => sums.flatMap(({ a, b }) => [...a.set(nought), ...b.set(nought)]);
    const totalOf = ({ a, b }: Sum): Code => total(a.get, b.get);
    const grow = (target: Local, by: Code): Code => target.set(f32x4.add(target.get, by));
    /** The body for values 0..3 and 4..7 of each eight. */
    const forEach = (body: (offset: number, part: "a" | "b") => readonly Code[]): Code => [
      ...l.i.set(i32.const(0)),
      ...loopWhile(i32.lt(l.i.get, l.bytes.get), ...body(0, "a"), ...body(16, "b"), l.i.set(i32.add(l.i.get, i32.const(32)))),
    ];
    const x = (offset: number): Code => v128.load(BLOCK + offset, l.i.get);
    const weight = (offset: number): Code => v128.load(WEIGHTS + offset, l.i.get);
    const code = (offset: number): Code => v128.load(CODES + offset, l.i.get);
    /** clip(round(factor * (x - low))); scales holds the factor. */
    const encoded = (offset: number): Code =>
      f32x4.greatest(f32x4.least(f32x4.nearest(f32x4.mul(l.scales.get, f32x4.sub(x(offset), l.lows.get))), l.tops.get), nought);
    /** Sum of weights * (scale * codes + low - x)^2, into `found`. */
    const error = (scale: Code, low: Code): Code => [
      ...l.scales.set(splat(scale)), ...l.lows.set(splat(low)), ...clear(one),
      ...forEach((offset, part) => [
        l.v.set(f32x4.sub(f32x4.add(f32x4.mul(l.scales.get, code(offset)), l.lows.get), x(offset))),
        grow(one[part], f32x4.mul(weight(offset), f32x4.mul(l.v.get, l.v.get))),
      ]),
      ...l.found.set(totalOf(one)),
    ];
    return [
      l.tops.set(splat(l.top.get)), l.low.set(v128.load(BLOCK, i32.const(0))), l.high.set(l.low.get), l.check.set(nought), clear(one),
      forEach((offset, part) => [
        l.v.set(x(offset)),
        l.low.set(f32x4.least(l.low.get, l.v.get)), l.high.set(f32x4.greatest(l.high.get, l.v.get)),
        grow(l.check, f32x4.sub(l.v.get, l.v.get)), grow(one[part], f32x4.mul(l.v.get, l.v.get)),
      ]),
      l.min.set(f32x4.lane(0, allLanes(l.low.get, f32x4.least))), l.max.set(f32x4.lane(0, allLanes(l.high.get, f32x4.greatest))),
      f32.store(FOUND + 8, i32.const(0), total(l.check.get, nought)),
      l.mean.set(f32.sqrt(f32.div(totalOf(one), f32.fromI32(i32.shr(l.bytes.get, i32.const(2)))))),
      clear(one, two), l.w.set(splat(l.mean.get)),
      forEach((offset, part) => [
        l.v.set(f32x4.add(l.w.get, f32x4.abs(x(offset)))), v128.store(WEIGHTS + offset, l.i.get, l.v.get),
        grow(one[part], f32x4.mul(l.v.get, x(offset))), grow(two[part], l.v.get),
      ]),
      l.sumX.set(totalOf(one)), l.sumW.set(totalOf(two)),
      l.factor.set(f32.const(1)), when(f32.ne(l.min.get, l.max.get), [l.factor.set(f32.div(l.top.get, f32.sub(l.max.get, l.min.get)))]),
      l.scale.set(f32.div(f32.const(1), l.factor.get)), l.lowest.set(l.min.get),
      l.scales.set(splat(l.factor.get)), l.lows.set(splat(l.lowest.get)),
      forEach((offset) => [v128.store(CODES + offset, l.i.get, encoded(offset))]),
      error(l.scale.get, l.lowest.get), l.least.set(l.found.get),
      loopWhile(
        i32.lt(l.step.get, l.steps.get),
        // The tool searches from the best offset so far, not from the smallest value.
        l.factor.set(f32.const(1)),
        when(f32.ne(l.lowest.get, l.max.get), [l.factor.set(f32.div(f32.load(NUMERATORS, l.step.get), f32.sub(l.max.get, l.lowest.get)))]),
        l.scales.set(splat(l.factor.get)), l.lows.set(splat(l.lowest.get)), clear(one, two, three),
        forEach((offset, part) => [
          l.q.set(encoded(offset)), v128.store(CODES + offset, l.i.get, l.q.get),
          l.l.set(f32x4.mul(weight(offset), l.q.get)),
          grow(one[part], l.l.get), grow(two[part], f32x4.mul(l.l.get, l.q.get)), grow(three[part], f32x4.mul(l.l.get, x(offset))),
        ]),
        l.sumL.set(totalOf(one)), l.sumL2.set(totalOf(two)), l.sumXL.set(totalOf(three)),
        l.determinant.set(f32.sub(f32.mul(l.sumW.get, l.sumL2.get), f32.mul(l.sumL.get, l.sumL.get))),
        l.newScale.set(f32.div(f32.sub(f32.mul(l.sumW.get, l.sumXL.get), f32.mul(l.sumX.get, l.sumL.get)), l.determinant.get)),
        l.newLow.set(f32.div(f32.sub(f32.mul(l.sumL2.get, l.sumX.get), f32.mul(l.sumL.get, l.sumXL.get)), l.determinant.get)),
        error(l.newScale.get, l.newLow.get),
        when(f32.lt(l.found.get, l.least.get), [l.least.set(l.found.get), l.scale.set(l.newScale.get), l.lowest.set(l.newLow.get)]),
        l.step.set(i32.add(l.step.get, i32.const(4))),
      ),
      f32.store(FOUND, i32.const(0), l.scale.get), f32.store(FOUND + 4, i32.const(0), l.lowest.get),
    ];
  },
);

export const kQuantFunctions = () => ({ fit: fit() });
