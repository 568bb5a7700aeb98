/** Tensors as lists of rows along the first axis. */
import { packCodes } from "../convert.ts";
import { byteLengthOf, dtypes } from "../dtype.ts";
import { elementCount, Tensor } from "../tensor.ts";

/**
 * Rows [start, stop) of a tensor as one tensor, without copying where rows begin at whole bytes.
 * The tensor has rank >= 1.
 */
export function sliceRows(tensor: Tensor, start: number, stop: number): Tensor {
  const [, ...inner] = tensor.dims;
  return part(tensor, start, stop, [stop - start, ...inner]);
}

/** Row `index`, with the first axis removed. */
export const rowOf = (tensor: Tensor, index: number): Tensor => part(tensor, index, index + 1, tensor.dims.slice(1));

function part(tensor: Tensor, start: number, stop: number, dims: readonly number[]): Tensor {
  const count = elementCount(tensor.dims.slice(1));
  if (tensor.dtype === "string") return Tensor.fromStrings(dims, tensor.strings().slice(start * count, stop * count));
  const { bits } = dtypes[tensor.dtype];
  const from = (start * count * bits) / 8;
  const to = (stop * count * bits) / 8;
  if (Number.isInteger(from) && (Number.isInteger(to) || stop === tensor.dims[0])) {
    return Tensor.fromBytes(tensor.dtype, dims, tensor.bytes().subarray(from, from + byteLengthOf(tensor.dtype, (stop - start) * count)));
  }
  return Tensor.fromBytes(tensor.dtype, dims, packCodes(tensor.codes().subarray(start * count, stop * count), bits as 2 | 4));
}

/** Tensors of one type and shape as the rows of a new tensor: shape [n, ...dims]. The list is not empty. */
export function stackTensors(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  return join(tensors, [tensors.length, ...first!.dims]);
}

/** Tensors whose shapes differ at most in the first axis, one after another along it. The list is not empty. */
export function concatRows(tensors: readonly Tensor[]): Tensor {
  const rows = tensors.reduce((sum, t) => sum + t.dims[0]!, 0);
  return join(tensors, [rows, ...tensors[0]!.dims.slice(1)]);
}

function join(tensors: readonly Tensor[], dims: readonly number[]): Tensor {
  const { dtype } = tensors[0]!;
  if (dtype === "string") return Tensor.fromStrings(dims, tensors.flatMap((t) => t.strings()));
  const { bits } = dtypes[dtype];
  if (bits < 8 && tensors.some((t) => (t.size * bits) % 8 !== 0)) {
    return Tensor.fromBytes(dtype, dims, packCodes(tensors.flatMap((t) => [...t.codes()]), bits as 2 | 4));
  }
  const bytes = new Uint8Array(byteLengthOf(dtype, elementCount(dims)));
  let at = 0;
  for (const tensor of tensors) {
    bytes.set(tensor.bytes(), at);
    at += tensor.byteLength;
  }
  return Tensor.fromBytes(dtype, dims, bytes);
}

/** A tensor enlarged to `dims` at the end of each axis; new elements have the value `fill`. Same rank, no dimension smaller, no packed type. */
export function padTo(tensor: Tensor, dims: readonly number[], fill: number): Tensor {
  if (dims.every((d, axis) => d === tensor.dims[axis])) return tensor;
  const out = Tensor.from(tensor.dtype, dims, new Array<number>(elementCount(dims)).fill(fill));
  const width = dtypes[tensor.dtype].bits / 8;
  const target = out.bytes();
  const source = tensor.bytes();
  const line = (tensor.dims.at(-1) ?? 1) * width;
  const lines = tensor.size === 0 ? 0 : source.length / line;
  const outer = tensor.dims.slice(0, -1);
  for (let i = 0; i < lines; i++) {
    let rest = i;
    let offset = 0;
    let stride = dims.at(-1)!;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      offset += (rest % outer[axis]!) * stride;
      rest = Math.floor(rest / outer[axis]!);
      stride *= dims[axis]!;
    }
    target.set(source.subarray(i * line, (i + 1) * line), offset * width);
  }
  return out;
}
