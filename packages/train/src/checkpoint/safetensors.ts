/**
 * The safetensors container: 8 bytes little-endian header length, a JSON header {name: {dtype, shape, data_offsets}, __metadata__}, raw data.
 * Source: the format description of huggingface/safetensors. Equal content gives equal bytes: names are sorted, the header is padded to 8.
 */
import { Tensor, type DType } from "@lathe/core";
import { trainErrors } from "../errors.ts";

const names: Readonly<Partial<Record<DType, string>>> = {
  float64: "F64", float32: "F32", float16: "F16", bfloat16: "BF16", int64: "I64", int32: "I32", int16: "I16", int8: "I8",
  uint64: "U64", uint32: "U32", uint16: "U16", uint8: "U8", bool: "BOOL", float8e4m3fn: "F8_E4M3", float8e5m2: "F8_E5M2",
};
const dtypesByName = new Map(Object.entries(names).map(([dtype, name]) => [name, dtype as DType]));

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** @throws TRAIN_TENSOR_FILE for an element type that the format lacks. */
export function encodeTensors({ tensors, metadata }: TensorFile): Uint8Array {
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const header: Record<string, unknown> = { __metadata__: Object.fromEntries(Object.entries(metadata).sort()) };
  let offset = 0;
  for (const [name, tensor] of sorted) {
    const dtype = names[tensor.dtype];
    if (!dtype) throw trainErrors.TRAIN_TENSOR_FILE({ reason: `"${name}" is ${tensor.dtype}, which the format lacks` });
    header[name] = { dtype, shape: tensor.dims, data_offsets: [offset, offset + tensor.byteLength] };
    offset += tensor.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.fill(0x20, 8, 8 + length);
  bytes.set(text, 8);
  let at = 8 + length;
  for (const [, tensor] of sorted) {
    bytes.set(tensor.bytes(), at);
    at += tensor.byteLength;
  }
  return bytes;
}

/** The tensors share the given bytes. @throws TRAIN_TENSOR_FILE for anything that is not such a file, or is cut short. */
export function decodeTensors(bytes: Uint8Array): TensorFile {
  const { header, start } = readHeader(bytes);
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown> & { __metadata__?: Record<string, string> };
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(entries)) tensors.set(name, readTensor(bytes, start, name, entry as Entry));
  return { tensors, metadata };
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function readHeader(bytes: Uint8Array): { header: unknown; start: number } {
  const length = bytes.length >= 8 ? Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)) : Infinity;
  if (length > bytes.length - 8) throw trainErrors.TRAIN_TENSOR_FILE({ reason: "its header is cut short" });
  try {
    return { header: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length))), start: 8 + length };
  } catch (cause) {
    throw trainErrors.TRAIN_TENSOR_FILE({ reason: "its header is not JSON" }, cause);
  }
}

function readTensor(bytes: Uint8Array, start: number, name: string, entry: Entry): Tensor {
  const dtype = dtypesByName.get(entry.dtype);
  const [from, to] = entry.data_offsets ?? [0, 0];
  if (!dtype) throw trainErrors.TRAIN_TENSOR_FILE({ reason: `"${name}" has the unknown element type ${entry.dtype}` });
  if (!(from >= 0 && from <= to && start + to <= bytes.length)) throw trainErrors.TRAIN_TENSOR_FILE({ reason: `"${name}" lies outside the file` });
  return Tensor.fromBytes(dtype, entry.shape, bytes.subarray(start + from, start + to));
}
