/** Shape rules of Resize and Upsample over all their versions. */
import type { Dim, Shape } from "../../ir/type.ts";
import { divDims, mulDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { axisOf } from "../shape.ts";

type Infer = (c: InferContext) => void;

/** Largest denominator tried when a scale is read as a fraction, so that symbolic lengths stay exact. */
const MAX_DENOMINATOR = 64;

/** floor(length * scale) in float32, as the operator says; symbolic lengths need a scale that is a simple fraction. */
export function scaled(length: Dim, scale: number): Dim {
  if (length === null || scale === 1) return length;
  if (typeof length === "number") return Math.floor(Math.fround(length * Math.fround(scale)));
  for (let q = 1; q <= MAX_DENOMINATOR; q++) {
    const p = Math.round(scale * q);
    if (Math.fround(p / q) === Math.fround(scale)) return divDims(mulDims(length, p), q);
  }
  return null;
}

/** Numbers of a constant float input; undefined when not constant. An empty one is absent. */
function floats(c: InferContext, input: number): readonly number[] | undefined | "absent" {
  if (!c.has(input) || c.shape(input)?.[0] === 0) return "absent";
  return c.constant(input)?.toNumbers() ?? (c.dims(input)?.every((d) => typeof d === "number") ? (c.dims(input) as readonly number[]) : undefined);
}

export const inferResize: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return c.set(0, undefined, undefined);
  const old = c.opset < 11;
  const axes = c.node.ints("axes")?.map((axis) => axisOf(c, axis, x.length)) ?? x.map((_, i) => i);
  const sizes = old || !c.has(3) || c.shape(3)?.[0] === 0 ? "absent" : c.dims(3) ?? undefined;
  if (sizes !== "absent") return c.set(0, undefined, bySizes(c, x, axes, sizes));
  const scales = floats(c, old ? 1 : 2);
  if (scales === "absent") return c.fail("expects scales or sizes, but neither came");
  if (scales && scales.length !== axes.length) c.fail(`expects ${axes.length} scales, but ${scales.length} came`);
  c.set(0, undefined, byScales(x, axes, scales, cropped(c)));
};

/** With tf_crop_and_resize the region of interest [starts..., ends...] is what gets scaled. */
function cropped(c: InferContext): readonly number[] | undefined | "absent" {
  return c.node.string("coordinate_transformation_mode") === "tf_crop_and_resize" ? floats(c, 1) : "absent";
}

function byScales(x: Shape, axes: readonly number[], scales: readonly number[] | undefined, roi: readonly number[] | undefined | "absent"): Shape {
  return x.map((length, axis) => {
    const at = axes.indexOf(axis);
    if (at < 0) return length;
    const scale = scales?.[at];
    if (scale === undefined || roi === undefined) return null;
    return scaled(length, roi === "absent" ? scale : scale * ((roi[axes.length + at] ?? 1) - (roi[at] ?? 0)));
  });
}

function bySizes(c: InferContext, x: Shape, axes: readonly number[], sizes: readonly Dim[] | undefined): Shape {
  const policy = c.node.string("keep_aspect_ratio_policy", "stretch");
  if (sizes && sizes.length !== axes.length) c.fail(`expects ${axes.length} sizes, but ${sizes.length} came`);
  const target = policy === "stretch" ? sizes : keepAspect(axes.map((a) => x[a]!), sizes, policy === "not_larger");
  return x.map((length, axis) => {
    const at = axes.indexOf(axis);
    return at < 0 ? length : target?.[at] ?? null;
  });
}

/** One scale for all axes: the least (not_larger) or greatest (not_smaller) of size / length, halves rounding up. */
function keepAspect(lengths: readonly Dim[], sizes: readonly Dim[] | undefined, least: boolean): readonly Dim[] | undefined {
  const ratios = lengths.map((length, i) => {
    const size = sizes?.[i];
    return typeof length === "number" && typeof size === "number" ? size / length : NaN;
  });
  const scale = least ? Math.min(...ratios) : Math.max(...ratios);
  return Number.isNaN(scale) ? undefined : lengths.map((length) => Math.floor(Number(length) * scale + 0.5));
}

/** Upsample: height_scale and width_scale, then a `scales` attribute, then an input. */
export const inferUpsample: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return c.set(0, undefined, undefined);
  const height = c.node.float("height_scale");
  const scales = height !== undefined ? [1, 1, height, c.node.float("width_scale", 1)] : c.node.attribute("scales", "floats") ?? floats(c, 1);
  if (scales !== "absent" && scales && scales.length !== x.length) c.fail(`expects ${x.length} scales, but ${scales.length} came`);
  c.set(0, undefined, scales === "absent" ? undefined : byScales(x, x.map((_, i) => i), scales, "absent"));
};
