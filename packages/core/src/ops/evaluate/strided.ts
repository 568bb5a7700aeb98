/**
 * Strided views over row-major tensors: every operator that only moves elements is a view (output dimensions, one stride per
 * output axis, an offset) followed by one copy. A stride of 0 repeats, a negative one reverses.
 */
import { bytesOf, packCodes } from "../../convert.ts";
import { dtypes, type TypedArray } from "../../dtype.ts";
import { elementCount, Tensor } from "../../tensor.ts";

/** Largest number of elements that the evaluator makes; beyond it folding is the runtime's work. */
export const MAX_ELEMENTS = 1 << 20;

/** Distance in elements between neighbours on each axis of a row-major tensor. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = Array.from({ length: dims.length }, () => 1);
  let step = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= dims[axis]!;
  }
  return strides;
}

/** Strides that read a tensor of shape `from` as if it had been broadcast to `to` (aligned right). */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(from);
  const lead = to.length - from.length;
  return to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : own[axis - lead]!));
}

/** Source position of every element of the view, in row-major order of `dims`. */
export function viewIndices(dims: readonly number[], strides: readonly number[], offset = 0): Int32Array {
  const count = elementCount(dims);
  const out = new Int32Array(count);
  if (count === 0) return out;
  const rank = dims.length;
  const inner = rank === 0 ? 1 : dims[rank - 1]!;
  const innerStride = rank === 0 ? 0 : strides[rank - 1]!;
  const at = Array.from({ length: Math.max(0, rank - 1) }, (): number => 0);
  let base = offset;
  for (let written = 0; written < count; ) {
    for (let i = 0; i < inner; i++) out[written++] = base + i * innerStride;
    for (let axis = rank - 2; axis >= 0; axis--) {
      base += strides[axis]!;
      if (++at[axis]! < dims[axis]!) break;
      base -= strides[axis]! * dims[axis]!;
      at[axis] = 0;
    }
  }
  return out;
}

/** Elements of `source` at the given positions, under a new shape; any dtype, packed ones and strings too. */
export function take(source: Tensor, indices: ArrayLike<number>, dims: readonly number[]): Tensor {
  if (source.dtype === "string") {
    const strings = source.strings();
    return Tensor.fromStrings(dims, Array.from(indices, (i) => strings[i]!));
  }
  const { bits, kind } = dtypes[source.dtype];
  if (bits === 4 || bits === 2) return Tensor.fromBytes(source.dtype, dims, packCodes(pick(source.codes(), indices, 1), bits));
  const units = kind === "complex" ? 2 : 1;
  return Tensor.fromBytes(source.dtype, dims, bytesOf(pick(source.data(), indices, units)));
}


function pick<A extends TypedArray>(data: A, indices: ArrayLike<number>, units: number): A {
  const Type = data.constructor as new (length: number) => A;
  const out = new Type(indices.length * units);
  for (let i = 0; i < indices.length; i++) for (let u = 0; u < units; u++) out[i * units + u] = data[indices[i]! * units + u]!;
  return out;
}

/** The view as a tensor of its own. */
export const strided = (source: Tensor, dims: readonly number[], strides: readonly number[], offset = 0): Tensor =>
  take(source, viewIndices(dims, strides, offset), dims);
