/**
 * A tensor in few bytes, before a general compressor sees it. Two choices, each the smaller: where the stored values stand (everywhere;
 * a bit mask; gaps as varints), and what they are (byte planes, because exponents repeat where mantissas do not; or a table of at most
 * 256 values with one byte each, which is what clustered weights have). Bit-exact for any type: zero means all bits zero.
 */
import { dtypes, Tensor, type DType } from "@lathe/core";
import { pruneErrors } from "../errors.ts";
import { eachOfGaps, eachOfMask, gapsOf, maskOf } from "./positions.ts";
import { codesOf, fromPlanes, lookUp, toPlanes } from "./values.ts";

export interface Packing {
  readonly positions: "all" | "mask" | "gaps";
  readonly values: "planes" | "table";
  /** Number of values stored. */
  readonly count: number;
  /** Bytes of positions, of the table (0: none) and of planes or codes: they lie behind one another. */
  readonly lengths: readonly [number, number, number];
}

/** Element types of 1, 2 and 4 bytes are looked into; others are stored in planes of their bytes. */
export function packTensor(tensor: Tensor): { packing: Packing; parts: Uint8Array[] } {
  const bytes = tensor.bytes();
  const width = widthOf(tensor.dtype);
  const words = wordsOf(bytes, width);
  if (!words) return packed("all", "planes", bytes.length / width, new Uint8Array(0), undefined, toPlanes(bytes, width));
  let nonZero = 0;
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) nonZero++;
  const { positions, stored } = choosePositions(words, nonZero, width);
  const coded = width > 1 ? codesOf(stored.words) : undefined;
  const values = coded?.codes ?? toPlanes(bytesOf(stored.words), width);
  return packed(stored.positions, coded ? "table" : "planes", stored.words.length, positions, coded && bytesOf(coded.table), values);
}

function packed(positions: Packing["positions"], values: Packing["values"], count: number, where: Uint8Array, table: Uint8Array | undefined, what: Uint8Array): ReturnType<typeof packTensor> {
  const parts = [where, table ?? new Uint8Array(0), what];
  return { packing: { positions, values, count, lengths: [parts[0]!.length, parts[1]!.length, parts[2]!.length] }, parts };
}

type Words = Uint8Array | Uint16Array | Uint32Array;

/** The cheapest of three ways to say where the values stand, by bytes before compression. */
function choosePositions(words: Words, nonZero: number, width: number): { positions: Uint8Array; stored: { positions: Packing["positions"]; words: Words } } {
  const dense = words.length * width;
  const mask = Math.ceil(words.length / 8) + nonZero * width;
  if (nonZero < words.length / 8) {
    const gaps = gapsOf(words, nonZero);
    if (gaps.length + nonZero * width < Math.min(dense, mask)) return { positions: gaps, stored: { positions: "gaps", words: withoutZeros(words, nonZero) } };
  }
  if (mask < dense) return { positions: maskOf(words), stored: { positions: "mask", words: withoutZeros(words, nonZero) } };
  return { positions: new Uint8Array(0), stored: { positions: "all", words } };
}

function withoutZeros(words: Words, count: number): Words {
  const out = new (words.constructor as new (length: number) => Words)(count);
  for (let i = 0, at = 0; i < words.length; i++) if (words[i] !== 0) out[at++] = words[i]!;
  return out;
}

/** @throws PACK_DAMAGED when the bytes are not what the packing says. */
export function unpackTensor(dtype: DType, dims: readonly number[], packing: Packing, bytes: Uint8Array): Tensor {
  const damaged = (reason: string): never => {
    throw pruneErrors.PACK_DAMAGED({ reason });
  };
  const width = widthOf(dtype);
  const elements = dims.reduce((p, d) => p * d, 1);
  const total = Math.ceil((elements * dtypes[dtype].bits) / 8);
  const size = total / width;
  const { count, lengths: [where, table, what], positions, values } = packing;
  const expected = values === "table" ? count : count * width;
  if (where + table + what !== bytes.length || what !== expected || count > size || (positions === "all" && (count !== size || where !== 0))) damaged("lengths do not fit the dims");
  if (values === "table" && (table % width !== 0 || table / width > 256)) damaged("a table of values has no whole number of them, or too many");
  const data = bytes.subarray(where + table);
  const stored = values === "table" ? (lookUp(bytes.subarray(where, where + table), data, width) ?? damaged("a code lies beyond its table")) : fromPlanes(data, width);
  if (positions === "all") return Tensor.fromBytes(dtype, dims, stored);
  const out = new Uint8Array(total);
  const put = (position: number, i: number): void => {
    for (let b = 0; b < width; b++) out[position * width + b] = stored[i * width + b]!;
  };
  if (!(positions === "mask" ? eachOfMask : eachOfGaps)(bytes.subarray(0, where), size, count, put)) damaged("positions do not match the number of values");
  return Tensor.fromBytes(dtype, dims, out);
}

const widthOf = (dtype: DType): number => Math.max(1, dtypes[dtype].bits / 8);

function wordsOf(bytes: Uint8Array, width: number): Words | undefined {
  // A Buffer's own slice would not copy.
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  if (width === 1) return aligned;
  if (width === 2) return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
  return width === 4 ? new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4) : undefined;
}

const bytesOf = (words: Words): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
