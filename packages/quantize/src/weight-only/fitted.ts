/** What a fit of one block gives, and rounding. */

export type Bits = 2 | 4 | 8;

/** Where a fit leaves its result; reused from block to block. */
export interface Fitted {
  readonly codes: Uint8Array;
  scale: number;
  /** An integer code, or for HQQ with real zero points any number. */
  zero: number;
  /** Not finite when a weight is not. */
  check: number;
  /** What the encoder multiplies with or divides by; a matter between the two halves of a fit. */
  factor: number;
}

/** Reads `out.codes.length` values of `x` from `from` on. */
export type BlockFit = (x: Float32Array, from: number, out: Fitted) => void;

export const newFitted = (size: number): Fitted => ({ codes: new Uint8Array(size), scale: 0, zero: 0, check: 0, factor: 0 });

/** Adding and taking away 1.5 * 2^52 rounds a double to an integer, ties to even. */
export const ROUND = 6755399441055744;

/** code = clip(round(x / scale + zero)), ties to even, in float64. */
export function encodeEven(x: Float32Array, from: number, codes: Uint8Array, scale: number, zero: number, top: number): void {
  for (let i = 0; i < codes.length; i++) {
    const q = x[from + i]! / scale + zero + ROUND - ROUND;
    codes[i] = q < 0 ? 0 : q > top ? top : q;
  }
}
