/** What a model file says about content kept outside of it, checked as far as that goes without a file system. */
import type { TensorStorage } from "../tensor.ts";
import { onnxErrors } from "./graph-errors.ts";
import type { TensorProto } from "./proto.ts";

/** Content of one tensor in another file. */
export interface ExternalRef {
  /** For messages. */
  readonly tensor: string;
  /** Path relative to the model's folder. */
  readonly location: string;
  /** First byte. */
  readonly offset: number;
  /** Bytes that the tensor's type and shape take. */
  readonly length: number;
  /** SHA-1 of the whole file, in hexadecimal, when the model states one. */
  readonly checksum: string | undefined;
}

/** Gives the storage of external content. */
export type ExternalResolver = (ref: ExternalRef) => TensorStorage;

const keys = new Set(["location", "offset", "length", "checksum"]);

/**
 * Reads the entries of an external tensor. `length` is what its type and shape take.
 * @throws ONNX_EXTERNAL_KEY, ONNX_EXTERNAL_NUMBER, ONNX_EXTERNAL_LENGTH and the codes of {@link locationFault}
 */
export function externalRef(proto: TensorProto, tensor: string, length: number): ExternalRef {
  const found = new Map<string, string>();
  for (const { key = "", value = "" } of proto.externalData ?? []) {
    if (!keys.has(key) || found.has(key)) throw onnxErrors.ONNX_EXTERNAL_KEY({ tensor, key });
    found.set(key, value);
  }
  const location = found.get("location") ?? "";
  const fault = locationFault(location);
  if (fault !== undefined) throw onnxErrors[fault]({ tensor, location });
  const declared = integer(found.get("length"), "length", tensor);
  if (declared !== undefined && declared !== length) throw onnxErrors.ONNX_EXTERNAL_LENGTH({ tensor, expected: length, received: declared });
  return { tensor, location, length, offset: integer(found.get("offset"), "offset", tensor) ?? 0, checksum: found.get("checksum") };
}

function integer(text: string | undefined, key: string, tensor: string): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw onnxErrors.ONNX_EXTERNAL_NUMBER({ tensor, key, value: text });
  return value;
}

export type LocationFault =
  | "ONNX_EXTERNAL_EMPTY" | "ONNX_EXTERNAL_NUL" | "ONNX_EXTERNAL_DRIVE" | "ONNX_EXTERNAL_ABSOLUTE" | "ONNX_EXTERNAL_TRAVERSAL";

/** Why a location is refused whatever the file system holds; undefined when it may be looked up. The same on every platform. */
export function locationFault(location: string): LocationFault | undefined {
  if (location === "") return "ONNX_EXTERNAL_EMPTY";
  if (location.includes("\0")) return "ONNX_EXTERNAL_NUL";
  if (/^([A-Za-z]:|[/\\]{2})/.test(location)) return "ONNX_EXTERNAL_DRIVE";
  if (/^[/\\]/.test(location)) return "ONNX_EXTERNAL_ABSOLUTE";
  if (location.split(/[/\\]/).includes("..")) return "ONNX_EXTERNAL_TRAVERSAL";
  return undefined;
}

/** A resolver over files in memory. */
export function memoryResolver(files: ReadonlyMap<string, Uint8Array>): ExternalResolver {
  return ({ tensor, location, offset, length }) => {
    const file = files.get(location);
    if (file === undefined) throw onnxErrors.ONNX_EXTERNAL_UNAVAILABLE({ tensor, location });
    if (offset + length > file.byteLength) throw onnxErrors.ONNX_EXTERNAL_RANGE({ tensor, location, offset, length, size: file.byteLength });
    const bytes = file.subarray(offset, offset + length);
    return { kind: "memory", byteLength: length, bytes: () => bytes };
  };
}
