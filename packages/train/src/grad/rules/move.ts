/** Gradients of operators that move, repeat or select values. */
import { Tensor, attr, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { axesInput, castLike, ints, positive, range, rankOf, reshapeLike, rule, scalar, shapeOf, shapeVector, sumTo, transpose, unsupported, zerosLike } from "../build.ts";
import { alongAxis } from "./resize.ts";

const reshaped: GradRule = (c) => [reshapeLike(c, c.dy(0)!, c.input(0))];

const transposeRule: GradRule = (c) => {
  const rank = rankOf(c, c.input(0));
  const perm = c.node.ints("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const inverse = perm.map((_, i) => perm.indexOf(i));
  return [transpose(c, c.dy(0)!, inverse)];
};

/** Length of one axis, as an int64 vector of one element. */
const lengthOf = (c: GradContext, value: Value, axis: number): Value => c.emit("Gather", [c.emit("Shape", [value]), ints(c, [axis])]);

/** Length of an axis of each value, as an int64 vector. */
function lengths(c: GradContext, values: readonly Value[], axis: number): Value {
  const known = values.map((v) => shapeOf(c, v)[axis]);
  if (known.every((d) => typeof d === "number")) return ints(c, known as number[]);
  const parts = values.map((v) => lengthOf(c, v, axis));
  return c.emit("Concat", parts, { axis: attr.int(0) });
}

const concatRule: GradRule = (c) => {
  const inputs = c.node.inputs.map((_, i) => c.input(i));
  const axis = positive(c.node.int("axis", 0), rankOf(c, inputs[0]!));
  const dy = c.dy(0)!;
  let start = ints(c, [0]);
  return inputs.map((x, i) => {
    const end = c.emit("Add", [start, lengths(c, [x], axis)]);
    const piece = c.wants(i) ? c.emit("Slice", [dy, start, end, ints(c, [axis])]) : undefined;
    start = end;
    return piece;
  });
};

/** Outputs that nothing differentiates count as zero. */
const splitRule: GradRule = (c) => {
  const axis = positive(c.node.int("axis", 0), rankOf(c, c.input(0)));
  const parts = c.node.outputs.map((_, i) => c.dy(i) ?? zerosLike(c, c.output(i)));
  return [c.emit("Concat", parts, { axis: attr.int(axis) })];
};

/** Positive steps: dy goes back into zeros of the input's shape, by the indices that Slice took. */
const sliceRule: GradRule = (c) => {
  const x = c.input(0);
  const rank = rankOf(c, x);
  const [starts, ends] = [c.input(1).constant?.toNumbers(), c.input(2).constant?.toNumbers()];
  if (!starts || !ends) return unsupported(c, "bounds that are computed at run time");
  const axes = c.has(3) ? axesInput(c, 3, rank) : starts.map((_, i) => i);
  const steps = c.has(4) ? c.input(4).constant?.toNumbers() : starts.map(() => 1);
  if (!steps) return unsupported(c, "steps that are computed at run time");
  return [axes.reduceRight((dy, axis, i) => unslice(c, dy, axis, starts[i]!, ends[i]!, steps[i]!), c.dy(0)!)];
};

/** Undoes one axis of a Slice: Pad for step 1, else a scatter along the axis. */
function unslice(c: GradContext, dy: Value, axis: number, start: number, end: number, stepSize: number): Value {
  const x = c.input(0);
  const rank = rankOf(c, x);
  const length = shapeOf(c, x)[axis];
  if (typeof length !== "number") return stepSize === 1 ? padSymbolic(c, dy, axis, start) : unsupported(c, "a step along an axis of symbolic length");
  const clamp = (at: number, low: number, high: number): number => Math.min(high, Math.max(low, at < 0 ? at + length : at));
  if (stepSize === 1) {
    const from = clamp(start, 0, length);
    const to = Math.max(from, clamp(end, 0, length));
    const pads = Array.from({ length: 2 * rank }, (_, i) => (i === axis ? from : i === rank + axis ? length - to : 0));
    return pads.every((p) => p === 0) ? dy : c.emit("Pad", [dy, ints(c, pads)]);
  }
  const picked: number[] = [];
  if (stepSize > 0) for (let i = clamp(start, 0, length); i < clamp(end, 0, length); i += stepSize) picked.push(i);
  else for (let i = clamp(start, 0, length - 1), stop = end < -length ? -1 : clamp(end, -1, length - 1); i > stop; i += stepSize) picked.push(i);
  // Position p of the input takes row rank(p) of dy, or a zero row that is appended at the end.
  const rows = new Array<number>(length).fill(picked.length);
  picked.forEach((at, i) => (rows[at] = i));
  const pads = Array.from({ length: 2 * rank }, (_, i) => (i === rank + axis ? 1 : 0));
  return c.emit("Gather", [c.emit("Pad", [dy, ints(c, pads)]), ints(c, rows)], { axis: attr.int(axis) });
}

/** A Slice of step 1 along an axis whose length is known when it runs: zeros before and behind, as many as were cut off. */
function padSymbolic(c: GradContext, dy: Value, axis: number, start: number): Value {
  const length = lengths(c, [c.input(0)], axis);
  const before = start >= 0 ? ints(c, [start]) : c.emit("Max", [c.emit("Add", [length, ints(c, [start])]), ints(c, [0])]);
  const kept = lengthOf(c, dy, axis);
  const behind = c.emit("Sub", [c.emit("Sub", [length, kept]), before]);
  // Pads for all axes: ONNX Runtime 1.30 takes the form that names its axes apart when it moves a Transpose through it.
  const zeros = (count: number): Value[] => (count === 0 ? [] : [ints(c, new Array<number>(count).fill(0))]);
  const rest = rankOf(c, c.input(0)) - 1;
  return c.emit("Pad", [dy, c.emit("Concat", [...zeros(axis), before, ...zeros(rest), behind, ...zeros(rest - axis)], { axis: attr.int(0) })]);
}

/** The embedding gradient: rows of dy are added into zeros of the table's shape. */
const gatherRule: GradRule = (c) => {
  const [table, indices, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const rank = rankOf(c, table);
  const axis = positive(c.node.int("axis", 0), rank);
  const indexRank = rankOf(c, indices);
  // The gathered axes come first, so that ScatterND addresses whole rows.
  const outRank = rank - 1 + indexRank;
  const gathered = Array.from({ length: indexRank }, (_, i) => axis + i);
  const rest = Array.from({ length: outRank }, (_, i) => i).filter((i) => !gathered.includes(i));
  const rows = axis === 0 ? dy : transpose(c, dy, [...gathered, ...rest]);
  const order = [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)];
  const tableFirst = axis === 0 ? shapeVector(c, table) : c.emit("Gather", [shapeVector(c, table), ints(c, order)]);
  const zeros = c.emit("Expand", [scalar(c, 0, table), tableFirst]);
  const at = c.emit("Unsqueeze", [wrapped(c, indices, table, axis), ints(c, [-1])]);
  const summed = c.emit("ScatterND", [zeros, at, rows], { reduction: attr.string("add") });
  return [axis === 0 ? summed : transpose(c, summed, order.map((_, i) => order.indexOf(i)))];
};

/** Indices counted from the front: ScatterND with a reduction may not take negative ones. */
function wrapped(c: GradContext, indices: Value, table: Value, axis: number): Value {
  const wide = indices.dtype === "int64" ? indices : c.emit("Cast", [indices], { to: attr.int(7) });
  const length = shapeOf(c, table)[axis];
  if (indices.constant?.toNumbers().every((i) => i >= 0)) return wide;
  const size = typeof length === "number" ? c.constant(Tensor.int64([length], [])) : c.emit("Squeeze", [lengths(c, [table], axis)]);
  return c.emit("Where", [c.emit("Less", [wide, c.constant(Tensor.int64([0], []))]), c.emit("Add", [wide, size]), wide]);
}

const gatherElementsRule: GradRule = (c) => {
  const x = c.input(0);
  const axis = positive(c.node.int("axis", 0), rankOf(c, x));
  return [c.emit("ScatterElements", [zerosLike(c, x), c.input(1), c.dy(0)!], { axis: attr.int(axis), reduction: attr.string("add") })];
};

const gatherNdRule: GradRule = (c) => {
  const batch = c.node.int("batch_dims", 0);
  const indices = batch === 0 ? c.input(1) : withBatch(c, batch);
  return [c.emit("ScatterND", [zerosLike(c, c.input(0)), indices, c.dy(0)!], { reduction: attr.string("add") })];
};

/** Indices with the batch position put in front, as ScatterND has no batch axes. */
function withBatch(c: GradContext, batch: number): Value {
  const shape = shapeOf(c, c.input(1));
  if (batch !== 1 || typeof shape[0] !== "number") return unsupported(c, "batch_dims above 1, or a symbolic batch axis");
  const lead = shape.slice(0, -1);
  const position = c.constant(Tensor.int64(range(0, shape[0]), [shape[0], ...lead.map(() => 1)]));
  const known = c.emit("Gather", [c.emit("Shape", [c.input(1)]), ints(c, range(0, lead.length))]);
  const ones = c.emit("Concat", [known, ints(c, [1])], { axis: attr.int(0) });
  return c.emit("Concat", [c.emit("Expand", [position, ones]), c.input(1)], { axis: attr.int(-1) });
}

/** Values that were overwritten get no gradient; with `add` nothing was. The updates get what landed where they went. */
const scatterElementsRule: GradRule = (c) => {
  const [data, indices, updates, dy] = [c.input(0), c.input(1), c.input(2), c.dy(0)!];
  const reduction = c.node.string("reduction", "none");
  if (reduction !== "none" && reduction !== "add") return unsupported(c, `reduction "${reduction}"`);
  const axis = attr.int(positive(c.node.int("axis", 0), rankOf(c, data)));
  return [
    !c.wants(0) || reduction === "add" ? dy : c.emit("ScatterElements", [dy, indices, zerosLike(c, updates)], { axis }),
    undefined,
    c.wants(2) ? c.emit("GatherElements", [dy, indices], { axis }) : undefined,
  ];
};

const scatterNdRule: GradRule = (c) => {
  const [indices, updates, dy] = [c.input(1), c.input(2), c.dy(0)!];
  const reduction = c.node.string("reduction", "none");
  if (reduction !== "none" && reduction !== "add") return unsupported(c, `reduction "${reduction}"`);
  return [
    !c.wants(0) || reduction === "add" ? dy : c.emit("ScatterND", [dy, indices, zerosLike(c, updates)]),
    undefined,
    c.wants(2) ? c.emit("GatherND", [dy, indices]) : undefined,
  ];
};

/** dx of constant padding is the middle of dy; the other modes repeat elements, whose gradients add up. */
const padRule: GradRule = (c) => {
  const x = c.input(0);
  const mode = c.node.string("mode", "constant");
  const pads = c.input(1).constant?.toNumbers();
  if (!pads) return unsupported(c, "pads that are computed at run time");
  const rank = rankOf(c, x);
  const axes = c.has(3) ? axesInput(c, 3, rank) : range(0, rank);
  if (mode !== "constant") return [axes.reduce((dy, axis, i) => unrepeat(c, dy, axis, mode, pads[i]!, pads[axes.length + i]!), c.dy(0)!)];
  // Cropping (a negative pad) is undone by padding with zeros.
  const cut = (p: number): number => Math.max(0, p);
  const starts = axes.map((_, i) => cut(pads[i]!));
  const ends = axes.map((_, i) => (cut(pads[axes.length + i]!) === 0 ? Number.MAX_SAFE_INTEGER : -pads[axes.length + i]!));
  const middle = pads.some((p) => p > 0) ? c.emit("Slice", [c.dy(0)!, ints(c, starts), ints(c, ends), ints(c, axes)]) : c.dy(0)!;
  const back = new Array<number>(2 * rank).fill(0);
  axes.forEach((axis, i) => {
    back[axis] = Math.max(0, -pads[i]!);
    back[rank + axis] = Math.max(0, -pads[axes.length + i]!);
  });
  return [pads.some((p) => p < 0) ? c.emit("Pad", [middle, ints(c, back)]) : middle];
};

/** The input position that an output position repeats, in each padding mode. */
const repeated: Readonly<Record<string, (at: number, length: number) => number>> = {
  edge: (at, length) => Math.min(length - 1, Math.max(0, at)),
  wrap: (at, length) => ((at % length) + length) % length,
  reflect: (at, length) => { const p = 2 * (length - 1); const m = p === 0 ? 0 : ((at % p) + p) % p; return m < length ? m : p - m; },
};

function unrepeat(c: GradContext, dy: Value, axis: number, mode: string, before: number, after: number): Value {
  if (before === 0 && after === 0) return dy;
  const x = c.input(0);
  const length = shapeOf(c, x)[axis];
  const source = repeated[mode];
  if (typeof length !== "number" || !source) return unsupported(c, `mode "${mode}" on an axis of symbolic length`);
  const out = length + before + after;
  const matrix = new Float32Array(out * length);
  for (let i = 0; i < out; i++) matrix[i * length + source(i - before, length)] = 1;
  return alongAxis(c, dy, axis, rankOf(c, x), Tensor.from(x.dtype ?? "float32", [out, length], matrix));
}

const expandRule: GradRule = (c) => [sumTo(c, c.dy(0)!, shapeOf(c, c.output(0)), c.input(0))];

/** Repeats are summed: dy viewed as [repeat, length] per axis. */
const tileRule: GradRule = (c) => {
  const x = c.input(0);
  const repeats = c.input(1).constant?.toNumbers();
  const shape = shapeOf(c, x);
  if (!repeats || !shape.every((d) => typeof d === "number")) return unsupported(c, "repeats or shapes that are not constant");
  const split = shape.flatMap((d, i) => [repeats[i]!, d as number]);
  const viewed = c.emit("Reshape", [c.dy(0)!, ints(c, split)]);
  return [c.emit("ReduceSum", [viewed, ints(c, shape.map((_, i) => 2 * i))], { keepdims: attr.int(0) })];
};

const castRule: GradRule = (c) => {
  const x = c.input(0);
  return [castLike(c, c.dy(0)!, x)];
};

/** Dropout in training mode gives its mask; inference mode is the identity. */
const dropoutRule: GradRule = (c) => {
  const training = c.has(2) ? c.input(2).constant?.toNumbers()[0] === 1 : false;
  if (!training) return [c.dy(0)];
  if (!c.node.output(1)) return unsupported(c, "training mode without its mask output");
  const ratio = c.has(1) ? c.input(1).constant?.toNumbers()[0] : 0.5;
  if (ratio === undefined) return unsupported(c, "a ratio that is computed at run time");
  const mask = castLike(c, c.output(1), c.input(0));
  return [c.emit("Mul", [c.dy(0)!, c.emit("Mul", [mask, scalar(c, 1 / (1 - ratio), c.input(0))])])];
};

/** The two are each other's inverse; DepthToSpace's CRD mode has no inverse operator and is written out. */
const depthToSpaceRule: GradRule = (c) => {
  const blocksize = c.node.int("blocksize", 1);
  const dy = c.dy(0)!;
  if (c.node.string("mode", "DCR") === "DCR") return [c.emit("SpaceToDepth", [dy], { blocksize: attr.int(blocksize) })];
  const [channels, height, width] = shapeOf(c, c.input(0)).slice(1);
  if (typeof channels !== "number" || typeof height !== "number" || typeof width !== "number") return unsupported(c, "mode CRD with symbolic sizes");
  const split = c.emit("Reshape", [dy, ints(c, [-1, channels / blocksize ** 2, height, blocksize, width, blocksize])]);
  return [c.emit("Reshape", [transpose(c, split, [0, 1, 3, 5, 2, 4]), ints(c, [-1, channels, height, width])])];
};

const spaceToDepthRule: GradRule = (c) => [c.emit("DepthToSpace", [c.dy(0)!], { blocksize: attr.int(c.node.int("blocksize", 1)) })];

const triluRule: GradRule = (c) => [c.emit("Trilu", c.has(1) ? [c.dy(0)!, c.input(1)] : [c.dy(0)!], { upper: attr.int(c.node.int("upper", 1)) })];

export const move: readonly OpRules[] = [
  ...["Reshape", "Flatten", "Squeeze", "Unsqueeze"].map((name) => rule(name, reshaped)),
  rule("Transpose", transposeRule),
  rule("Concat", concatRule),
  rule("Split", splitRule),
  rule("Slice", sliceRule),
  rule("Gather", gatherRule),
  rule("GatherElements", gatherElementsRule),
  rule("GatherND", gatherNdRule),
  rule("ScatterElements", scatterElementsRule),
  rule("ScatterND", scatterNdRule),
  rule("DepthToSpace", depthToSpaceRule),
  rule("SpaceToDepth", spaceToDepthRule),
  rule("Trilu", triluRule),
  rule("Pad", padRule),
  rule("Expand", expandRule),
  rule("Tile", tileRule),
  rule("Cast", castRule),
  rule("Dropout", dropoutRule),
];
