/** Constants of the emitted operators, made of a (possibly lazy) quantized matrix. */
import { byteLengthOf, bytesOf, encodeNumbers, type DType, type Tensor } from "@lathe/core";
import { blocksOf, type MatrixView } from "./blocks.ts";
import type { LazyMatrix } from "./lazy.ts";
import { packedLength, packZeros, type MatrixOptions, type QuantizedMatrix } from "./matrix.ts";
import { codeType, storedBytes, storedParams, storedZeros } from "./table.ts";

export interface QuantizedTensors {
  readonly codes: Tensor;
  readonly scales: Tensor;
  readonly zeros: Tensor | undefined;
}

type Small = Omit<QuantizedMatrix, "packed">;

/** Scales in the type of the weight. */
const inType = (values: Float32Array, dtype: DType): Uint8Array => (dtype === "float32" ? bytesOf(values) : encodeNumbers(values, dtype));

/** For MatMulNBits: codes [n, blocks, blob] and scales [n, blocks]; zero points packed for each column, or real ones in the weight's type. */
export function nbitsTensors(lazy: LazyMatrix, view: MatrixView, options: MatrixOptions): QuantizedTensors {
  const { n, tensor: { dtype } } = view;
  const { bits, blockSize, symmetric, realZeros } = options;
  const blocks = blocksOf(view.k, blockSize);
  const codes = lazy.tensor("uint8", [n, blocks, (blockSize * bits) / 8], packedLength(view, options), (m) => m.packed);
  const scales = lazy.smallTensor(dtype, [n, blocks], byteLengthOf(dtype, n * blocks), (m) => inType(m.scales, dtype));
  if (symmetric) return { codes, scales, zeros: undefined };
  if (realZeros) return { codes, scales, zeros: lazy.smallTensor(dtype, [n, blocks], byteLengthOf(dtype, n * blocks), (m) => inType(m.zeros as Float32Array, dtype)) };
  const width = Math.ceil((blocks * bits) / 8);
  return { codes, scales, zeros: lazy.smallTensor("uint8", [n, width], n * width, (m) => packZeros(m.zeros as Uint8Array, n, bits).bytes) };
}

/** For blocked DequantizeLinear: codes [k, n], scales and zero points [blocks, n], in a signed type when symmetric. */
export function qdqTensors(lazy: LazyMatrix, { k, n, tensor: { dtype } }: MatrixView, { bits, blockSize, symmetric }: MatrixOptions): QuantizedTensors {
  const type = codeType(bits, symmetric);
  const dims = [blocksOf(k, blockSize), n];
  const count = dims[0]! * n;
  return {
    codes: lazy.tensor(type, [k, n], byteLengthOf(type, k * n), (m) => storedBytes(m, false, symmetric)),
    scales: lazy.smallTensor(dtype, dims, byteLengthOf(dtype, count), (m) => inType(storedParams(m.scales, n, false), dtype)),
    zeros: symmetric ? undefined : lazy.smallTensor(type, dims, byteLengthOf(type, count), (m) => zerosOf(m, false, false)),
  };
}

/**
 * For GatherBlockQuantized over rows: 4 bits as the 4-bit types, others as bytes packed along the last dimension, whose missing zero
 * point means the middle code.
 */
export function tableTensors(lazy: LazyMatrix, view: MatrixView, dims: readonly number[], { bits, blockSize, symmetric }: MatrixOptions, asBytes: boolean): QuantizedTensors {
  const { k, n, tensor: { dtype } } = view;
  const blocks = blocksOf(k, blockSize);
  const type = asBytes ? "uint8" : codeType(bits, symmetric);
  const signed = symmetric && !asBytes;
  const packedDims = asBytes ? [...dims.slice(0, -1), (k * bits) / 8] : dims;
  const paramDims = [...dims.slice(0, -1), blocks];
  const codes = lazy.tensor(type, packedDims, Math.ceil((n * k * bits) / 8), (m) => storedBytes(m, true, signed));
  const scales = lazy.smallTensor(dtype, paramDims, byteLengthOf(dtype, n * blocks), (m) => inType(m.scales, dtype));
  if (symmetric) return { codes, scales, zeros: undefined };
  if (!asBytes) return { codes, scales, zeros: lazy.smallTensor(type, paramDims, byteLengthOf(type, n * blocks), (m) => zerosOf(m, true, signed)) };
  const width = Math.ceil((blocks * bits) / 8);
  return { codes, scales, zeros: lazy.smallTensor("uint8", [...dims.slice(0, -1), width], n * width, (m) => packZeros(m.zeros as Uint8Array, n, bits).bytes) };
}

const zerosOf = (m: Small, transposed: boolean, signed: boolean): Uint8Array => storedZeros({ ...m, packed: new Uint8Array(0) }, transposed, signed)!;
