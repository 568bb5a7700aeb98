/** Gradients of operators that move, repeat or select values. */
import { Tensor, attr, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { axesInput, expandLike, ints, rankOf, reshapeLike, shapeOf, shapeVector, sumTo, transpose, unsupported } from "../build.ts";

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

const reshaped: GradRule = (c) => [reshapeLike(c, c.dy(0)!, c.input(0))];

const transposeRule: GradRule = (c) => {
  const rank = rankOf(c, c.input(0));
  const perm = c.node.ints("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const inverse = perm.map((_, i) => perm.indexOf(i));
  return [transpose(c, c.dy(0)!, inverse)];
};

/** Length of an axis of each value, as an int64 vector. */
function lengths(c: GradContext, values: readonly Value[], axis: number): Value {
  const known = values.map((v) => shapeOf(c, v)[axis]);
  if (known.every((d) => typeof d === "number")) return ints(c, known as number[]);
  const parts = values.map((v) => c.emit("Shape", [v], { start: attr.int(axis), end: attr.int(axis + 1) }));
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

const zerosLike = (c: GradContext, like: Value): Value => expandLike(c, c.constant(Tensor.from("float32", [], [0])), like);

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
  if (typeof length !== "number") return unsupported(c, "a sliced axis of symbolic length");
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
  const zeros = c.emit("Expand", [c.constant(Tensor.from("float32", [], [0])), tableFirst]);
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
  if (c.node.int("batch_dims", 0) !== 0) return unsupported(c, "batch_dims above 0");
  return [c.emit("ScatterND", [zerosLike(c, c.input(0)), c.input(1), c.dy(0)!], { reduction: attr.string("add") })];
};

/** dx of constant padding is the middle of dy. */
const padRule: GradRule = (c) => {
  const x = c.input(0);
  if (c.node.string("mode", "constant") !== "constant") return unsupported(c, `mode "${c.node.string("mode", "")}"`);
  const pads = c.input(1).constant?.toNumbers();
  if (!pads) return unsupported(c, "pads that are computed at run time");
  if (pads.some((p) => p < 0)) return unsupported(c, "negative pads");
  const rank = rankOf(c, x);
  const axes = c.has(3) ? axesInput(c, 3, rank) : Array.from({ length: rank }, (_, i) => i);
  const starts = axes.map((_, i) => pads[i]!);
  const ends = axes.map((_, i) => (pads[axes.length + i]! === 0 ? Number.MAX_SAFE_INTEGER : -pads[axes.length + i]!));
  return [c.emit("Slice", [c.dy(0)!, ints(c, starts), ints(c, ends), ints(c, axes)])];
};

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
  const id = x.dtype === "float64" ? 11 : x.dtype === "float16" ? 10 : x.dtype === "bfloat16" ? 16 : 1;
  return [c.emit("Cast", [c.dy(0)!], { to: attr.int(id) })];
};

/** Dropout in training mode gives its mask; inference mode is the identity. */
const dropoutRule: GradRule = (c) => {
  const training = c.has(2) ? c.input(2).constant?.toNumbers()[0] === 1 : false;
  if (!training) return [c.dy(0)];
  if (!c.node.output(1)) return unsupported(c, "training mode without its mask output");
  const ratio = c.has(1) ? c.input(1).constant?.toNumbers()[0] : 0.5;
  if (ratio === undefined) return unsupported(c, "a ratio that is computed at run time");
  const mask = c.emit("Cast", [c.output(1)], { to: attr.int(1) });
  return [c.emit("Mul", [c.dy(0)!, c.emit("Mul", [mask, c.constant(Tensor.from("float32", [], [1 / (1 - ratio)]))])])];
};

const rule = (name: string, grad: GradRule): OpRules => ({ domain: "", name, grad });

export const move: readonly OpRules[] = [
  ...["Reshape", "Flatten", "Squeeze", "Unsqueeze"].map((name) => rule(name, reshaped)),
  rule("Transpose", transposeRule),
  rule("Concat", concatRule),
  rule("Split", splitRule),
  rule("Slice", sliceRule),
  rule("Gather", gatherRule),
  rule("GatherElements", gatherElementsRule),
  rule("GatherND", gatherNdRule),
  rule("Pad", padRule),
  rule("Expand", expandRule),
  rule("Tile", tileRule),
  rule("Cast", castRule),
  rule("Dropout", dropoutRule),
];
