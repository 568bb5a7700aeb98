/** Reading constants. */
import { dtypes } from "../dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import type { Tensor } from "../tensor.ts";

const isNumeric = (tensor: Tensor): boolean => !["string", "complex"].includes(dtypes[tensor.dtype].kind);

/** The elements of a constant integer scalar or vector; undefined when it is not constant. */
export function constantInts(value: Value | undefined): number[] | undefined {
  const tensor = value?.constant;
  return tensor && tensor.dims.length <= 1 && isNumeric(tensor) ? tensor.toNumbers() : undefined;
}

/** The number in a constant of one element, of any rank. */
export function constantScalar(value: Value | undefined): number | undefined {
  const tensor = value?.constant;
  return tensor?.size === 1 && isNumeric(tensor) ? tensor.toNumbers()[0] : undefined;
}

/** An argument that older operator sets have as an attribute and newer ones as a constant input. undefined: absent. "unknown": not constant. */
export function intsArgument(node: Node, input: number, attribute: string): number[] | undefined | "unknown" {
  const value = node.input(input);
  if (value) return constantInts(value) ?? "unknown";
  return node.ints(attribute);
}

/** Within a few float32 roundings of each other: how recorded constants such as sqrt(2) are recognised. */
export const isClose = (a: number | undefined, b: number): boolean => a !== undefined && Math.abs(a - b) <= 1e-5 * Math.max(Math.abs(a), Math.abs(b));
