/**
 * Tensor content in typed fields (`float_data`, `int32_data` ...) as raw layout. Counts are checked at once, conversion waits until
 * the bytes are asked for. Source: comments of `TensorProto` in onnx.proto.
 */
import { byteLengthOf, dtypes, type DType } from "../dtype.ts";
import { lazyStorage, memoryStorage, type TensorStorage } from "../tensor.ts";
import { joinBytes } from "./entries.ts";
import { onnxErrors } from "./graph-errors.ts";
import type { TensorProto } from "./proto.ts";
import { Reader } from "./wire.ts";

export type TypedField = "floatData" | "doubleData" | "int32Data" | "int64Data" | "uint64Data" | "stringData";

export const typedFields: readonly TypedField[] = ["floatData", "doubleData", "int32Data", "int64Data", "uint64Data", "stringData"];

/** The typed field that holds this element type. */
export function typedFieldOf(dtype: DType): TypedField {
  switch (dtype) {
    case "float32": case "complex64": return "floatData";
    case "float64": case "complex128": return "doubleData";
    case "int64": return "int64Data";
    case "uint32": case "uint64": return "uint64Data";
    case "string": return "stringData";
    default: return "int32Data";
  }
}

/** Storage of `size` elements that the file keeps in the numeric field `field`. */
export function typedStorage(proto: TensorProto, field: Exclude<TypedField, "stringData">, dtype: DType, size: number, tensor: string): TensorStorage {
  const pieces = proto[field] ?? [];
  const byteLength = byteLengthOf(dtype, size);
  if (field === "floatData" || field === "doubleData") {
    const received = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    check(byteLength, received, "bytes", proto, dtype, tensor);
    // Packed floats are raw layout already.
    return pieces.length === 1 ? memoryStorage(pieces[0]!) : lazyStorage(byteLength, () => joinBytes(pieces) ?? new Uint8Array());
  }
  const entries = entryCount(dtype, size);
  check(entries, pieces.reduce((sum, piece) => sum + countVarints(piece), 0), "entries", proto, dtype, tensor);
  return lazyStorage(byteLength, () => convert(pieces, dtype, entries, tensor));
}

/** 4- and 2-bit elements share entries: two or four in the low byte of each. */
const entryCount = (dtype: DType, size: number): number => (dtypes[dtype].bits < 8 ? byteLengthOf(dtype, size) : size);

function check(expected: number, received: number, unit: string, proto: TensorProto, dtype: DType, tensor: string): void {
  if (expected !== received) throw onnxErrors.ONNX_TENSOR_SIZE({ tensor, dtype, dims: (proto.dims ?? []).join(", "), expected, received, unit });
}

function countVarints(bytes: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! < 0x80) count++;
  return count;
}

function convert(pieces: readonly Uint8Array[], dtype: DType, entries: number, tensor: string): Uint8Array {
  const width = Math.max(1, dtypes[dtype].bits / 8);
  const out = new Uint8Array(entries * width);
  const view = new DataView(out.buffer);
  let index = 0;
  for (const piece of pieces) {
    const reader = new Reader(piece);
    reader.where = `TensorProto "${tensor}"`;
    for (; !reader.done; index++) {
      if (width === 8) view.setBigUint64(index * 8, BigInt.asUintN(64, BigInt(reader.int64())), true);
      else store(view, index, width, inRange(dtype === "uint32" ? reader.int64() : reader.int32(), dtype, index, tensor));
    }
  }
  return out;
}

function store(view: DataView, index: number, width: number, value: number): void {
  if (width === 1) view.setUint8(index, value);
  else if (width === 2) view.setUint16(index * 2, value, true);
  else view.setUint32(index * 4, value, true);
}

/** Values must fit the element type; bit patterns must fit its width, with or without sign extension. */
function inRange(value: number | bigint, dtype: DType, index: number, tensor: string): number {
  const { coded, bits, min, max } = dtypes[dtype];
  const width = Math.max(8, bits);
  const low = coded ? -(2 ** (width - 1)) : min;
  const high = coded ? 2 ** width - 1 : max;
  if (typeof value === "number" && value >= low && value <= high) return value;
  throw onnxErrors.ONNX_TENSOR_RANGE({ tensor, dtype, value: String(value), index });
}
