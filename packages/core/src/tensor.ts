/**
 * A tensor: an element type, dimensions and bytes in ONNX raw layout (little-endian, row-major, 4- and 2-bit types packed
 * low bits first). The bytes may be in memory, in a range of a file, or computed on first use; nothing is read before it is asked for.
 * Hosts are little-endian (all platforms that Node and browsers run on today are).
 */
import { bytesOf, decodeInto, encodeNumbers, unpackCodes, viewBytes } from "./convert.ts";
import { byteLengthOf, dtypes, type DType, type TypedArray } from "./dtype.ts";
import { defineErrors } from "./errors.ts";

export const tensorErrors = defineErrors({
  TENSOR_SIZE: {
    text: (d: { dtype: string; dims: readonly number[]; expected: number; received: number }) =>
      `A ${d.dtype} tensor of shape [${d.dims.join(", ")}] takes ${d.expected} bytes but ${d.received} came.`,
    remedy: "Check the shape and the element type against the data.",
  },
  TENSOR_DIMS: {
    text: (d: { dims: readonly number[] }) => `[${d.dims.join(", ")}] is not a tensor shape: dimensions are integers >= 0 with a product below 2^53.`,
    remedy: "Give non-negative integer dimensions.",
  },
  TENSOR_DTYPE: {
    text: (d: { wanted: string; dtype: string }) => `${d.wanted} was asked of a ${d.dtype} tensor.`,
    remedy: "Use the accessor that fits the element type, or cast first.",
  },
});

/** Where the bytes of a tensor are. `bytes()` may read a file; callers that only copy should use `chunks` when it is there. */
export interface TensorStorage {
  readonly kind: "memory" | "file" | "lazy";
  readonly byteLength: number;
  bytes(): Uint8Array;
  /** Successive pieces of the content, so that a tensor larger than memory can be copied. */
  chunks?(size: number): Iterable<Uint8Array>;
  /** Fills `target` from byte `at` on, where that needs no copy in between. */
  readInto?(target: Uint8Array, at: number): void;
}

/** What a file says of a tensor beside its content; kept through a round trip. */
export interface TensorLabel {
  readonly name?: string;
  readonly docString?: string;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly unknown?: Uint8Array;
}

export type TensorInput = TypedArray | ArrayLike<number> | ArrayLike<bigint> | ArrayLike<string> | ArrayLike<boolean>;

export class Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** Number of elements. */
  readonly size: number;
  readonly storage: TensorStorage;
  readonly label: TensorLabel;

  constructor(dtype: DType, dims: readonly number[], storage: TensorStorage, label: TensorLabel = {}) {
    this.dtype = dtype;
    this.dims = Object.freeze([...dims]);
    this.size = elementCount(dims);
    this.storage = storage;
    this.label = label;
    const expected = dtype === "string" ? storage.byteLength : byteLengthOf(dtype, this.size);
    if (storage.byteLength !== expected) throw tensorErrors.TENSOR_SIZE({ dtype, dims, expected, received: storage.byteLength });
  }

  /**
   * From values. Typed arrays that match the dtype's storage are used without a copy; for coded types (float16, float8, 4-bit ...)
   * a `Uint16Array`/`Uint8Array` is taken as raw codes and plain numbers are rounded to the nearest value.
   * @throws TENSOR_SIZE when the count differs from the shape.
   */
  static from(dtype: DType, dims: readonly number[], values: TensorInput): Tensor {
    if (dtype === "string") return Tensor.fromStrings(dims, Array.from(values as ArrayLike<string>));
    return Tensor.fromBytes(dtype, dims, toBytes(dtype, values));
  }

  static fromBytes(dtype: DType, dims: readonly number[], bytes: Uint8Array, label?: TensorLabel): Tensor {
    return new Tensor(dtype, dims, memoryStorage(bytes), label);
  }

  /** Strings are kept as values; their storage length counts UTF-8 bytes. */
  static fromStrings(dims: readonly number[], values: readonly string[], label?: TensorLabel): Tensor {
    if (values.length !== elementCount(dims)) throw tensorErrors.TENSOR_SIZE({ dtype: "string", dims, expected: elementCount(dims), received: values.length });
    return new Tensor("string", dims, stringStorage(values), label);
  }

  static scalar(dtype: DType, value: number | bigint): Tensor {
    return Tensor.from(dtype, [], typeof value === "bigint" ? [value] : [value]);
  }

  /** An int64 vector, the type of shapes and axes in ONNX. */
  static int64(values: readonly (number | bigint)[], dims: readonly number[] = [values.length]): Tensor {
    return Tensor.fromBytes("int64", dims, bytesOf(BigInt64Array.from(values, (v) => BigInt(v))));
  }

  get byteLength(): number {
    return this.storage.byteLength;
  }

  /** The bytes in ONNX raw layout. Treat as read-only: clones of a model share them. */
  bytes(): Uint8Array {
    return this.storage.bytes();
  }

  /** Typed view of the stored units: values, or raw codes for coded types. Zero-copy when aligned. Read-only by contract. */
  data(): TypedArray {
    if (this.dtype === "string") throw tensorErrors.TENSOR_DTYPE({ wanted: "Numeric data", dtype: this.dtype });
    return viewBytes(this.bytes(), this.dtype);
  }

  /** Elements of a 4- or 2-bit tensor, one raw code per byte. */
  codes(): Uint8Array {
    const { bits } = dtypes[this.dtype];
    if (bits === 4 || bits === 2) return unpackCodes(this.bytes(), bits, this.size);
    if (bits === 8) return this.bytes();
    throw tensorErrors.TENSOR_DTYPE({ wanted: "Byte codes", dtype: this.dtype });
  }

  strings(): readonly string[] {
    const { storage } = this;
    if (!isStringStorage(storage)) throw tensorErrors.TENSOR_DTYPE({ wanted: "Strings", dtype: this.dtype });
    return storage.values;
  }

  /** Values as float32. For a float32 tensor this is the data itself, without a copy. */
  toFloat32(): Float32Array {
    if (this.dtype === "float32") return this.data() as Float32Array;
    this.#mustBeReal("Float values");
    return decodeInto(this.bytes(), this.dtype, new Float32Array(this.size));
  }

  /** Values as doubles (exact for every type but 64-bit integers beyond 2^53). For float64 without a copy. */
  toFloat64(): Float64Array {
    if (this.dtype === "float64") return this.data() as Float64Array;
    this.#mustBeReal("Float values");
    return decodeInto(this.bytes(), this.dtype, new Float64Array(this.size));
  }

  /** Values as a plain array; meant for small tensors such as shapes and axes. */
  toNumbers(): number[] {
    return Array.from(this.toFloat64());
  }

  toBigInts(): bigint[] {
    const data = this.data();
    return data instanceof BigInt64Array || data instanceof BigUint64Array ? Array.from(data) : this.toNumbers().map((v) => BigInt(Math.trunc(v)));
  }

  /** Same bytes under another shape of the same size. A single -1 is inferred. */
  reshape(dims: readonly number[]): Tensor {
    const known = dims.reduce((product, d) => (d === -1 ? product : product * d), 1);
    return new Tensor(this.dtype, dims.map((d) => (d === -1 ? this.size / known : d)), this.storage);
  }

  /** Values rounded to another element type; see `encodeNumbers` in convert.ts for the rules. */
  cast(dtype: DType): Tensor {
    if (dtype === this.dtype) return this;
    const wide = dtypes[this.dtype].bits === 64 && dtypes[dtype].bits === 64 && this.dtype !== "float64" && dtype !== "float64";
    if (wide) return Tensor.fromBytes(dtype, this.dims, this.bytes());
    return Tensor.fromBytes(dtype, this.dims, encodeNumbers(dtypes[this.dtype].bits > 32 ? this.toFloat64() : this.#narrow(), dtype));
  }

  withLabel(label: TensorLabel): Tensor {
    return new Tensor(this.dtype, this.dims, this.storage, label);
  }

  #narrow(): Float32Array | Float64Array {
    return dtypes[this.dtype].kind === "float" ? this.toFloat32() : this.toFloat64();
  }

  #mustBeReal(wanted: string): void {
    const { kind } = dtypes[this.dtype];
    if (kind === "string" || kind === "complex") throw tensorErrors.TENSOR_DTYPE({ wanted, dtype: this.dtype });
  }
}

/** Product of dimensions, refusing what is not a shape. */
export function elementCount(dims: readonly number[]): number {
  let count = 1;
  for (const d of dims) {
    if (!Number.isInteger(d) || d < 0) throw tensorErrors.TENSOR_DIMS({ dims });
    count *= d;
  }
  if (count > Number.MAX_SAFE_INTEGER) throw tensorErrors.TENSOR_DIMS({ dims });
  return count;
}

export const memoryStorage = (bytes: Uint8Array): TensorStorage => ({ kind: "memory", byteLength: bytes.byteLength, bytes: () => bytes });

/** Bytes made on first use and then kept. */
export function lazyStorage(byteLength: number, make: () => Uint8Array): TensorStorage {
  let made: Uint8Array | undefined;
  return { kind: "lazy", byteLength, bytes: () => (made ??= make()) };
}

interface StringStorage extends TensorStorage {
  readonly values: readonly string[];
}

function stringStorage(values: readonly string[]): StringStorage {
  const encoder = new TextEncoder();
  let joined: Uint8Array | undefined;
  const bytes = (): Uint8Array => (joined ??= encoder.encode(values.join("")));
  return { kind: "memory", values, bytes, get byteLength() { return bytes().byteLength; } };
}

const isStringStorage = (storage: TensorStorage): storage is StringStorage => "values" in storage;

function toBytes(dtype: DType, values: TensorInput): Uint8Array {
  const { array, coded } = dtypes[dtype];
  if (ArrayBuffer.isView(values) && values instanceof array && (coded || dtype !== "bool")) return bytesOf(values);
  const first = values[0];
  if (typeof first === "bigint" && (dtype === "int64" || dtype === "uint64")) {
    return bytesOf(dtype === "int64" ? BigInt64Array.from(values as ArrayLike<bigint>) : BigUint64Array.from(values as ArrayLike<bigint>));
  }
  const numbers = typeof first === "number" ? (values as ArrayLike<number>) : Array.from(values as ArrayLike<unknown>, Number);
  return encodeNumbers(numbers, dtype);
}
