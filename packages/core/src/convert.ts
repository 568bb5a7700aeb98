/** Element-wise conversions between the stored form of a tensor (little-endian ONNX raw layout) and plain numbers. */
import { dtypes, byteLengthOf, type DType, type TypedArray } from "./dtype.ts";
import { bfloat16FromBits, decodeTable, encodeSmallFloat, float16FromBits, type SmallFloat } from "./small-float.ts";

/** Codes of a packed 4- or 2-bit tensor, unpacked to one per byte (low bits first, as in ONNX). Not sign-extended. */
export function unpackCodes(bytes: Uint8Array, bits: 2 | 4, count: number): Uint8Array {
  const out = new Uint8Array(count);
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  for (let i = 0; i < count; i++) out[i] = (bytes[Math.floor(i / perByte)]! >>> ((i % perByte) * bits)) & mask;
  return out;
}

/** Inverse of {@link unpackCodes}; spare bits of the last byte are zero. */
export function packCodes(codes: ArrayLike<number>, bits: 2 | 4): Uint8Array {
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  const out = new Uint8Array(Math.ceil(codes.length / perByte));
  for (let i = 0; i < codes.length; i++) out[Math.floor(i / perByte)]! |= (codes[i]! & mask) << ((i % perByte) * bits);
  return out;
}

/** A typed-array view of the bytes; copies only when the bytes are not aligned for it. Packed types give their bytes. */
export function viewBytes(bytes: Uint8Array, dtype: DType): TypedArray {
  const { array, bits } = dtypes[dtype];
  const width = Math.max(1, (dtype === "complex64" || dtype === "complex128" ? bits / 2 : bits) / 8);
  // Not slice(): on a Node Buffer that is a view of the same memory.
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  return new array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / width));
}

export function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

type NumberArray = Float32Array | Float64Array;

/** Writes the values of the stored elements into `out` (as doubles or float32); 64-bit integers lose exactness above 2^53. */
export function decodeInto<A extends NumberArray>(bytes: Uint8Array, dtype: DType, out: A): A {
  const info = dtypes[dtype];
  const n = out.length;
  if (info.bits === 4 || info.bits === 2) {
    const codes = unpackCodes(bytes, info.bits, n);
    const top = 1 << (info.bits - 1);
    if (info.kind === "float") {
      const table = decodeTable(dtype as SmallFloat);
      for (let i = 0; i < n; i++) out[i] = table[codes[i]!]!;
    } else if (info.kind === "int") for (let i = 0; i < n; i++) out[i] = (codes[i]! ^ top) - top;
    else out.set(codes);
    return out;
  }
  const data = viewBytes(bytes, dtype);
  if (info.coded) {
    const table = decodeTable(dtype as SmallFloat);
    for (let i = 0; i < n; i++) out[i] = table[data[i] as number]!;
  } else if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let i = 0; i < n; i++) out[i] = Number(data[i]!);
  } else out.set(data.length === n ? data : data.subarray(0, n));
  return out;
}

/**
 * Stored form of plain numbers. Floats round half to even (float8/float4 saturate); integers truncate toward zero and,
 * up to 32 bits, wrap like a C cast except for 4- and 2-bit types, which saturate. `bool` is `x !== 0`.
 */
export function encodeNumbers(values: ArrayLike<number>, dtype: DType): Uint8Array {
  const info = dtypes[dtype];
  const n = values.length;
  if (info.bits === 4 || info.bits === 2) {
    const codes = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      codes[i] = info.kind === "float" ? encodeSmallFloat(values[i]!, dtype as SmallFloat) : Math.trunc(Math.min(info.max, Math.max(info.min, values[i]!)));
    }
    return packCodes(codes, info.bits);
  }
  const out = new Uint8Array(byteLengthOf(dtype, n));
  const data = viewBytes(out, dtype);
  if (info.kind === "bool") for (let i = 0; i < n; i++) data[i] = values[i] !== 0 ? 1 : 0;
  else if (dtype === "float16" || dtype === "bfloat16") encodeHalf(values, dtype, data as Uint16Array);
  else if (info.coded) for (let i = 0; i < n; i++) data[i] = encodeSmallFloat(values[i]!, dtype as SmallFloat);
  else if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let i = 0; i < n; i++) data[i] = BigInt(Math.trunc(values[i]!));
  } else data.set(values);
  return out;
}

function encodeHalf(values: ArrayLike<number>, dtype: "float16" | "bfloat16", out: Uint16Array): void {
  if (values instanceof Float32Array) {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const encode = dtype === "float16" ? float16FromBits : bfloat16FromBits;
    for (let i = 0; i < bits.length; i++) out[i] = encode(bits[i]!);
  } else for (let i = 0; i < values.length; i++) out[i] = encodeSmallFloat(values[i]!, dtype);
}
