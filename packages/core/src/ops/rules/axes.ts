/** Axes: negative ones count from the end; lists of them moved from attributes to inputs over the operator-set versions. */
import type { Dim, Shape } from "../../ir/type.ts";
import type { InferContext } from "../op.ts";

/** Axis in 0..rank-1. Out-of-range axes stay out of range: rules that mind check with {@link axisOf}. */
export const normalizeAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The axis attribute of a node on a tensor of known rank; `slack` 1 allows axis = rank (Flatten). Fails by name when out of range. */
export function axisOf(c: InferContext, axis: number, rank: number, slack = 0): number {
  const at = normalizeAxis(axis, rank);
  if (at < 0 || at >= rank + slack) c.fail(`axis ${axis} is outside a tensor of rank ${rank}`);
  return at;
}

/**
 * A list of integers that is attribute `name` in older operator sets and input `input` in newer ones.
 * undefined: absent. null: there, but not constant.
 */
export function listAt(c: InferContext, name: string, input: number): readonly number[] | undefined | null {
  const attribute = c.node.ints(name);
  if (attribute) return attribute;
  if (!c.has(input)) return undefined;
  const dims = c.dims(input);
  return dims?.every((d): d is number => typeof d === "number") ? dims : null;
}

/** The same for one integer. */
export function numberAt(c: InferContext, name: string, input: number): number | undefined | null {
  const attribute = c.node.int(name);
  if (attribute !== undefined) return attribute;
  if (!c.has(input)) return undefined;
  const [value] = c.dims(input) ?? [null];
  return typeof value === "number" ? value : null;
}

/** A shape of `rank` unknown dimensions. */
export const unknownShape = (rank: number): Shape => Array.from({ length: rank }, (): Dim => null);

/** `shape` with one axis replaced. */
export const withDim = (shape: Shape, axis: number, dim: Dim): Shape => shape.map((d, i) => (i === axis ? dim : d));
