/**
 * Loops over weights and activations, four float32 lanes at a time: extremes, int8 and uint8 codes, histograms. Results are those of the
 * plain loops in JavaScript to the last bit: division, rounding to even and comparison are the same operations.
 */
import { define, f32, f32x4, f64, f64x2, i16x8, i32, i32x4, i8x16, loopWhile, v128, when, type Code, type FunctionSource } from "./assembler.ts";

/** Share of a bin within which rounding of edges and quotient can matter; far above both. */
export const NEAR = 1e-3;

const add = (pointer: Code, bytes: number): Code => i32.add(pointer, i32.const(bytes));
const zero = f32x4.splat(f32.const(0));

/** Least and greatest of `count` >= 8 values: four lanes each at addresses 0 and 16, and at 32 lanes that are NaN when some value is not finite. */
const extremes = (): FunctionSource => define(
  { x: "i32", count: "i32" },
  { a: "v128", b: "v128", low: "v128", low2: "v128", high: "v128", high2: "v128", check: "v128", end: "i32", last: "i32" },
  (l) => [
    l.low.set(f32x4.splat(f32.load(0, l.x.get))), l.low2.set(l.low.get), l.high.set(l.low.get), l.high2.set(l.low.get), l.check.set(zero),
    l.end.set(i32.add(l.x.get, i32.shl(l.count.get, i32.const(2)))),
    // The last eight may overlap those before.
    l.last.set(i32.sub(l.end.get, i32.const(32))),
    loopWhile(
      i32.lt(l.x.get, l.end.get),
      when(i32.gt(l.x.get, l.last.get), [l.x.set(l.last.get)]),
      l.a.set(v128.load(0, l.x.get)), l.b.set(v128.load(16, l.x.get)),
      l.low.set(f32x4.least(l.low.get, l.a.get)), l.high.set(f32x4.greatest(l.high.get, l.a.get)),
      l.low2.set(f32x4.least(l.low2.get, l.b.get)), l.high2.set(f32x4.greatest(l.high2.get, l.b.get)),
      l.check.set(f32x4.add(l.check.get, f32x4.add(f32x4.sub(l.a.get, l.a.get), f32x4.sub(l.b.get, l.b.get)))),
      l.x.set(add(l.x.get, 32)),
    ),
    v128.store(0, i32.const(0), f32x4.least(l.low.get, l.low2.get)),
    v128.store(16, i32.const(0), f32x4.greatest(l.high.get, l.high2.get)),
    v128.store(32, i32.const(0), l.check.get),
  ],
);

/** Lowers `low[i]` and raises `high[i]` to x[i]; adds to the lanes at 32 what is NaN when a value is not finite. Goes up to three places too far. */
const rowExtremes = (): FunctionSource => define(
  { x: "i32", count: "i32", low: "i32", high: "i32" },
  { v: "v128", check: "v128", end: "i32" },
  (l) => [
    l.check.set(v128.load(32, i32.const(0))),
    l.end.set(i32.add(l.x.get, i32.shl(l.count.get, i32.const(2)))),
    loopWhile(
      i32.lt(l.x.get, l.end.get),
      l.v.set(v128.load(0, l.x.get)),
      v128.store(0, l.low.get, f32x4.least(v128.load(0, l.low.get), l.v.get)),
      v128.store(0, l.high.get, f32x4.greatest(v128.load(0, l.high.get), l.v.get)),
      l.check.set(f32x4.add(l.check.get, f32x4.sub(l.v.get, l.v.get))),
      l.x.set(add(l.x.get, 16)), l.low.set(add(l.low.get, 16)), l.high.set(add(l.high.get, 16)),
    ),
    v128.store(32, i32.const(0), l.check.get),
  ],
);

/** clip(round(x / scale) + zero) of sixteen values; saturating steps clip as one clip at the end would. */
function sixteen(x: Code, scale: (lane: number) => Code, zeros: readonly [Code, Code], narrow: (a: Code, b: Code) => Code): Code {
  const four = (i: number): Code => f32x4.toI32(f32x4.nearest(f32x4.div(v128.load(16 * i, x), scale(i))));
  const eight = (i: number): Code => i16x8.addSaturating(i16x8.narrow(four(2 * i), four(2 * i + 1)), zeros[i]!);
  return narrow(eight(0), eight(1));
}

/** Codes of one scale and zero point. Writes up to fifteen bytes too many. */
const codes = (narrow: (a: Code, b: Code) => Code): FunctionSource => define(
  { x: "i32", count: "i32", out: "i32", scale: "f32", zero: "i32" },
  { scales: "v128", zeros: "v128", end: "i32" },
  (l) => [
    l.scales.set(f32x4.splat(l.scale.get)), l.zeros.set(i16x8.splat(l.zero.get)),
    l.end.set(i32.add(l.out.get, l.count.get)),
    loopWhile(
      i32.lt(l.out.get, l.end.get),
      v128.store(0, l.out.get, sixteen(l.x.get, () => l.scales.get, [l.zeros.get, l.zeros.get], narrow)),
      l.x.set(add(l.x.get, 64)), l.out.set(add(l.out.get, 16)),
    ),
  ],
);

/** The same with a scale (float32) and a zero point (int16) for each value. */
const rowCodes = (narrow: (a: Code, b: Code) => Code): FunctionSource => define(
  { x: "i32", count: "i32", out: "i32", scales: "i32", zeros: "i32" },
  { end: "i32" },
  (l) => [
    l.end.set(i32.add(l.out.get, l.count.get)),
    loopWhile(
      i32.lt(l.out.get, l.end.get),
      v128.store(0, l.out.get, sixteen(l.x.get, (i) => v128.load(16 * i, l.scales.get), [v128.load(0, l.zeros.get), v128.load(16, l.zeros.get)], narrow)),
      l.x.set(add(l.x.get, 64)), l.out.set(add(l.out.get, 16)), l.scales.set(add(l.scales.get, 64)), l.zeros.set(add(l.zeros.get, 32)),
    ),
  ],
);

/** 1.5 * 2^52: what a double is after adding it has the nearest integer in its low bits. */
const ROUND = 6755399441055744;

/**
 * Counts pairs of values into `bins` bins of equal width that begin at `first`, uint32 at `counts`; edges are float32. The second of a pair
 * counts in a table right behind the first, so that runs of equal values need not wait for one another. Zeros, which are many behind a Relu
 * and lie on an edge, count in `zeroBin`.
 */
const histogram = (): FunctionSource => define(
  { x: "i32", pairs: "i32", counts: "i32", edges: "i32", bins: "i32", first: "f64", perUnit: "f64", zeroBin: "i32" },
  {
    end: "i32", other: "i32", bin: "i32", cell: "i32", v: "f32", place: "f64", within: "f64",
    firsts: "v128", factors: "v128", half: "v128", round: "v128", border: "v128", none: "v128", zeroBins: "v128", xs: "v128", places: "v128", rounded: "v128", zeros: "v128",
  },
  (l) => {
    const increment = (table: Code, bin: Code): Code => [
      ...l.cell.set(i32.add(table, i32.shl(bin, i32.const(2)))),
      ...i32.store(0, l.cell.get, i32.add(i32.load(0, l.cell.get), i32.const(1))),
    ];
    const edge = (offset: number): Code => f32.load(offset, i32.add(l.edges.get, i32.shl(l.bin.get, i32.const(2))));
    // Near the border of a bin the quotient may be off by one; the float32 edges decide.
    const careful = (offset: number, table: Code): Code => [
      l.v.set(f32.load(offset, l.x.get)),
      l.place.set(f64.mul(f64.sub(f64.fromF32(l.v.get), l.first.get), l.perUnit.get)),
      l.bin.set(i32.fromF64(l.place.get)),
      when(i32.ge(l.bin.get, l.bins.get), [l.bin.set(i32.sub(l.bins.get, i32.const(1)))]),
      l.within.set(f64.sub(l.place.get, f64.fromI32(l.bin.get))),
      when(f64.lt(l.within.get, f64.const(NEAR)), [
        when(f32.lt(l.v.get, edge(0)), [l.bin.set(i32.sub(l.bin.get, i32.const(1)))]),
      ], [
        when(f64.gt(l.within.get, f64.const(1 - NEAR)), [
          when(i32.and(i32.lt(l.bin.get, i32.sub(l.bins.get, i32.const(1))), f32.ge(l.v.get, edge(4))), [l.bin.set(add(l.bin.get, 1))]),
        ]),
      ]),
      increment(table, l.bin.get),
    ].flat();
    return [
      l.end.set(i32.add(l.x.get, i32.shl(l.pairs.get, i32.const(3)))),
      l.other.set(i32.add(l.counts.get, i32.shl(l.bins.get, i32.const(2)))),
      l.firsts.set(f64x2.splat(l.first.get)), l.factors.set(f64x2.splat(l.perUnit.get)), l.half.set(f64x2.splat(f64.const(0.5))),
      l.round.set(f64x2.splat(f64.const(ROUND))), l.border.set(f64x2.splat(f64.const(0.5 - NEAR))), l.zeroBins.set(i32x4.splat(l.zeroBin.get)),
      loopWhile(
        i32.lt(l.x.get, l.end.get),
        l.xs.set(f64x2.fromF32(v128.load64(0, l.x.get))),
        l.places.set(f64x2.sub(f64x2.mul(f64x2.sub(l.xs.get, l.firsts.get), l.factors.get), l.half.get)),
        l.rounded.set(f64x2.add(l.places.get, l.round.get)),
        l.zeros.set(f64x2.eq(l.xs.get, l.none.get)),
        when(
          v128.anyTrue(v128.andNot(f64x2.gt(f64x2.abs(f64x2.sub(l.places.get, f64x2.sub(l.rounded.get, l.round.get))), l.border.get), l.zeros.get)),
          [careful(0, l.counts.get), careful(4, l.other.get)],
          [
            l.rounded.set(v128.select(l.zeroBins.get, l.rounded.get, l.zeros.get)),
            increment(l.counts.get, i32x4.lane(0, l.rounded.get)), increment(l.other.get, i32x4.lane(2, l.rounded.get)),
          ],
        ),
        l.x.set(add(l.x.get, 8)),
      ),
    ];
  },
);

/** All of them, encoded when they are first needed. */
export const weightFunctions = () => ({
  extremes: extremes(), rowExtremes: rowExtremes(), histogram: histogram(),
  codesSigned: codes(i8x16.narrowSigned), codesUnsigned: codes(i8x16.narrowUnsigned),
  rowCodesSigned: rowCodes(i8x16.narrowSigned), rowCodesUnsigned: rowCodes(i8x16.narrowUnsigned),
});
