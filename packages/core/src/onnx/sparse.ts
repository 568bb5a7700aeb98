/** Sparse tensors in coordinate form. As an initializer one acts like the dense tensor it stands for, made on first use. */
import { byteLengthOf, dtypes } from "../dtype.ts";
import type { SparseTensor } from "../ir/attribute.ts";
import { elementCount, Tensor, type TensorStorage } from "../tensor.ts";
import { onnxErrors } from "./graph-errors.ts";

interface SparseStorage extends TensorStorage {
  readonly sparse: SparseTensor;
}

/** The sparse form of a tensor that came from a sparse initializer; undefined for any other. */
export const sparseOf = (tensor: Tensor): SparseTensor | undefined =>
  "sparse" in tensor.storage ? (tensor.storage as SparseStorage).sparse : undefined;

/**
 * A tensor that is dense to all who read it and is written in its sparse form.
 * @throws ONNX_SPARSE when values, indices and dims do not fit; ONNX_LIMIT_DENSE when it would be too large.
 */
export function denseFromSparse(sparse: SparseTensor, name: string, limit: number): Tensor {
  const { values, indices, dims } = sparse;
  checkSparse(sparse, name);
  const byteLength = byteLengthOf(values.dtype, elementCount(dims));
  if (byteLength > limit) throw onnxErrors.ONNX_LIMIT_DENSE({ tensor: name, size: byteLength, limit });
  let made: Uint8Array | undefined;
  const bytes = (): Uint8Array => (made ??= scatter(values, linearIndices(indices, dims, name), byteLength));
  const storage: SparseStorage = { kind: "lazy", byteLength, bytes, sparse };
  return new Tensor(values.dtype, dims, storage, values.label);
}

/** @throws ONNX_SPARSE unless values are [nnz] of whole bytes and indices int64 [nnz] or [nnz, rank]. */
export function checkSparse({ values, indices, dims }: SparseTensor, tensor: string): void {
  const [nnz = 0] = values.dims;
  const fail = (reason: string): never => {
    throw onnxErrors.ONNX_SPARSE({ tensor, reason });
  };
  if (values.dims.length !== 1) fail(`values have ${values.dims.length} dimensions instead of one`);
  if (dtypes[values.dtype].bits < 8) fail(`elements of type ${values.dtype} are not supported`);
  if (indices.dtype !== "int64") fail(`indices are ${indices.dtype} instead of int64`);
  const linear = indices.dims.length === 1 && indices.dims[0] === nnz;
  const coordinates = indices.dims.length === 2 && indices.dims[0] === nnz && indices.dims[1] === dims.length;
  if (!linear && !coordinates) fail(`indices of shape [${indices.dims.join(", ")}] do not fit ${nnz} values of rank ${dims.length}`);
}

function linearIndices(indices: Tensor, dims: readonly number[], tensor: string): number[] {
  const flat = indices.toBigInts().map(Number);
  const bounds = indices.dims.length === 2 ? dims : [elementCount(dims)];
  const rank = bounds.length;
  return Array.from({ length: indices.dims[0]! }, (_, i) => {
    let at = 0;
    bounds.forEach((bound, axis) => {
      const index = flat[i * rank + axis]!;
      if (index < 0 || index >= bound) throw onnxErrors.ONNX_SPARSE({ tensor, reason: `index ${index} is outside 0 to ${bound - 1}` });
      at = at * bound + index;
    });
    return at;
  });
}

function scatter(values: Tensor, at: readonly number[], byteLength: number): Uint8Array {
  const width = dtypes[values.dtype].bits / 8;
  const from = values.bytes();
  const out = new Uint8Array(byteLength);
  at.forEach((index, i) => out.set(from.subarray(i * width, (i + 1) * width), index * width));
  return out;
}
