/** What the rules see of a model. */
import type { Model, Node, Tensor, Value } from "@lathe/core";
import type { TensorRTVersion } from "../engine/version.ts";

export interface Facts {
  readonly model: Model;
  readonly version: TensorRTVersion;
  /** Operators that the caller has plugins for. */
  readonly plugins: ReadonlySet<string>;
}

/** The tensor behind a value that the parser takes for a weight: an initializer or a Constant, also through casts. */
export function weightOf(value: Value | undefined): Tensor | undefined {
  let at = value;
  while (at && !at.constant && (at.producer?.is("Cast") || at.producer?.is("Identity"))) at = at.producer.input(0);
  return at?.constant;
}

/** True for "a release from major.minor on". */
export const atLeast = (version: TensorRTVersion, [major, minor]: readonly [number, number]): boolean =>
  version.major > major || (version.major === major && version.minor >= minor);

/** Q or DQ of ONNX or of the vendor's own domain. */
export const isQ = (node: Node | undefined): boolean => node?.opType === "QuantizeLinear" && node.domain === "";
export const isDq = (node: Node | undefined): boolean => node?.opType === "DequantizeLinear" && node.domain === "";
