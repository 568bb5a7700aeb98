/** Arithmetic of Slice bounds, on numbers here and on symbolic dimensions in slice-dims.ts. */

export interface SliceBounds {
  readonly start: number;
  readonly length: number;
}

/**
 * Where a slice starts and how many elements it takes on an axis of `size` elements.
 * As the specification says: negative bounds count from the end, then bounds are clamped to [0, size] going forward
 * and to [-1, size - 1] going backward. INT_MIN/INT_MAX mean "to the very end".
 */
export function sliceBounds(size: number, start: number, end: number, step: number): SliceBounds {
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? size : size - 1;
  const clamp = (bound: number, least: number): number => Math.min(high, Math.max(least, bound < 0 ? bound + size : bound));
  const from = clamp(start, step > 0 ? low : 0);
  const to = clamp(end, low);
  return { start: from, length: Math.max(0, Math.ceil((to - from) / step)) };
}
