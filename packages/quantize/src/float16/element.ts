/** float32 tensors in 16 bits. What is finite stays finite, and what is not zero stays so. */
import { bfloat16FromBits, bytesOf, dtypes, float16FromBits, Tensor, type TensorStorage } from "@lathe/core";
import { floatPieces } from "../weight-only/blocks.ts";

export type HalfType = "float16" | "bfloat16";

export interface Clamped {
  /** Finite values beyond the range, stored as the largest. */
  large: number;
  /** Values that would round to zero, stored as the smallest. */
  small: number;
}

/** Values read and encoded at a time. */
const PIECE = 1 << 18;

const infinity: Readonly<Record<HalfType, number>> = { float16: 0x7c00, bfloat16: 0x7f80 };

/** Codes of the values: round to nearest, ties to even, then clamped by the rule above. Signs, infinities and NaN are kept. */
export function encodeHalf(values: Float32Array, dtype: HalfType, clamped: Clamped): Uint16Array {
  const out = new Uint16Array(values.length);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const encode = dtype === "float16" ? float16FromBits : bfloat16FromBits;
  const top = infinity[dtype];
  for (let i = 0; i < out.length; i++) {
    const code = encode(bits[i]!);
    const magnitude = code & 0x7fff;
    out[i] = code;
    if (magnitude === 0 && (bits[i]! & 0x7fffffff) !== 0) {
      out[i] = code | 1;
      clamped.small++;
    } else if (magnitude === top && (bits[i]! & 0x7fffffff) < 0x7f800000) {
      out[i] = code - 1;
      clamped.large++;
    }
  }
  return out;
}

/** Weights in files that are larger are not read only to look for wide values. */
const READ_AT_MOST = 1 << 24;

/** True when a finite value lies beyond the range of the type. Large weights that lie in a file are taken to be in range. */
export function exceeds(tensor: Tensor, dtype: HalfType): boolean {
  if (tensor.storage.kind === "file" && tensor.byteLength > READ_AT_MOST) return false;
  const { max } = dtypes[dtype];
  for (const piece of floatPieces(tensor, PIECE)) for (const v of piece) if ((v > max || v < -max) && v - v === 0) return true;
  return false;
}

/** A float32 tensor in 16 bits: now when it is in memory; when it lies in a file, piece by piece while it is written. */
export function toHalf(tensor: Tensor, dtype: HalfType, clamped: Clamped): Tensor {
  if (tensor.storage.kind !== "file") return Tensor.fromBytes(dtype, tensor.dims, bytesOf(encodeHalf(tensor.toFloat32(), dtype, clamped)));
  function* chunks(): Generator<Uint8Array, void, undefined> {
    for (const piece of floatPieces(tensor, PIECE)) yield bytesOf(encodeHalf(piece, dtype, clamped));
  }
  const storage: TensorStorage & { chunks(size: number): Iterable<Uint8Array> } = {
    kind: "lazy",
    byteLength: tensor.size * 2,
    chunks,
    bytes() {
      const whole = new Uint8Array(tensor.size * 2);
      let at = 0;
      for (const piece of chunks()) {
        whole.set(piece, at);
        at += piece.byteLength;
      }
      return whole;
    },
  };
  return new Tensor(dtype, tensor.dims, storage);
}
