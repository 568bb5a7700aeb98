/** Attributes that became inputs, and defaults that changed. */
import type { DType } from "../../dtype.ts";
import { attr } from "../../ir/attribute.ts";
import { Tensor } from "../../tensor.ts";
import type { Conversion } from "./adapter.ts";

const named = (c: Conversion, what: string): string => `${c.node.name || c.node.opType}_${what}`;

/** The element type of the first input; float32, the only type these old versions commonly had, when it is not known. */
function dtypeOf(c: Conversion): DType {
  return c.node.input(0)?.dtype ?? c.node.output(0)?.dtype ?? "float32";
}

export function clip(c: Conversion): void {
  for (const [index, name] of [[1, "min"], [2, "max"]] as const) {
    const bound = c.node.float(name);
    c.node.removeAttribute(name);
    if (bound !== undefined && Math.abs(bound) < 3.4028234e38) c.node.setInput(index, c.constant(Tensor.scalar(dtypeOf(c), bound), named(c, name)));
  }
}

export function pad(c: Conversion): void {
  const { node } = c;
  const value = node.float("value", 0);
  node.setInput(1, c.constant(Tensor.int64(node.ints("pads", [])), named(c, "pads")));
  if (value !== 0) node.setInput(2, c.constant(Tensor.scalar(dtypeOf(c), value), named(c, "value")));
  node.removeAttribute("pads");
  node.removeAttribute("value");
}

export function slice(c: Conversion): void {
  (["starts", "ends", "axes"] as const).forEach((name, i) => {
    const values = c.node.ints(name);
    c.node.removeAttribute(name);
    if (values) c.node.setInput(i + 1, c.constant(Tensor.int64(values), named(c, name)));
  });
}

export function topK(c: Conversion): void {
  c.node.setInput(1, c.constant(Tensor.int64([c.node.int("k", 1)]), named(c, "k")));
  c.node.removeAttribute("k");
}

/** From 12 on a Dropout without a training_mode input does nothing, whatever its ratio. */
export function dropout12(c: Conversion): void {
  c.node.removeAttribute("ratio");
}

export function split13(c: Conversion): void {
  const sizes = c.node.ints("split");
  c.node.removeAttribute("split");
  if (sizes) c.node.setInput(1, c.constant(Tensor.int64(sizes), named(c, "split")));
}

/** Equal parts have to be asked for by number. */
export function split18(c: Conversion): void {
  if (!c.node.input(1)) c.node.setAttribute("num_outputs", attr.int(c.node.outputs.length));
}

export function batchNormalization14(c: Conversion): void {
  if (c.node.outputs.some((o, i) => i > 0 && o && !o.isUnused)) c.refuse("its running statistics are read: it trains");
  c.node.truncateOutputs(1);
}

/** Version 10 had no shift by half a pixel. */
export function roiAlign(c: Conversion): void {
  c.node.setAttribute("coordinate_transformation_mode", attr.string("output_half_pixel"));
}

export function gridSample(c: Conversion): void {
  const mode = c.node.string("mode", "bilinear");
  c.node.setAttribute("mode", attr.string(mode === "bilinear" ? "linear" : mode === "bicubic" ? "cubic" : mode));
}

/** Scale and bias were per group and are per channel now: each is repeated over its group. */
export function groupNormalization(c: Conversion): void {
  const channels = c.node.input(0)?.shape?.[1];
  const groups = c.node.int("num_groups", 1);
  if (typeof channels !== "number") return c.refuse("the number of channels is not known");
  for (const index of [1, 2]) {
    const value = c.node.input(index);
    if (!value) continue;
    const column = c.emit("Unsqueeze", [value, c.constant(Tensor.int64([1]), named(c, "axis"))]);
    const spread = c.emit("Expand", [column, c.constant(Tensor.int64([groups, channels / groups]), named(c, "shape"))]);
    c.node.setInput(index, c.emit("Reshape", [spread, c.constant(Tensor.int64([channels]), named(c, "channels"))]));
  }
}
