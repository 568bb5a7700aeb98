/** Slice and Pad: one tensor is a stretch of the other; the bounds move with what is cut. */
import { normalizeAxis } from "../rules/axes.ts";
import { sliceBounds } from "../rules/slice.ts";
import type { Resize } from "../tie.ts";
import { input, isNumber, output, rule, type Ties } from "./build.ts";
import { readList, writeList } from "./resize.ts";

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
