/** Upsample, and Resize before version 11: coordinates x_in = x_out / scale, nearest rounds down when enlarging and up when shrinking. */
import { attr } from "../../ir/attribute.ts";
import { Tensor } from "../../tensor.ts";
import type { Conversion } from "./adapter.ts";

export function upsample9(c: Conversion): void {
  const scales = c.node.attribute("scales", "floats");
  if (!scales) return c.refuse("it has no scales");
  c.node.removeAttribute("scales");
  c.node.setInput(1, c.constant(Tensor.from("float32", [scales.length], [...scales]), `${c.node.name || "Upsample"}_scales`));
}

export function upsample10(c: Conversion): void {
  c.node.opType = "Resize";
}

export function resize11(c: Conversion): void {
  const { node } = c;
  const mode = node.string("mode", "nearest");
  node.setAttribute("mode", attr.string(mode === "bilinear" ? "linear" : mode));
  node.setAttribute("coordinate_transformation_mode", attr.string("asymmetric"));
  if (mode === "nearest") node.setAttribute("nearest_mode", attr.string(rounding(c)));
  const scales = node.input(1) ?? null;
  // Versions 11 and 12 require a region of interest, which may be empty.
  node.setInput(1, c.target < 13 ? c.constant(Tensor.from("float32", [0], []), `${node.name || "Resize"}_roi`) : null);
  node.setInput(2, scales);
}

function rounding(c: Conversion): "floor" | "ceil" {
  const scales = c.node.input(1)?.constant?.toNumbers();
  if (!scales) return c.refuse("its scales are computed, so that it is not known whether nearest rounds down or up");
  if (scales.every((s) => s >= 1)) return "floor";
  if (scales.every((s) => s <= 1)) return "ceil";
  return c.refuse("it enlarges one axis and shrinks another, for which nearest rounds in two ways");
}
