/** Shape rules of joining, cutting and padding. */
import type { Dim, Shape } from "../../ir/type.ts";
import { addDims, ceilDivDims, differentDims, divDims, maxDims, minDims, mulDims, sameDim, subDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { axesOf, axisOf } from "../shape.ts";
import { unknownShape, withDim } from "./axes.ts";
import { sliceBounds } from "./slice.ts";
import { passDims } from "./values.ts";

type Infer = (c: InferContext) => void;

const merge = (a: Dim, b: Dim): Dim => (a === null || (typeof a === "string" && typeof b === "number") ? b : a);

/** Joined shape on `axis`; other axes take what any input knows. */
function joined(c: InferContext, shapes: readonly Shape[], axis: number): Shape {
  const [first, ...rest] = shapes;
  return rest.reduce<Shape>((all, shape) => {
    if (shape.length !== all.length) c.fail(`expects inputs of one rank, but [${all.join(",")}] and [${shape.join(",")}] came`);
    return all.map((d, i) => {
      const other = shape[i]!;
      if (i === axis) return addDims(d, other);
      if (typeof d === "number" && typeof other === "number" && d !== other) c.fail(`expects equal lengths on axis ${i}, but ${d} and ${other} came`);
      return merge(d, other);
    });
  }, first!);
}

export const inferConcat: Infer = (c) => {
  const all = Array.from({ length: c.inputCount }, (_, i) => i);
  const shapes = all.map((i) => c.shape(i));
  const known = shapes.find((s) => s !== undefined);
  if (!known) return;
  const axis = axisOf(c, c.node.int("axis", 1), known.length);
  if (!shapes.every((s) => s !== undefined)) return c.set(0, undefined, unknownShape(known.length));
  c.set(0, undefined, joined(c, shapes, axis));
  const values = all.map((i) => c.dims(i));
  if (known.length === 1 && values.every((v) => v !== undefined)) c.setDims(0, values.flat());
};

/** Lengths of the parts of a Split: explicit, or equal ones of which the last may be smaller (`num_outputs`). */
function partLengths(c: InferContext, length: Dim): readonly Dim[] {
  const given = c.node.ints("split") ?? c.dims(1);
  if (given) return given;
  const count = c.outputCount;
  if (c.has(1)) return unknownShape(count);
  const byCount = c.node.int("num_outputs") !== undefined;
  const equal = byCount ? ceilDivDims(length, count) : divDims(length, count);
  const last = byCount ? subDims(length, mulDims(equal, count - 1)) : equal;
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? last : equal));
}

export const inferSplit: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return;
  const axis = axisOf(c, c.node.int("axis", 0), x.length);
  const parts = partLengths(c, x[axis]!);
  if (parts.length !== c.outputCount) c.fail(`expects one size per output (${c.outputCount}), but ${parts.length} came`);
  const total = parts.reduce<Dim>(addDims, 0);
  if (differentDims(total, x[axis]!)) c.fail(`expects sizes that add up to ${x[axis]}, but [${parts.join(", ")}] came`);
  const values = x.length === 1 ? c.dims(0) : undefined;
  let at = 0;
  parts.forEach((part, i) => {
    c.set(i, c.dtype(0), withDim(x, axis, part));
    if (values && typeof part === "number") c.setDims(i, values.slice(at, at += part));
  });
};

/** Bounds beyond this mean "to the end". */
const FAR = 2 ** 31 - 1;

/** A bound counted from the front and clamped to [0, length]; symbols are sizes, so they are not negative. */
function clampedBound(bound: Dim, length: Dim): Dim {
  if (bound === 0) return 0;
  if (typeof bound === "number") {
    if (bound >= FAR) return length;
    if (bound <= -FAR) return 0;
    if (bound < 0) return maxDims(0, addDims(length, bound));
  }
  return sameDim(bound, length) ? length : minDims(bound, length);
}

/**
 * Length of a slice, exact for every value of the symbols: `x[1:]` of N gives max(0, N - 1). Backward slices need static
 * lengths, but for a whole reversal.
 */
export function sliceLength(length: Dim, start: Dim, end: Dim, step: Dim): Dim {
  if (typeof step !== "number" || step === 0) return null;
  if (typeof length === "number" && typeof start === "number" && typeof end === "number") return sliceBounds(length, start, end, step).length;
  if (step < 0) return step === -1 && (start === -1 || (typeof start === "number" && start >= FAR)) && typeof end === "number" && end <= -FAR ? length : null;
  // A start behind the end gives nothing, so it needs no upper clamp.
  const beginsInside = start === null || typeof start === "string" || (start >= 0 && start < FAR);
  const [from, to] = [beginsInside ? start : clampedBound(start, length), clampedBound(end, length)];
  const distance = subDims(to, from);
  return ceilDivDims(from === 0 ? distance : maxDims(0, distance), step);
}

export const inferSlice: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return;
  const [starts, ends] = [c.node.ints("starts") ?? c.dims(1), c.node.ints("ends") ?? c.dims(2)];
  const given = axesOf(c, x.length, "axes", 3);
  const count = starts?.length ?? ends?.length;
  const axes = given === "absent" ? (count === undefined ? undefined : Array.from({ length: count }, (_, i) => i)) : given;
  if (!axes) return c.set(0, undefined, unknownShape(x.length));
  const steps = c.has(4) ? c.dims(4) : axes.map(() => 1);
  const shape = x.map((d, axis) => {
    const at = axes.indexOf(axis);
    return at < 0 ? d : sliceLength(d, starts?.[at] ?? null, ends?.[at] ?? null, steps?.[at] ?? null);
  });
  c.set(0, undefined, shape);
  const [start, end, step] = [starts?.[0], ends?.[0], steps?.[0]];
  if (x.length !== 1 || typeof start !== "number" || typeof end !== "number" || typeof step !== "number") return;
  passDims(c, (dims) => {
    const bounds = sliceBounds(dims.length, start, end, step);
    return Array.from({ length: bounds.length }, (_, i) => dims[bounds.start + i * step]!);
  });
};

/** Pads as attribute (`paddings` at first), or as input; `axes` name those that are padded from operator set 18 on. */
export const inferPad: Infer = (c) => {
  const x = c.shape(0);
  const pads = c.node.ints("pads") ?? c.node.ints("paddings") ?? c.dims(1);
  if (!x) return;
  const given = axesOf(c, x.length, "axes", 3);
  const axes = given === "absent" ? x.map((_, i) => i) : given;
  if (!pads || !axes) return c.set(0, undefined, unknownShape(x.length));
  if (pads.length !== 2 * axes.length) c.fail(`expects ${2 * axes.length} pads (before and after each axis), but ${pads.length} came`);
  c.set(0, undefined, x.map((d, axis) => {
    const at = axes.indexOf(axis);
    return at < 0 ? d : addDims(d, addDims(pads[at]!, pads[axes.length + at]!));
  }));
};

export const inferCenterCropPad: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return;
  const axes = c.node.ints("axes")?.map((a) => axisOf(c, a, x.length)) ?? x.map((_, i) => i);
  const target = c.dims(1);
  c.set(0, undefined, x.map((d, i) => (axes.includes(i) ? target?.[axes.indexOf(i)] ?? null : d)));
};

const block = (c: InferContext): number => c.node.int("blocksize", 1);

export const inferDepthToSpace: Infer = (c) => {
  const x = c.shape(0);
  const b = block(c);
  if (x?.length === 4) c.set(0, undefined, [x[0]!, divDims(x[1]!, b * b), mulDims(x[2]!, b), mulDims(x[3]!, b)]);
};

export const inferSpaceToDepth: Infer = (c) => {
  const x = c.shape(0);
  const b = block(c);
  if (x?.length === 4) c.set(0, undefined, [x[0]!, mulDims(x[1]!, b * b), divDims(x[2]!, b), divDims(x[3]!, b)]);
};
