/** The sizes of a convolution or pooling, auto_pad resolved. */
import { autoPad, windowAttributes, type GradContext, type Node, type Value } from "@lathe/core";
import { shapeOf, unsupported } from "../../build.ts";

export interface Geometry {
  /** Number of spatial axes. */
  readonly rank: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly group: number;
  /** Spatial sizes of the larger side (input of Conv) and of the smaller side (output of Conv). */
  readonly large: readonly number[];
  readonly small: readonly number[];
  readonly largeChannels: number;
  readonly smallChannels: number;
}

/** Channels and spatial sizes of a value [N, C, ...]; the batch may be symbolic. */
export function staticSpatial(c: GradContext, value: Value): number[] {
  const spatial = shapeOf(c, value).slice(1);
  if (!spatial.every((d) => typeof d === "number")) return unsupported(c, `symbolic channels or spatial size of "${value.name}"`);
  return spatial as number[];
}

/** `kernel` is the spatial part of the weight's shape, or a pool's kernel_shape. */
export function geometry(c: GradContext, large: Value, small: Value, kernel: readonly number[], group: number): Geometry {
  const { node } = c;
  const [largeChannels = 0, ...largeSizes] = staticSpatial(c, large);
  const [smallChannels = 0, ...smallSizes] = staticSpatial(c, small);
  const { strides, dilations, pads } = windowAttributes(node, kernel.length);
  const ends = padding(node, pads, kernel, strides, dilations, largeSizes, smallSizes);
  return { rank: kernel.length, kernel, strides, dilations, ...ends, group, large: largeSizes, small: smallSizes, largeChannels, smallChannels };
}

/** Explicit pads, or those that auto_pad stands for given both sizes. */
function padding(node: Node, pads: readonly number[], kernel: readonly number[], strides: readonly number[], dilations: readonly number[], large: readonly number[], small: readonly number[]): { begin: number[]; end: number[] } {
  const mode = autoPad(node);
  if (mode === "NOTSET" || mode === "VALID") return { begin: pads.slice(0, kernel.length), end: pads.slice(kernel.length) };
  const total = kernel.map((k, i) => Math.max(0, (small[i]! - 1) * strides[i]! + (k - 1) * dilations[i]! + 1 - large[i]!));
  const less = total.map((t) => Math.floor(t / 2));
  const more = total.map((t, i) => t - less[i]!);
  return mode === "SAME_UPPER" ? { begin: less, end: more } : { begin: more, end: less };
}

/** All index tuples below `sizes`, last fastest. */
export function tuples(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>((rows, size) => rows.flatMap((row) => Array.from({ length: size }, (_, i) => [...row, i])), [[]]);
}

export const product = (values: readonly number[]): number => values.reduce((p, v) => p * v, 1);

export const all = (values: readonly number[], wanted: number): boolean => values.every((v) => v === wanted);
