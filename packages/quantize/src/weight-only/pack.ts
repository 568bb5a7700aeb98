/**
 * Codes of one block written straight into packed bytes, low bits first: leaving out the array between saves a third of the time. One loop
 * for each rounding and width, since a shared one with the rounding as an argument is several times slower.
 */
import { ROUND, type Bits, type Fitted } from "./fitted.ts";

/** Takes `factor` and `zero` of the fit; writes `codes.length * bits / 8` bytes from `packed[at]` on and leaves `codes` alone. */
export type PackCodes = (x: Float32Array, from: number, fitted: Fitted, packed: Uint8Array, at: number) => void;

const f32 = Math.fround;

/** clip(round(x * inverse + zero)) in float32; halves go up, which is away from zero where the code is not clipped. */
const halfUp = (v: number, inverse: number, zero: number, top: number): number => Math.max(0, Math.min(top, (f32(f32(v * inverse) + zero) + 0.5) | 0));

export const packHalfUp: Readonly<Record<Bits, PackCodes>> = {
  8: (x, from, { codes, factor, zero }, packed, at) => {
    for (let i = from, end = from + codes.length; i < end; i++) packed[at++] = halfUp(x[i]!, factor, zero, 255);
  },
  4: (x, from, { codes, factor, zero }, packed, at) => {
    for (let i = from, end = from + codes.length; i < end; i += 2) packed[at++] = halfUp(x[i]!, factor, zero, 15) | (halfUp(x[i + 1]!, factor, zero, 15) << 4);
  },
  2: (x, from, { codes, factor, zero }, packed, at) => {
    for (let i = from, end = from + codes.length; i < end; i += 4) {
      const low = halfUp(x[i]!, factor, zero, 3) | (halfUp(x[i + 1]!, factor, zero, 3) << 2);
      packed[at++] = low | (halfUp(x[i + 2]!, factor, zero, 3) << 4) | (halfUp(x[i + 3]!, factor, zero, 3) << 6);
    }
  },
};

/** clip(round(x / scale + zero)) in float64, ties to even. */
const even = (v: number, scale: number, zero: number, top: number): number => Math.max(0, Math.min(top, (v / scale + zero + ROUND - ROUND) | 0));

export const packEven: Readonly<Record<Bits, PackCodes>> = {
  8: (x, from, { codes, factor, zero }, packed, at) => {
    for (let i = from, end = from + codes.length; i < end; i++) packed[at++] = even(x[i]!, factor, zero, 255);
  },
  4: (x, from, { codes, factor, zero }, packed, at) => {
    for (let i = from, end = from + codes.length; i < end; i += 2) packed[at++] = even(x[i]!, factor, zero, 15) | (even(x[i + 1]!, factor, zero, 15) << 4);
  },
  2: (x, from, { codes, factor, zero }, packed, at) => {
    for (let i = from, end = from + codes.length; i < end; i += 4) {
      const low = even(x[i]!, factor, zero, 3) | (even(x[i + 1]!, factor, zero, 3) << 2);
      packed[at++] = low | (even(x[i + 2]!, factor, zero, 3) << 4) | (even(x[i + 3]!, factor, zero, 3) << 6);
    }
  },
};
