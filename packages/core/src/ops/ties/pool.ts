/** Pooling and resampling: channels and batch pass through, spatial axes are held. */
import { equalDim, input, output, rule, type Ties } from "./build.ts";
import { normalizeAxis } from "../rules/axes.ts";
import { canSetEntry, setEntry } from "./resize.ts";

/** Axes 0 and 1 of input 0 and output 0 (pools). */
export const channelsPass: Ties = (c) => {
  if (c.node.output(1)) return { ties: [], held: "the second output holds positions in the whole tensor" };
  return rule().tie(input(0, 0), output(0, 0)).tie(input(0, 1), output(0, 1)).done();
};

/** Regions come from one image each: only the channels pass. */
export const roiTies: Ties = () => rule().tie(input(0, 1), output(0, 1)).done();

/** GridSample: the batch of the grid goes with the batch of the image. */
export const gridSampleTies: Ties = () => rule().same([input(0, 0), input(1, 0), output(0, 0)]).tie(input(0, 1), output(0, 1)).done();

/** Resize and Upsample: axes whose length does not change pass through; `sizes` is rewritten. */
export const resizeTies: Ties = (c) => {
  const [x, y] = [c.shape(0), c.outShape(0)];
  if (!x || !y) return undefined;
  if (c.node.string("coordinate_transformation_mode") === "tf_crop_and_resize") return { ties: [], held: "tf_crop_and_resize reads a region per axis" };
  const named = c.node.ints("axes")?.map((a) => normalizeAxis(a, x.length)) ?? x.map((_, i) => i);
  const bySizes = c.node.input(3) !== undefined;
  const keepsAspect = bySizes && c.node.string("keep_aspect_ratio_policy", "stretch") !== "stretch";
  const r = rule();
  x.forEach((length, axis) => {
    if (!equalDim(length, y[axis])) return;
    const at = named.indexOf(axis);
    if (at >= 0 && bySizes && (keepsAspect || !canSetEntry(c.node, "sizes", 3, c.opset))) return;
    r.tie(input(0, axis), output(0, axis));
    if (at >= 0 && bySizes) r.resizes.push(setEntry(output(0, axis), "sizes", 3, at));
  });
  return r.done();
};
