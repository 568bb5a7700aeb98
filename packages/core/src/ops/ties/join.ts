/** Concat, Split, Expand and Tile: offsets and repeats along one axis, and the sizes and counts that must be rewritten. */
import { attr } from "../../ir/attribute.ts";
import { Tensor } from "../../tensor.ts";
import { normalizeAxis } from "../rules/axes.ts";
import type { Resize, TieContext } from "../tie.ts";
import { alignRight, equalDim, input, inputShapes, isNumber, output, rule, type Ties } from "./build.ts";
import { canSetEntry, readList, setEntry, writeList } from "./resize.ts";

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
