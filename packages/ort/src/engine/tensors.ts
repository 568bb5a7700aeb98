/** The bridge between raw bytes and ONNX Runtime's tensors. The only place that knows which array class each element type wants. */
import type { Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";
import { FaultError, type RawTensor } from "./raw.ts";

type DataArray =
  | Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;
type ArrayClass = { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBuffer, offset: number, length: number): DataArray };

/** Element types that cross the boundary. float16 goes as its codes. The binding refuses 4-bit types when it runs. */
const arrays: Readonly<Record<string, ArrayClass>> = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array,
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array,
  int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
};

/** Zero-copy where the bytes are aligned and in ordinary memory. */
export function toOrtTensor(name: string, tensor: RawTensor, Tensor: TensorConstructor): OrtTensor {
  const { dtype, dims, data } = tensor;
  if (!(data instanceof Uint8Array)) return new Tensor("string", [...data], dims);
  const array = arrays[dtype];
  if (!array) throw new FaultError("ORT_DTYPE", { name, dtype });
  // The element type is only known at run time, so TypeScript cannot pick the overload.
  return new Tensor(dtype as "float32", viewAs(data, array) as Float32Array, dims);
}

function viewAs(bytes: Uint8Array, array: ArrayClass): DataArray {
  const { buffer } = bytes;
  const usable = buffer instanceof ArrayBuffer && bytes.byteOffset % array.BYTES_PER_ELEMENT === 0;
  const source = usable ? bytes : new Uint8Array(bytes);
  return new array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength / array.BYTES_PER_ELEMENT);
}

/** ONNX Runtime's results are fresh buffers, so their bytes are used as they are. */
export function fromOrtTensor(tensor: OrtTensor): RawTensor {
  const { type: dtype, dims, data } = tensor;
  if (Array.isArray(data)) return { dtype, dims, data: data as string[] };
  const view = data as DataArray;
  return { dtype, dims, data: new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength) };
}
