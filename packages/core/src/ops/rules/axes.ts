/** Small helpers on axes and shapes that inference, evaluation and ties share. */
import type { Dim, Shape } from "../../ir/type.ts";

/** Axis counted from the front; negative ones count from the end. */
export const normalizeAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The same, or undefined when there is no such axis. `slack` 1 allows the position behind the last axis. */
export function axisIn(axis: number, rank: number, slack = 0): number | undefined {
  const at = normalizeAxis(axis, rank);
  return at >= 0 && at < rank + slack ? at : undefined;
}

/** All of them, or undefined when one does not exist or stands twice. */
export function axesIn(axes: readonly number[], rank: number): number[] | undefined {
  const all = axes.map((axis) => axisIn(axis, rank));
  return all.every((axis) => axis !== undefined) && new Set(all).size === all.length ? all : undefined;
}

/** A shape of `rank` unknown dimensions. */
export const unknownShape = (rank: number): Shape => Array.from({ length: rank }, (): Dim => null);

/** `shape` with one axis replaced. */
export const withDim = (shape: Shape, axis: number, dim: Dim): Shape => shape.map((d, i) => (i === axis ? dim : d));
