/**
 * Half-quadratic quantization (Badri and Shaji 2023): the zero point is moved so that the error is small in the l_0.7 norm, which
 * forgives outliers. Alternates a shrinkage of the error with the mean that solves for the zero point; needs no data.
 */
import { tablePower } from "../kernel/tables.ts";
import { ROUND, type Bits, type BlockFit } from "./fitted.ts";

const NORM = 0.7;
const BETA = 10;
const KAPPA = 1.01;
const ITERATIONS = 20;
const LARGEST = 2e4;
/** Keeps powers of zero finite. */
const TINY = 1e-8;
/** Made for the first weight. */
let powerOf: ((x: number) => number) | undefined;

export function hqqFit(bits: Bits, realZeros: boolean): BlockFit {
  const top = 2 ** bits - 1;
  const clip = (q: number): number => (q < 0 ? 0 : q > top ? top : q);
  const encode = (v: number, inverse: number, zero: number): number => clip(v * inverse + zero + ROUND - ROUND);
  const power = (powerOf ??= tablePower(NORM - 1));
  /** Sum of |error|^NORM, as |error| * |error|^(NORM - 1). */
  const error = (x: Float32Array, from: number, size: number, inverse: number, scale: number, zero: number): number => {
    let sum = 0;
    for (let i = from; i < from + size; i++) {
      const v = x[i]!;
      const a = Math.abs(v - (encode(v, inverse, zero) - zero) * scale);
      sum += a * power(a + TINY);
    }
    return sum;
  };

  return (x, from, out) => {
    const size = out.codes.length;
    let min = Infinity;
    let max = -Infinity;
    let check = 0;
    for (let i = 0; i < size; i++) {
      const v = x[from + i]!;
      check += v - v;
      if (v < min) min = v;
      if (v > max) max = v;
    }
    out.check = check;
    const inverse = Math.min(LARGEST, max > min ? top / (max - min) : 1);
    const settle = realZeros ? (z: number): number => z : (z: number): number => clip(Math.round(z));
    let zero = settle(Math.round(-min * inverse));
    const scale = 1 / inverse;
    let least = error(x, from, size, inverse, scale, zero);
    let z = -min * inverse;
    let beta = BETA;
    let before = Infinity;
    for (let step = 0; step < ITERATIONS; step++) {
      let sum = 0;
      let off = 0;
      const share = 1 / beta;
      for (let i = from; i < from + size; i++) {
        const v = x[i]!;
        const code = encode(v, inverse, z);
        const rest = v - (code - z) * scale;
        const a = Math.abs(rest);
        const left = Math.max(0, a - power(a + TINY) * share);
        const shrunk = rest < 0 ? -left : left;
        off += a;
        sum += code - (v - shrunk) * inverse;
      }
      // As the paper's code does: no better than the step before is the end.
      if (off >= before) break;
      before = off;
      z = sum / size;
      beta *= KAPPA;
      const candidate = settle(z);
      if (candidate === zero) continue;
      const found = error(x, from, size, inverse, scale, candidate);
      if (found >= least) continue;
      least = found;
      zero = candidate;
    }
    for (let i = 0; i < size; i++) out.codes[i] = encode(x[from + i]!, inverse, zero);
    out.scale = Math.fround(scale);
    out.zero = zero;
  };
}
