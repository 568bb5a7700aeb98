/** `TensorProto` and `Tensor`, in both directions. Content is viewed, referred to or converted on use; never read here. */
import { byteLengthOf, dtypeFromId, dtypes, type DType } from "../dtype.ts";
import type { SparseTensor } from "../ir/attribute.ts";
import { memoryStorage, Tensor, type TensorLabel, type TensorStorage } from "../tensor.ts";
import { entriesToMap, joinBytes, mapToEntries, unknownOf } from "./entries.ts";
import { externalRef, type ExternalResolver } from "./external-ref.ts";
import { onnxErrors } from "./graph-errors.ts";
import type { OnNotice } from "./notice.ts";
import type { EntryProto, Proto, SparseTensorProto, TensorProto } from "./proto.ts";
import { checkSparse } from "./sparse.ts";
import { typedFieldOf, typedFields, typedStorage } from "./typed-data.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";
import type { ByteSource, Part } from "./writer.ts";

const EXTERNAL = 1;

export interface TensorReading {
  readonly external: ExternalResolver | undefined;
  readonly notice: OnNotice;
}

/** `owner` names the tensor in messages when it has no name. */
export function tensorFromProto(proto: TensorProto, owner: string, reading: TensorReading): Tensor {
  const tensor = proto.name || owner;
  if (proto.segment) throw onnxErrors.ONNX_TENSOR_SEGMENT({ tensor });
  const dtype = dtypeFromId(proto.dataType ?? 0);
  if (dtype === undefined) throw onnxErrors.ONNX_TENSOR_TYPE({ tensor, type: proto.dataType ?? 0 });
  const { dims, size } = dimsFromProto(proto.dims ?? [], tensor);
  const label = labelOf(proto, tensor, reading.notice);
  if (dtype === "string") return Tensor.fromStrings(dims, stringsOf(proto, size, tensor), label);
  return new Tensor(dtype, dims, storageOf(proto, dtype, size, tensor, reading), label);
}

/** Dimensions and their product; the product is formed without rounding. */
export function dimsFromProto(raw: readonly (number | bigint)[], tensor: string): { dims: number[]; size: number } {
  let product = 1n;
  const dims = raw.map(Number);
  for (const dim of raw) product *= BigInt(dim);
  const bad = dims.some((dim) => !Number.isSafeInteger(dim) || dim < 0) || product > BigInt(Number.MAX_SAFE_INTEGER) / 16n;
  if (bad) throw onnxErrors.ONNX_TENSOR_DIMS({ tensor, dims: raw.join(", ") });
  return { dims, size: Number(product) };
}

function storageOf(proto: TensorProto, dtype: DType, size: number, tensor: string, { external }: TensorReading): TensorStorage {
  const byteLength = byteLengthOf(dtype, size);
  const typed = typedFieldOf(dtype);
  if (proto.dataLocation === EXTERNAL) {
    mustUseOnly(proto, dtype, "external_data", tensor);
    const ref = externalRef(proto, tensor, byteLength);
    if (!external) throw onnxErrors.ONNX_EXTERNAL_UNAVAILABLE({ tensor, location: ref.location });
    return external(ref);
  }
  if (proto.rawData === undefined && typed !== "stringData") {
    mustUseOnly(proto, dtype, typed, tensor);
    return typedStorage(proto, typed, dtype, size, tensor);
  }
  mustUseOnly(proto, dtype, "rawData", tensor);
  const raw = proto.rawData ?? new Uint8Array();
  const received = raw.byteLength;
  if (received !== byteLength) throw sizeError(proto, dtype, byteLength, received, "bytes", tensor);
  return raw instanceof Uint8Array ? memoryStorage(raw) : fromPart(raw);
}

function stringsOf(proto: TensorProto, size: number, tensor: string): string[] {
  mustUseOnly(proto, "string", proto.dataLocation === EXTERNAL ? "external_data" : "stringData", tensor);
  if (proto.dataLocation === EXTERNAL) throw onnxErrors.ONNX_TENSOR_FIELD({ tensor, dtype: "string", expected: "string_data", received: "external_data" });
  const list = proto.stringData ?? [];
  if (list.length !== size) throw sizeError(proto, "string", size, list.length, "entries", tensor);
  return list.map((bytes, index) => {
    const text = decodeUtf8(bytes);
    if (text === undefined) throw onnxErrors.ONNX_TENSOR_UTF8({ tensor, index });
    return text;
  });
}

/** A tensor has its content in one place only. */
function mustUseOnly(proto: TensorProto, dtype: DType, expected: string, tensor: string): void {
  for (const field of ["rawData", ...typedFields] as const) {
    const value = proto[field];
    const used = value !== undefined && (Array.isArray(value) ? value.length > 0 : (value as Part).byteLength > 0);
    if (used && field !== expected) throw onnxErrors.ONNX_TENSOR_FIELD({ tensor, dtype, expected: fieldName(expected), received: fieldName(field) });
  }
}

const fieldName = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const sizeError = (proto: TensorProto, dtype: DType, expected: number, received: number, unit: string, tensor: string): Error =>
  onnxErrors.ONNX_TENSOR_SIZE({ tensor, dtype, dims: (proto.dims ?? []).join(", "), expected, received, unit });

function fromPart(part: Exclude<Part, Uint8Array>): TensorStorage {
  // A part that a file reader made is a storage already.
  if ("kind" in part) return part as TensorStorage;
  const bytes = (): Uint8Array => part.bytes?.() ?? joinBytes([...part.chunks(part.byteLength)]) ?? new Uint8Array();
  return { kind: "lazy", byteLength: part.byteLength, bytes, chunks: (size) => part.chunks(size) };
}

function labelOf(proto: TensorProto, tensor: string, notice: OnNotice): TensorLabel {
  const { name, docString } = proto;
  const metadata = entriesToMap(proto.metadataProps, `tensor "${tensor}"`, notice);
  const unknown = joinBytes(proto.unknown);
  return {
    ...(name === undefined ? {} : { name }),
    ...(docString === undefined ? {} : { docString }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(unknown === undefined ? {} : { unknown }),
  };
}

/** Where a written tensor's content goes: entries of an external file, or undefined to keep it in the model. */
export type ExternalPlacement = (tensor: Tensor) => readonly EntryProto[] | undefined;

/** `name` overrides the tensor's own label (an initializer is named by its value). */
export function tensorToProto(tensor: Tensor, name: string | undefined, place: ExternalPlacement | undefined): TensorProto {
  const { label, dtype } = tensor;
  const common: TensorProto = {
    dims: tensor.dims,
    dataType: dtypes[dtype].id,
    name: name ?? label.name,
    docString: label.docString,
    metadataProps: mapToEntries(label.metadata),
    unknown: unknownOf(label.unknown),
  };
  if (dtype === "string") return { ...common, stringData: tensor.strings().map(encodeUtf8) };
  const externalData = place?.(tensor);
  if (externalData) return { ...common, externalData, dataLocation: EXTERNAL };
  return { ...common, rawData: partOf(tensor) };
}

/** The content as something to write: the bytes themselves when in memory, else a promise of pieces. */
export function partOf({ storage }: Tensor): Part {
  if (storage.kind === "memory") return storage.bytes();
  return hasChunks(storage) ? storage : { byteLength: storage.byteLength, chunks: () => [storage.bytes()] };
}

const hasChunks = (storage: TensorStorage): storage is TensorStorage & ByteSource => storage.chunks !== undefined;

export function sparseFromProto(proto: SparseTensorProto, owner: string, reading: TensorReading): SparseTensor {
  const tensor = proto.values?.name || owner;
  if (!proto.values || !proto.indices) throw onnxErrors.ONNX_SPARSE({ tensor, reason: `${proto.values ? "indices" : "values"} are missing` });
  const sparse: SparseTensor = {
    values: tensorFromProto(proto.values, owner, reading),
    indices: tensorFromProto(proto.indices, `${tensor} indices`, reading),
    dims: dimsFromProto(proto.dims ?? [], tensor).dims,
  };
  checkSparse(sparse, tensor);
  if (proto.unknown) reading.notice({ code: "UNKNOWN_DROPPED", message: `Unknown fields of sparse tensor "${tensor}" were dropped.` });
  return sparse;
}

export function sparseToProto(sparse: SparseTensor, name: string | undefined, place: ExternalPlacement | undefined): Proto<"SparseTensorProto"> {
  return { values: tensorToProto(sparse.values, name, place), indices: tensorToProto(sparse.indices, undefined, place), dims: sparse.dims };
}
