/**
 * Blocks of a weight matrix to scales, zero points and packed codes, four columns at a time: a lane is a column, so that rows are read as
 * they are stored. To the last bit what the plain loops of weight-only/fit.ts, pack.ts and table.ts give, but for columns with values that are not
 * finite or whose scale has no float32 reciprocal: those are left to them, and {@link ODD} tells.
 */
import { define, f32, f32x4, f64, f64x2, i32, i32x4, loopWhile, v128, type Code, type FunctionSource, type Local } from "./assembler.ts";

export interface NbitsFormat {
  readonly algorithm: "default" | "rtn" | "table";
  readonly bits: 2 | 4 | 8;
  readonly symmetric: boolean;
}

/** Columns at a time. */
export const COLUMNS = 512;
/** Bytes from row to row; not a power of two, or a column's rows would share two sets of the first-level cache. */
export const STRIDE = 4 * COLUMNS + 64;
/** Rows of the tile: the longest block, or several short ones, whose codes then lie together. */
export const ROWS = 256;
/** Byte addresses: four lanes, not finite when some column was left out; rows of scales and of zero points (int32); of values; codes by column. */
export const ODD = 0;
export const SCALES = 64;
export const ZEROS = SCALES + (ROWS / 16) * 4 * COLUMNS;
export const TILE = ZEROS + (ROWS / 16) * 4 * COLUMNS;
export const CODES = TILE + ROWS * STRIDE;
/** Values on their way into the tile: float32, and the float16 that they were. */
export const RAW_VALUES = ROWS * COLUMNS;
export const RAW = CODES + COLUMNS * ROWS;
export const HALVES = RAW + 4 * RAW_VALUES;
export const BYTES = HALVES + 2 * RAW_VALUES + 64;

const splat = (value: number): Code => f32x4.splat(f32.const(value));
const splat64 = (value: number): Code => f64x2.splat(f64.const(value));
/** The upper two floats in the place of the lower ones. */
const upper = (v: Code): Code => v128.shuffle([8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7], v, v);
/** The lower halves of both. */
const halves = (low: Code, high: Code): Code => v128.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23], low, high);

type Names = "from" | "at" | "end" | "out" | "v" | "low" | "high" | "check" | "scale" | "zero" | "factor" | "factor2" | "zero2" | "word" | "t";
type Locals = Readonly<Record<Names, Local>>;

/** What a measure needs: a start, a step for each value, and scale, zero and factor at the end. */
interface Measure {
  readonly start: readonly Code[];
  readonly step: readonly Code[];
  readonly finish: readonly Code[];
}

/** floor(t + 0.5) for t >= 0, as a double would have it: adding in float32 would round. Below 0 it is at most 0. */
const halfUp = (l: Locals): Code =>
  f32x4.add(f32x4.floor(l.t.get), v128.and(f32x4.ge(f32x4.sub(l.t.get, f32x4.floor(l.t.get)), splat(0.5)), splat(1)));

/** What a is, and 0 where the scale is. */
const unlessScaleIsZero = (l: Locals, a: Code): Code => v128.and(a, f32x4.ne(l.scale.get, splat(0)));

/** ONNX Runtime's: float32 throughout, products with the reciprocal of the scale. */
function ortMeasure(l: Locals, top: number, symmetric: boolean): Measure {
  const reciprocal = l.factor.set(unlessScaleIsZero(l, f32x4.div(splat(1), l.scale.get)));
  if (!symmetric) {
    return {
      start: [l.low.set(splat(0)), l.high.set(splat(0))],
      step: [l.low.set(f32x4.least(l.low.get, l.v.get)), l.high.set(f32x4.greatest(l.high.get, l.v.get))],
      finish: [
        l.scale.set(f32x4.div(f32x4.sub(l.high.get, l.low.get), splat(top))),
        l.t.set(f32x4.div(f32x4.neg(l.low.get), l.scale.get)),
        l.zero.set(unlessScaleIsZero(l, f32x4.least(splat(top), halfUp(l)))),
        reciprocal,
      ],
    };
  }
  // low: the first value of the greatest magnitude, which is high.
  return {
    start: [l.low.set(v128.load(0, l.from.get)), l.high.set(f32x4.abs(l.low.get))],
    step: [
      l.low.set(v128.select(l.v.get, l.low.get, f32x4.gt(f32x4.abs(l.v.get), l.high.get))),
      l.high.set(f32x4.greatest(l.high.get, f32x4.abs(l.v.get))),
    ],
    // + 0: the scale of zeros is that of +0.
    finish: [l.scale.set(f32x4.div(f32x4.add(l.low.get, splat(0)), splat(-(top + 1) / 2))), l.zero.set(splat((top + 1) / 2)), reciprocal],
  };
}

/** Intel's Neural Compressor: float64 and true division. `factor` and `zero` are of the first two lanes, `factor2` and `zero2` of the others. */
function rtnMeasure(l: Locals, top: number, symmetric: boolean): Measure {
  const middle = (top + 1) / 2;
  const scale = l.scale.set(halves(f32x4.fromF64(l.factor.get), f32x4.fromF64(l.factor2.get)));
  /** 1 where it would be 0 / n. */
  const orOne = (span: Code, quotient: (half: Code) => Code): readonly Code[] => {
    const masked = (part: Code): Code => v128.select(quotient(f64x2.fromF32(part)), splat64(1), f64x2.gt(f64x2.abs(f64x2.fromF32(part)), splat64(0)));
    return [l.t.set(span), l.factor.set(masked(l.t.get)), l.factor2.set(masked(upper(l.t.get)))];
  };
  if (symmetric) {
    return {
      start: [l.high.set(splat(0))],
      step: [l.high.set(f32x4.greatest(l.high.get, f32x4.abs(l.v.get)))],
      finish: [...orOne(f32x4.mul(l.high.get, splat(2)), (x) => f64x2.div(x, splat64(top))), l.zero.set(splat64(middle)), l.zero2.set(splat64(middle)), scale],
    };
  }
  const zero = (low: Code, factor: Local): Code =>
    f64x2.greatest(splat64(0), f64x2.least(splat64(top), f64x2.nearest(f64x2.div(f64x2.fromF32(f32x4.neg(low)), factor.get))));
  return {
    start: [l.low.set(v128.load(0, l.from.get)), l.high.set(l.low.get)],
    step: [l.low.set(f32x4.least(l.low.get, l.v.get)), l.high.set(f32x4.greatest(l.high.get, l.v.get))],
    finish: [
      ...orOne(f32x4.sub(l.high.get, l.low.get), (x) => f64x2.div(x, splat64(top))), scale,
      l.zero.set(zero(l.low.get, l.factor)), l.zero2.set(zero(upper(l.low.get), l.factor2)),
    ],
  };
}

/** What ONNX Runtime's tool does with tables: float32 and true division. `factor` has ones where the scale is not 0. */
function tableMeasure(l: Locals, top: number, symmetric: boolean): Measure {
  const middle = splat((top + 1) / 2);
  const start = [l.low.set(v128.load(0, l.from.get)), l.high.set(l.low.get)];
  const step = [l.low.set(f32x4.min(l.low.get, l.v.get)), l.high.set(f32x4.max(l.high.get, l.v.get))];
  const mask = l.factor.set(f32x4.ne(l.scale.get, splat(0)));
  if (symmetric) {
    const extreme = v128.select(l.high.get, l.low.get, f32x4.gt(f32x4.abs(l.high.get), f32x4.abs(l.low.get)));
    return { start, step, finish: [l.scale.set(f32x4.div(extreme, splat(-(top + 1) / 2))), l.zero.set(middle), mask] };
  }
  const zero = f32x4.greatest(splat(0), f32x4.least(splat(top), f32x4.nearest(f32x4.div(f32x4.neg(l.low.get), l.scale.get))));
  return {
    start: [l.low.set(splat(0)), l.high.set(splat(0))], step,
    finish: [l.scale.set(f32x4.div(f32x4.sub(l.high.get, l.low.get), splat(top))), mask, l.zero.set(v128.select(zero, middle, l.factor.get))],
  };
}

const measures = { default: ortMeasure, rtn: rtnMeasure, table: tableMeasure };

/** The codes of `v` as int32, and what is added to `check`: not finite when they mean nothing. */
function encode(l: Locals, top: number, { algorithm, symmetric }: NbitsFormat): readonly [readonly Code[], Code] {
  const clipped = (t: Code): Code => f32x4.toI32(f32x4.greatest(splat(0), f32x4.least(splat(top), t)));
  if (algorithm === "default") {
    return [[l.t.set(f32x4.add(f32x4.mul(l.v.get, l.factor.get), l.zero.get)), l.check.set(f32x4.add(l.check.get, l.t.get))], clipped(halfUp(l))];
  }
  if (algorithm === "table") {
    const quotient = l.t.set(v128.and(f32x4.div(l.v.get, l.scale.get), l.factor.get));
    const rounded = symmetric ? f32x4.add(f32x4.nearest(l.t.get), l.zero.get) : f32x4.nearest(f32x4.add(l.t.get, l.zero.get));
    return [[quotient, l.check.set(f32x4.add(l.check.get, f32x4.sub(l.t.get, l.t.get)))], clipped(rounded)];
  }
  const two = (part: Code, factor: Local, zero: Local): Code => {
    const rounded = f64x2.nearest(f64x2.add(f64x2.div(f64x2.fromF32(part), factor.get), zero.get));
    return f64x2.toI32(f64x2.greatest(splat64(0), f64x2.least(splat64(top), rounded)));
  };
  return [[l.check.set(f32x4.add(l.check.get, f32x4.sub(l.v.get, l.v.get)))], halves(two(l.v.get, l.factor, l.zero), two(upper(l.v.get), l.factor2, l.zero2))];
}

/**
 * `groups` of four columns with blocks of `rows` values, from address `from` of the tile on. Scales go to `params`, zero points as far behind as
 * the tables lie apart; the codes of the first column to `out`, of the next ones `step` bytes later each.
 */
const columns = (format: NbitsFormat): FunctionSource => define(
  { groups: "i32", rows: "i32", from: "i32", params: "i32", out: "i32", step: "i32" },
  {
    at: "i32", end: "i32", last: "i32", words: "i32",
    v: "v128", low: "v128", high: "v128", check: "v128", scale: "v128", zero: "v128", factor: "v128", factor2: "v128", zero2: "v128", word: "v128", t: "v128", odd: "v128",
  },
  (l) => {
    const { bits } = format;
    const top = 2 ** bits - 1;
    const perWord = 32 / bits;
    const measure = measures[format.algorithm](l, top, format.symmetric);
    const [before, code] = encode(l, top, format);
    const storedZero = format.algorithm !== "rtn" ? f32x4.toI32(l.zero.get) : halves(f64x2.toI32(l.zero.get), f64x2.toI32(l.zero2.get));
    const bytes = (n: Code): Code => i32.mul(n, i32.const(STRIDE));
    return [
      l.odd.set(v128.load(ODD, i32.const(0))), l.last.set(i32.add(l.from.get, i32.shl(l.groups.get, i32.const(4)))),
      loopWhile(
        i32.lt(l.from.get, l.last.get),
        l.at.set(l.from.get), l.end.set(i32.add(l.from.get, bytes(l.rows.get))), ...measure.start,
        loopWhile(i32.lt(l.at.get, l.end.get), l.v.set(v128.load(0, l.at.get)), ...measure.step, l.at.set(i32.add(l.at.get, i32.const(STRIDE)))),
        ...measure.finish, l.check.set(splat(0)),
        v128.store(0, l.params.get, l.scale.get), v128.store(ZEROS - SCALES, l.params.get, storedZero),
        l.at.set(l.from.get), l.words.set(l.out.get),
        loopWhile(
          i32.lt(l.at.get, l.end.get),
          l.word.set(i32x4.splat(i32.const(0))),
          ...Array.from({ length: perWord }, (_, i) => [
            l.v.set(v128.load(i * STRIDE, l.at.get)), ...before, l.word.set(v128.or(l.word.get, i32x4.shl(code, i32.const(i * bits)))),
          ]).flat(),
          ...[0, 1, 2, 3].map((lane) => v128.store32(0, lane, lane === 0 ? l.words.get : i32.add(l.words.get, i32.mul(l.step.get, i32.const(lane))), l.word.get)),
          l.words.set(i32.add(l.words.get, i32.const(4))), l.at.set(i32.add(l.at.get, i32.const(perWord * STRIDE))),
        ),
        l.odd.set(f32x4.add(l.odd.get, f32x4.sub(l.check.get, l.check.get))),
        l.from.set(i32.add(l.from.get, i32.const(16))), l.params.set(i32.add(l.params.get, i32.const(16))), l.out.set(i32.add(l.out.get, i32.shl(l.step.get, i32.const(2)))),
      ),
      v128.store(ODD, i32.const(0), l.odd.get),
    ];
  },
);

/** Columns that begin at `column` and every `stride` bytes after it, into rows of the tile: `groups` of four columns, `rows` (a multiple of four) values each. */
const turn = (): FunctionSource => define(
  { column: "i32", stride: "i32", groups: "i32", rows: "i32" },
  { from: "i32", at: "i32", end: "i32", group: "i32", a: "v128", b: "v128", c: "v128", d: "v128", ab: "v128", cd: "v128", ab2: "v128", cd2: "v128" },
  (l) => {
    const interleave = (first: number, x: Code, y: Code): Code => v128.shuffle([0, 1].flatMap((i) => [0, 16].flatMap((of) => [0, 1, 2, 3].map((byte) => of + 4 * (first + i) + byte))), x, y);
    const lower = (x: Code, y: Code): Code => halves(x, y);
    const higher = (x: Code, y: Code): Code => v128.shuffle([8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31], x, y);
    const next = (n: number): Code => i32.add(l.from.get, i32.mul(l.stride.get, i32.const(n)));
    return [
      l.group.set(i32.const(TILE)), l.end.set(i32.add(l.group.get, i32.shl(l.groups.get, i32.const(4)))),
      loopWhile(
        i32.lt(l.group.get, l.end.get),
        l.from.set(l.column.get), l.at.set(l.group.get),
        loopWhile(
          i32.lt(l.from.get, i32.add(l.column.get, i32.shl(l.rows.get, i32.const(2)))),
          l.a.set(v128.load(0, l.from.get)), l.b.set(v128.load(0, next(1))), l.c.set(v128.load(0, next(2))), l.d.set(v128.load(0, next(3))),
          l.ab.set(interleave(0, l.a.get, l.b.get)), l.cd.set(interleave(0, l.c.get, l.d.get)),
          l.ab2.set(interleave(2, l.a.get, l.b.get)), l.cd2.set(interleave(2, l.c.get, l.d.get)),
          v128.store(0, l.at.get, lower(l.ab.get, l.cd.get)), v128.store(STRIDE, l.at.get, higher(l.ab.get, l.cd.get)),
          v128.store(2 * STRIDE, l.at.get, lower(l.ab2.get, l.cd2.get)), v128.store(3 * STRIDE, l.at.get, higher(l.ab2.get, l.cd2.get)),
          l.from.set(i32.add(l.from.get, i32.const(16))), l.at.set(i32.add(l.at.get, i32.const(4 * STRIDE))),
        ),
        l.column.set(i32.add(l.column.get, i32.shl(l.stride.get, i32.const(2)))), l.group.set(i32.add(l.group.get, i32.const(16))),
      ),
    ];
  },
);

/** `count` float16 at HALVES as float32 at `to`, up to three more. IEEE 754: the bits, moved, are the value times 2^-112, subnormal ones too. */
const widen = (): FunctionSource => define({ count: "i32", to: "i32" }, { from: "i32", end: "i32", h: "v128", v: "v128" }, (l) => {
  const bits = (value: number): Code => i32x4.splat(i32.const(value));
  return [
    l.from.set(i32.const(HALVES)), l.end.set(i32.add(l.from.get, i32.shl(l.count.get, i32.const(1)))),
    loopWhile(
      i32.lt(l.from.get, l.end.get),
      l.h.set(v128.load16(0, l.from.get)),
      l.v.set(f32x4.mul(i32x4.shl(v128.and(l.h.get, bits(0x7fff)), i32.const(13)), splat(2 ** 112))),
      // 2^16 and above stands for infinities and NaN.
      l.v.set(v128.or(l.v.get, v128.and(f32x4.ge(l.v.get, splat(2 ** 16)), bits(0x7f800000)))),
      v128.store(0, l.to.get, v128.or(l.v.get, i32x4.shl(v128.and(l.h.get, bits(0x8000)), i32.const(16)))),
      l.from.set(i32.add(l.from.get, i32.const(8))), l.to.set(i32.add(l.to.get, i32.const(16))),
    ),
  ];
});

export const nbitsFunctions = (format: NbitsFormat) => ({ columns: columns(format), turn: turn(), widen: widen() });
