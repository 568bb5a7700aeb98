/**
 * The one table of element types. Everything that depends on a dtype reads its row:
 * ONNX id, bits per element, packing, the typed array that can view it, range, kind.
 * Source: ONNX `TensorProto.DataType` (IR version 13).
 */

export type DTypeKind = "float" | "int" | "uint" | "bool" | "string" | "complex";

export type TypedArray =
  | Float32Array | Float64Array
  | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array
  | BigInt64Array | BigUint64Array;

interface Row {
  readonly id: number;
  readonly bits: number;
  readonly kind: DTypeKind;
  /** Smallest and largest finite value; for integers the full range. 64-bit bounds are the nearest doubles. */
  readonly min: number;
  readonly max: number;
  /** Array type whose elements are the stored units: the value itself, or the raw code for small floats. Packed types are bytes. */
  readonly array: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray;
  /** True when the array's elements are bit patterns, not values (float16, bfloat16, float8, packed types). */
  readonly coded: boolean;
}

const row = (id: number, bits: number, kind: DTypeKind, min: number, max: number, array: Row["array"], coded = false): Row =>
  ({ id, bits, kind, min, max, array, coded });

const F32_MAX = 3.4028234663852886e38;
const BF16_MAX = 3.3895313892515355e38;

const table = {
  float32: row(1, 32, "float", -F32_MAX, F32_MAX, Float32Array),
  uint8: row(2, 8, "uint", 0, 255, Uint8Array),
  int8: row(3, 8, "int", -128, 127, Int8Array),
  uint16: row(4, 16, "uint", 0, 65535, Uint16Array),
  int16: row(5, 16, "int", -32768, 32767, Int16Array),
  int32: row(6, 32, "int", -2147483648, 2147483647, Int32Array),
  int64: row(7, 64, "int", -(2 ** 63), 2 ** 63, BigInt64Array),
  string: row(8, 0, "string", NaN, NaN, Uint8Array),
  bool: row(9, 8, "bool", 0, 1, Uint8Array),
  float16: row(10, 16, "float", -65504, 65504, Uint16Array, true),
  float64: row(11, 64, "float", -Number.MAX_VALUE, Number.MAX_VALUE, Float64Array),
  uint32: row(12, 32, "uint", 0, 4294967295, Uint32Array),
  uint64: row(13, 64, "uint", 0, 2 ** 64, BigUint64Array),
  complex64: row(14, 64, "complex", NaN, NaN, Float32Array),
  complex128: row(15, 128, "complex", NaN, NaN, Float64Array),
  bfloat16: row(16, 16, "float", -BF16_MAX, BF16_MAX, Uint16Array, true),
  float8e4m3fn: row(17, 8, "float", -448, 448, Uint8Array, true),
  float8e4m3fnuz: row(18, 8, "float", -240, 240, Uint8Array, true),
  float8e5m2: row(19, 8, "float", -57344, 57344, Uint8Array, true),
  float8e5m2fnuz: row(20, 8, "float", -57344, 57344, Uint8Array, true),
  uint4: row(21, 4, "uint", 0, 15, Uint8Array, true),
  int4: row(22, 4, "int", -8, 7, Uint8Array, true),
  float4e2m1: row(23, 4, "float", -6, 6, Uint8Array, true),
  float8e8m0: row(24, 8, "float", 2 ** -127, 2 ** 127, Uint8Array, true),
  uint2: row(25, 2, "uint", 0, 3, Uint8Array, true),
  int2: row(26, 2, "int", -2, 1, Uint8Array, true),
} as const satisfies Record<string, Row>;

/** Name of an element type, as in ONNX's documentation ("float32" for `FLOAT`, "float64" for `DOUBLE`). */
export type DType = keyof typeof table;

/** Facts of one element type. */
export interface DTypeInfo extends Row {
  readonly name: DType;
}

export const dtypes: Readonly<Record<DType, DTypeInfo>> = Object.freeze(
  Object.fromEntries(Object.entries(table).map(([name, facts]) => [name, Object.freeze({ name: name as DType, ...facts })])),
) as Readonly<Record<DType, DTypeInfo>>;

const byId = new Map<number, DType>(Object.values(dtypes).map((info) => [info.id, info.name]));

/** The dtype with this ONNX id, or undefined when the id is not (yet) known. */
export const dtypeFromId = (id: number): DType | undefined => byId.get(id);

/** True when the string names an element type. */
export const isDType = (name: string): name is DType => Object.hasOwn(table, name);

/** Bytes that `count` packed elements take: `ceil(bits * count / 8)`. Strings have no fixed size and give 0. */
export const byteLengthOf = (dtype: DType, count: number): number => Math.ceil((dtypes[dtype].bits * count) / 8);

export const isFloat = (dtype: DType | undefined): boolean => dtype !== undefined && dtypes[dtype].kind === "float";
export const isInteger = (dtype: DType | undefined): boolean =>
  dtype !== undefined && (dtypes[dtype].kind === "int" || dtypes[dtype].kind === "uint");
