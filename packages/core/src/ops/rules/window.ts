/** Sliding windows: the arithmetic that convolutions and pools share (ONNX Conv, ConvTranspose, MaxPool ...). */
import type { Node } from "../../ir/node.ts";
import type { Dim } from "../../ir/type.ts";
import { addDims, ceilDivDims, divDims, minDims, mulDims, subDims } from "../dim.ts";
import type { InferContext } from "../op.ts";

export interface Window {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Start and end padding per axis. */
  readonly pads: readonly (readonly [number, number])[];
  /** Length of a dilated kernel, (k - 1) * d + 1. */
  readonly reach: readonly Dim[];
}

/** Reads strides, dilations and pads for these spatial lengths; absent ones have ONNX's defaults. */
export function windowOf(node: Node, lengths: readonly Dim[], kernel: readonly Dim[], fail: InferContext["fail"]): Window {
  const n = lengths.length;
  if (kernel.length !== n) fail(`expects a kernel of ${n} axes, but [${kernel.join(",")}] came`);
  const { strides, dilations, pads } = windowAttributes(node, n);
  for (const [name, list, length] of [["strides", strides, n], ["dilations", dilations, n], ["pads", pads, 2 * n]] as const) {
    if (list.length !== length) fail(`expects ${length} ${name} for ${n} spatial axes, but ${list.length} came`);
  }
  if (strides.some((s) => s < 1)) fail(`expects positive strides, but ${strides.join(",")} came`);
  return {
    kernel, strides, dilations,
    pads: kernel.map((_, i) => [pads[i]!, pads[n + i]!] as const),
    reach: kernel.map((k, i) => addDims(mulDims(subDims(k, 1), dilations[i]!), 1)),
  };
}

/** Strides, dilations and pads over so many axes: as written, or ONNX's defaults. With auto_pad the pads that are written do not count. */
export const windowAttributes = (node: Node, axes: number): { readonly strides: readonly number[]; readonly dilations: readonly number[]; readonly pads: readonly number[] } => ({
  strides: node.ints("strides") ?? new Array<number>(axes).fill(1),
  dilations: node.ints("dilations") ?? new Array<number>(axes).fill(1),
  pads: (autoPad(node) === "NOTSET" ? node.ints("pads") : undefined) ?? new Array<number>(2 * axes).fill(0),
});

export const autoPad = (node: Node): string => node.string("auto_pad", "NOTSET") || "NOTSET";

/** Output lengths of a convolution or pool over `lengths`. */
export function slide(node: Node, lengths: readonly Dim[], w: Window): Dim[] {
  const same = autoPad(node).startsWith("SAME");
  const ceil = node.int("ceil_mode", 0) !== 0;
  return lengths.map((length, i) => {
    const stride = w.strides[i]!;
    if (same) return ceilDivDims(length, stride);
    const [start, end] = w.pads[i]!;
    const room = subDims(addDims(length, start + end), w.reach[i]!);
    if (!ceil) return addDims(divDims(room, stride), 1);
    // The last window must begin inside the input or its start padding.
    return addDims(minDims(ceilDivDims(room, stride), divDims(addDims(length, start - 1), stride)), 1);
  });
}

/** Output lengths of a transposed convolution: stride * (in - 1) + output_padding + reach - pads. */
export function unslide(node: Node, lengths: readonly Dim[], w: Window): Dim[] {
  const extra = node.ints("output_padding");
  const given = node.ints("output_shape");
  if (given && given.length >= lengths.length) return given.slice(-lengths.length);
  const same = autoPad(node).startsWith("SAME");
  return lengths.map((length, i) => {
    const stride = w.strides[i]!;
    if (same) return mulDims(length, stride);
    const [start, end] = w.pads[i]!;
    return addDims(addDims(mulDims(subDims(length, 1), stride), w.reach[i]!), (extra?.[i] ?? 0) - start - end);
  });
}
