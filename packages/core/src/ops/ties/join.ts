/** Joining, cutting and repeating: offsets along one axis, and the sizes, bounds and counts that must be rewritten. */
import { normalizeAxis } from "../rules/axes.ts";
import { sliceBounds } from "../rules/slice.ts";
import type { Resize, TieContext } from "../tie.ts";
import { alignRight, equalDim, input, inputShapes, isNumber, output, rule, type Ties } from "./build.ts";
import { canSetEntry, readList, setEntry, writeList } from "./resize.ts";
import { attr } from "../../ir/attribute.ts";
import { Tensor } from "../../tensor.ts";

export const concatTies: Ties = (c) => {
  const shapes = inputShapes(c);
  const rank = shapes?.[0]?.shape.length;
  if (!shapes || rank === undefined) return undefined;
  const at = normalizeAxis(c.node.int("axis", 1), rank);
  const known = shapes.every(({ shape }) => isNumber(shape[at]));
  const r = rule();
  for (let axis = 0; axis < rank; axis++) {
    if (axis !== at) r.same([output(0, axis), ...shapes.map(({ index }) => input(index, axis))]);
  }
  let offset = 0;
  for (const { index, shape } of known ? shapes : []) {
    r.tie(input(index, at), output(0, at), { offset });
    offset += shape[at] as number;
  }
  return r.done(known ? undefined : "the joined lengths are not static");
};

/** Attribute `split` (before operator set 13), input 1, or equal parts. */
export const splitTies: Ties = (c) => {
  const x = c.shape(0);
  if (!x) return undefined;
  const at = normalizeAxis(c.node.int("axis", 0), x.length);
  const outs = c.node.outputs.map((_, i) => i);
  const lengths = outs.map((o) => c.outShape(o)?.[at]);
  const r = rule();
  for (let axis = 0; axis < x.length; axis++) if (axis !== at) r.same([input(0, axis), ...outs.map((o) => output(o, axis))]);
  const computed = c.node.input(1) !== undefined && !c.constant(1);
  if (!lengths.every(isNumber) || computed) return r.done("the sizes are not static");
  let offset = 0;
  for (const o of outs) {
    r.tie(output(o, at), input(0, at), { offset }).resize(output(o, at), setPart(c, o, lengths));
    offset += lengths[o]!;
  }
  return r.done();
};

/** Equal parts become explicit sizes at the first cut; `num_outputs` goes, for it and sizes exclude each other. */
const setPart = (c: TieContext, o: number, lengths: readonly number[]): Resize["apply"] => (node, length, _, graph) => {
  const sizes = readList(node, "split", 1) ?? [...lengths];
  sizes[o] = length;
  node.attributes.delete("num_outputs");
  if (c.opset < 13) node.setAttribute("split", attr.ints(sizes));
  else if (node.input(1)) writeList(node, "split", 1, sizes, graph);
  else node.setInput(1, graph.addInitializer("", Tensor.int64(sizes)));
};

interface Cut {
  readonly axis: number;
  /** Position in the lists of starts and ends. */
  readonly at: number;
  readonly start: number;
  readonly length: number;
  readonly step: number;
}

/** Constant bounds, normalised for static lengths; `whole` slices keep the axis as it is. */
export const sliceTies: Ties = (c) => {
  const x = c.shape(0);
  const starts = readList(c.node, "starts", 1);
  const ends = readList(c.node, "ends", 2);
  const axes = c.node.ints("axes") ?? (c.node.input(3) ? c.constant(3)?.toNumbers() : starts?.map((_, i) => i));
  const steps = c.node.input(4) ? c.constant(4)?.toNumbers() : starts?.map(() => 1);
  if (!x || !axes) return undefined;
  const r = rule();
  for (let axis = 0; axis < x.length; axis++) {
    const at = axes.findIndex((a) => normalizeAxis(a, x.length) === axis);
    if (at < 0) {
      r.tie(input(0, axis), output(0, axis));
      continue;
    }
    const [start, end, step] = [starts?.[at], ends?.[at], steps?.[at]];
    if (start === undefined || end === undefined || step !== 1) continue;
    const length = x[axis];
    const whole = start === 0 && (end >= 2 ** 31 - 1 || (isNumber(length) && end >= length));
    if (whole) r.tie(input(0, axis), output(0, axis));
    else if (isNumber(length)) {
      const cut: Cut = { axis, at, step, ...sliceBounds(length, start, end, 1) };
      r.tie(output(0, axis), input(0, axis), { offset: cut.start }).resize(input(0, axis), moveBounds(cut));
    }
  }
  return r.done("computed bounds and steps other than 1 hold their axis");
};

/** New bounds: how many kept positions lie before the slice, and how many in it. */
const moveBounds = ({ at, start, length }: Cut): Resize["apply"] => (node, _, kept, graph) => {
  const before = kept.filter((k) => k < start).length;
  const inside = kept.filter((k) => k >= start && k < start + length).length;
  const edit = (name: string, index: number, value: number): void => {
    const list = readList(node, name, index)!;
    list[at] = value;
    writeList(node, name, index, list, graph);
  };
  edit("starts", 1, before);
  edit("ends", 2, before + inside);
};

/** Added positions of a constant border may be cut as well; other modes hold the axes that they pad. */
export const padTies: Ties = (c) => {
  const x = c.shape(0);
  const name = c.node.attributes.has("paddings") ? "paddings" : "pads";
  const pads = readList(c.node, name, 1);
  const axes = c.node.input(3) ? c.constant(3)?.toNumbers() : x?.map((_, i) => i);
  if (!x || !pads || !axes) return undefined;
  const constant = c.node.string("mode", "constant") === "constant";
  const r = rule();
  for (let axis = 0; axis < x.length; axis++) {
    const at = axes.findIndex((a) => normalizeAxis(a, x.length) === axis);
    const [before, after] = at < 0 ? [0, 0] : [pads[at]!, pads[axes.length + at]!];
    const length = x[axis];
    if (before === 0 && after === 0) r.tie(input(0, axis), output(0, axis));
    else if (constant && before >= 0 && after >= 0 && isNumber(length)) {
      r.tie(input(0, axis), output(0, axis), { offset: before }).resize(output(0, axis), (node, _, kept, graph) => {
        const list = readList(node, name, 1)!;
        list[at] = kept.filter((k) => k < before).length;
        list[axes.length + at] = kept.filter((k) => k >= before + length).length;
        writeList(node, name, 1, list, graph);
      });
    }
  }
  return r.done("reflected, wrapped and cropped axes are held");
};

/** Axes that Expand makes longer may be cut by themselves; the target shape is rewritten. */
export const expandTies: Ties = (c) => {
  const [x, y, target] = [c.shape(0), c.outShape(0), c.shape(1)?.[0]];
  if (!x || !y || !isNumber(target) || !canSetEntry(c.node, "shape", 1, c.opset)) return undefined;
  const { at } = alignRight(0, x, y.length);
  const r = rule();
  y.forEach((length, o) => {
    const axis = x.findIndex((_, i) => at(i) === o);
    const own = x[axis];
    if (axis >= 0 && equalDim(own, length)) r.tie(input(0, axis), output(0, o));
    else if ((axis < 0 || own === 1) && isNumber(length) && length !== 1) r.addFree(output(0, o));
    else return;
    const entry = o - (y.length - target);
    if (entry >= 0 && length !== 1) r.resizes.push(setEntry(output(0, o), "shape", 1, entry));
  });
  return r.done();
};

/** A repeated axis is its input axis several times over. */
export const tileTies: Ties = (c) => {
  const x = c.shape(0);
  const repeats = c.constant(1)?.toNumbers();
  if (!x || !repeats || c.node.inputs.length !== 2) return undefined;
  const r = rule();
  x.forEach((length, axis) => {
    const times = repeats[axis]!;
    if (times === 1) r.tie(input(0, axis), output(0, axis));
    else if (length === 1) r.addFree(output(0, axis)).resize(output(0, axis), (node, kept, _, graph) => {
      const list = readList(node, "repeats", 1)!;
      list[axis] = kept;
      writeList(node, "repeats", 1, list, graph);
    });
    else if (isNumber(length)) r.tie(input(0, axis), output(0, axis), { outer: times });
  });
  return r.done();
};

/** A tensor of one value: the axes of its constant shape are free. */
export const constantOfShapeTies: Ties = (c) => {
  const dims = c.constant(0)?.toNumbers();
  if (!dims) return undefined;
  const r = rule();
  dims.forEach((_, axis) => r.addFree(output(0, axis)).resizes.push(setEntry(output(0, axis), "shape", 0, axis)));
  return r.done();
};

/** Shape reads lengths when the model runs: it follows any cut. */
export const shapeTies: Ties = (c) => {
  const r = rule();
  c.shape(0)?.forEach((_, axis) => r.addFree(input(0, axis)));
  return r.done();
};
