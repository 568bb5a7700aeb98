import { dtypes, type DType } from "./dtype.ts";
import type { Tensor } from "./tensor.ts";

const CHUNK = 1 << 22;

/**
 * Number of elements that are zero (both signed zeros for floats). Reads a tensor that is not in memory piece by piece.
 * Strings have none.
 */
export function countZeros(tensor: Tensor): number {
  if (tensor.dtype === "string") return 0;
  if (dtypes[tensor.dtype].bits < 8) return zeroCodes(tensor);
  const count = counterOf(tensor.dtype);
  const width = dtypes[tensor.dtype].bits / 8;
  let zeros = 0;
  let rest: Uint8Array = new Uint8Array();
  const pieces = tensor.storage.kind === "memory" || !tensor.storage.chunks ? [tensor.bytes()] : tensor.storage.chunks(CHUNK);
  for (const piece of pieces) {
    // An element may lie across two pieces.
    const bytes = rest.length === 0 ? piece : joined(rest, piece);
    const whole = bytes.length - (bytes.length % width);
    zeros += count(bytes.subarray(0, whole));
    rest = new Uint8Array(bytes.subarray(whole));
  }
  return zeros;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** 4- and 2-bit types; float4e2m1 has a negative zero, the code 8. Spare bits of the last byte are no elements. */
function zeroCodes(tensor: Tensor): number {
  const { bits } = dtypes[tensor.dtype];
  const perByte = 8 / bits;
  const mask = tensor.dtype === "float4e2m1" ? 7 : 2 ** bits - 1;
  const zerosIn = (byte: number, count: number): number => {
    let zeros = 0;
    for (let k = 0; k < count; k++) if (((byte >>> (k * bits)) & mask) === 0) zeros++;
    return zeros;
  };
  const bytes = tensor.bytes();
  const whole = Math.floor(tensor.size / perByte);
  const table = Uint8Array.from({ length: 256 }, (_, byte) => zerosIn(byte, perByte));
  return countBytes(bytes.subarray(0, whole), table) + zerosIn(bytes[whole] ?? 0, tensor.size % perByte);
}

/** Sum of the table's entries at each byte. */
function countBytes(bytes: Uint8Array, table: Uint8Array): number {
  let zeros = 0;
  for (let i = 0; i < bytes.length; i++) zeros += table[bytes[i]!]!;
  return zeros;
}

const plainZeros = Uint8Array.from({ length: 256 }, (_, byte) => Number(byte === 0));
const signedZeros = Uint8Array.from({ length: 256 }, (_, byte) => Number((byte & 0x7f) === 0));

type Counter = (bytes: Uint8Array) => number;

/** Bits that tell zero from anything else: all but the sign for formats that have a negative zero. */
function counterOf(dtype: DType): Counter {
  const { bits, kind } = dtypes[dtype];
  const signed = kind === "float" || kind === "complex";
  // The fnuz formats use the code of negative zero for NaN; e8m0 has no zero at all.
  if (dtype === "float8e8m0") return () => 0;
  const hasNegativeZero = signed && !dtype.endsWith("fnuz");
  if (bits === 8) return (b) => countBytes(b, hasNegativeZero ? signedZeros : plainZeros);
  if (bits === 16) return (b) => count16(aligned(b, 2, Uint16Array), hasNegativeZero ? 0x7fff : 0xffff);
  if (bits === 32) return (b) => count32(aligned(b, 4, Uint32Array), hasNegativeZero ? 0x7fffffff : -1);
  return (b) => countWide(aligned(b, 4, Uint32Array), bits / 32, dtype === "complex64" ? 1 : 2, hasNegativeZero);
}

function aligned<A>(bytes: Uint8Array, width: number, array: new (buffer: ArrayBufferLike, offset: number, length: number) => A): A {
  const at = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  return new array(at.buffer, at.byteOffset, at.length / width);
}

function count16(words: Uint16Array, mask: number): number {
  let zeros = 0;
  for (let i = 0; i < words.length; i++) if ((words[i]! & mask) === 0) zeros++;
  return zeros;
}

function count32(words: Uint32Array, mask: number): number {
  let zeros = 0;
  for (let i = 0; i < words.length; i++) if ((words[i]! & mask) === 0) zeros++;
  return zeros;
}

/** Elements of several words; the sign is the top bit of the last word of each number (`part` words long). */
function countWide(words: Uint32Array, span: number, part: number, signed: boolean): number {
  let zeros = 0;
  for (let i = 0; i < words.length; i += span) {
    let any = 0;
    for (let k = 0; k < span; k++) any |= words[i + k]! & (signed && k % part === part - 1 ? 0x7fffffff : -1);
    if (any === 0) zeros++;
  }
  return zeros;
}
