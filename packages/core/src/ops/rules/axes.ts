/** Small helpers on axes and shapes that inference, evaluation and ties share. */
import type { Dim, Shape } from "../../ir/type.ts";

/** Axis counted from the front; negative ones count from the end. */
export const normalizeAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** A shape of `rank` unknown dimensions. */
export const unknownShape = (rank: number): Shape => Array.from({ length: rank }, (): Dim => null);

/** `shape` with one axis replaced. */
export const withDim = (shape: Shape, axis: number, dim: Dim): Shape => shape.map((d, i) => (i === axis ? dim : d));
