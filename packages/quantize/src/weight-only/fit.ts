/** How one block of weights becomes codes, a scale and a zero point: w ~ (code - zero) * scale. */
import { encodeEven, ROUND, type Bits, type BlockFit } from "./fitted.ts";
import { hqqFit } from "./hqq.ts";
import { kQuantFit } from "./k-quant.ts";

export const blockAlgorithms = ["default", "rtn", "k-quant", "hqq"] as const;
export type BlockAlgorithm = (typeof blockAlgorithms)[number];

export interface FitOptions {
  readonly algorithm: BlockAlgorithm;
  readonly bits: Bits;
  readonly symmetric: boolean;
  /** HQQ's zero points as they are, not rounded to a code. */
  readonly realZeros?: boolean | undefined;
  /** Adds the zero point after rounding, as ONNX Runtime's quantizer for Q/DQ does: halves below zero then go down. Algorithm "default" only. */
  readonly signed?: boolean | undefined;
}

export function blockFit({ algorithm, bits, symmetric, realZeros = false, signed = false }: FitOptions): BlockFit {
  switch (algorithm) {
    case "default":
      return symmetric ? symmetricFit(bits, signed) : asymmetricFit(bits, signed);
    case "rtn":
      return symmetric ? rtnSymmetric(bits) : rtnAsymmetric(bits);
    case "k-quant":
      return kQuantFit(bits);
    case "hqq":
      return hqqFit(bits, realZeros);
  }
}

const f32 = Math.fround;

/**
 * ONNX Runtime's C++ quantizer, symmetric: the value of largest magnitude takes code 0, so that the scale may be negative and the
 * larger half of the codes is used. Products with the reciprocal in float32, rounded half away from zero.
 */
function symmetricFit(bits: Bits, signed: boolean): BlockFit {
  const middle = 2 ** (bits - 1);
  const top = 2 * middle - 1;
  return (x, from, out) => {
    const { codes } = out;
    const size = codes.length;
    let reach = 0;
    let extreme = 0;
    let check = 0;
    for (let i = 0; i < size; i++) {
      const v = x[from + i]!;
      const a = Math.abs(v);
      check += v - v;
      if (a > reach) {
        reach = a;
        extreme = v;
      }
    }
    const scale = f32(extreme / -middle);
    const inverse = scale === 0 ? 0 : f32(1 / scale);
    if (signed) encodeAway(x, from, codes, inverse, middle, top);
    else for (let i = 0; i < size; i++) {
      // Never below 0; the cast cuts the fraction off.
      const q = (f32(f32(x[from + i]! * inverse) + middle) + 0.5) | 0;
      codes[i] = q > top ? top : q;
    }
    out.scale = scale;
    out.zero = middle;
    out.check = check;
  };
}

/** The same, asymmetric: the range includes zero, which has a code of its own. */
function asymmetricFit(bits: Bits, signed: boolean): BlockFit {
  const top = 2 ** bits - 1;
  return (x, from, out) => {
    const { codes } = out;
    const size = codes.length;
    let min = 0;
    let max = 0;
    let check = 0;
    for (let i = 0; i < size; i++) {
      const v = x[from + i]!;
      check += v - v;
      if (v < min) min = v;
      if (v > max) max = v;
    }
    const scale = f32(f32(max - min) / top);
    const inverse = scale === 0 ? 0 : f32(1 / scale);
    const zero = scale === 0 ? 0 : Math.min(top, Math.floor(f32(-min / scale) + 0.5));
    if (signed) encodeAway(x, from, codes, inverse, zero, top);
    else for (let i = 0; i < size; i++) {
      const q = (f32(f32(x[from + i]! * inverse) + zero) + 0.5) | 0;
      codes[i] = q < 0 ? 0 : q > top ? top : q;
    }
    out.scale = scale;
    out.zero = zero;
    out.check = check;
  };
}

/** Round to nearest as in Intel's Neural Compressor: in float64, true division, ties to even; codes spread evenly around the middle. */
function rtnSymmetric(bits: Bits): BlockFit {
  const middle = 2 ** (bits - 1);
  const top = 2 * middle - 1;
  return (x, from, out) => {
    const { codes } = out;
    const size = codes.length;
    let reach = 0;
    let check = 0;
    for (let i = 0; i < size; i++) {
      const a = Math.abs(x[from + i]!);
      check += a - a;
      if (a > reach) reach = a;
    }
    const scale = reach > 0 ? f32(reach * 2) / top : 1;
    encodeEven(x, from, codes, scale, middle, top);
    out.scale = f32(scale);
    out.zero = middle;
    out.check = check;
  };
}

function rtnAsymmetric(bits: Bits): BlockFit {
  const top = 2 ** bits - 1;
  return (x, from, out) => {
    const { codes } = out;
    const size = codes.length;
    let min = Infinity;
    let max = -Infinity;
    let check = 0;
    for (let i = 0; i < size; i++) {
      const v = x[from + i]!;
      check += v - v;
      if (v < min) min = v;
      if (v > max) max = v;
    }
    const scale = min === max ? 1 : f32(max - min) / top;
    const zero = Math.max(0, Math.min(top, -min / scale + ROUND - ROUND));
    encodeEven(x, from, codes, scale, zero, top);
    out.scale = f32(scale);
    out.zero = zero;
    out.check = check;
  };
}

/** code = clip(round(x * inverse) + zero), halves away from zero. */
function encodeAway(x: Float32Array, from: number, codes: Uint8Array, inverse: number, zero: number, top: number): void {
  for (let i = 0; i < codes.length; i++) {
    const t = f32(x[from + i]! * inverse);
    const q = (t < 0 ? -Math.floor(0.5 - t) : Math.floor(t + 0.5)) + zero;
    codes[i] = q < 0 ? 0 : q > top ? top : q;
  }
}
