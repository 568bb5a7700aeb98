/** How one block of weights becomes codes, a scale and a zero point: w ~ (code - zero) * scale. */
import { encodeEven, ROUND, type Bits, type BlockFit, type Fitted } from "./fitted.ts";
import { hqqFit } from "./hqq.ts";
import { kQuantFit } from "./k-quant.ts";
import { packEven, packHalfUp, type PackCodes } from "./pack.ts";

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
  if (algorithm === "k-quant") return kQuantFit(bits);
  if (algorithm === "hqq") return hqqFit(bits, realZeros);
  const measure = measures[algorithm](bits, symmetric);
  const top = 2 ** bits - 1;
  const encode = algorithm === "rtn" ? encodeEven : signed ? encodeAway : encodeHalfUp;
  return (x, from, out) => {
    measure(x, from, out);
    encode(x, from, out.codes, out.factor, out.zero, top);
  };
}

/** The same with codes written straight into bytes; undefined where there is no such form. Leaves `out.codes` alone. */
export function packingFit({ algorithm, bits, symmetric, signed = false }: FitOptions): PackCodes | undefined {
  if (signed || (algorithm !== "default" && algorithm !== "rtn")) return undefined;
  const measure = measures[algorithm](bits, symmetric);
  const pack = (algorithm === "rtn" ? packEven : packHalfUp)[bits];
  return (x, from, out, packed, at) => {
    measure(x, from, out);
    pack(x, from, out, packed, at);
  };
}

const f32 = Math.fround;

/** Finds scale, zero point and the factor that the encoder takes. Math.max hands on NaN, so that extremes tell of every value that is not finite. */
type Measure = (x: Float32Array, from: number, out: Fitted) => void;

const measures: Readonly<Record<"default" | "rtn", (bits: Bits, symmetric: boolean) => Measure>> = {
  /** ONNX Runtime's C++ quantizer: float32 throughout, products with the reciprocal of the scale. */
  default: (bits, symmetric) => (symmetric ? signedExtreme(2 ** (bits - 1)) : rangeWithZero(2 ** bits - 1)),
  /** Intel's Neural Compressor: float64 and true division. */
  rtn: (bits, symmetric) => (symmetric ? evenSpread(2 ** (bits - 1)) : plainRange(2 ** bits - 1)),
};

/** The value of largest magnitude takes code 0, so that the scale may be negative and the larger half of the codes is used. */
const signedExtreme = (middle: number): Measure => (x, from, out) => {
  const end = from + out.codes.length;
  let low = x[from]!;
  let high = low;
  for (let i = from + 1; i < end; i++) {
    const v = x[i]!;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  const extreme = high === -low ? firstOf(x, from, high, low) : high > -low ? high : low;
  const scale = f32(extreme / -middle);
  out.scale = scale;
  out.zero = middle;
  out.factor = scale === 0 ? 0 : f32(1 / scale);
  out.check = low - low + (high - high);
};

/** Whichever of two values of equal size stands first; zero has no sign. */
function firstOf(x: Float32Array, from: number, a: number, b: number): number {
  for (let i = from; ; i++) if (x[i] === a || x[i] === b) return x[i]! + 0;
}

/** The range includes zero, which has a code of its own. */
const rangeWithZero = (top: number): Measure => (x, from, out) => {
  const end = from + out.codes.length;
  let min = 0;
  let max = 0;
  for (let i = from; i < end; i++) {
    const v = x[i]!;
    min = Math.min(min, v);
    max = Math.max(max, v);
  }
  const scale = f32(f32(max - min) / top);
  out.scale = scale;
  out.zero = scale === 0 ? 0 : Math.min(top, Math.floor(f32(-min / scale) + 0.5));
  out.factor = scale === 0 ? 0 : f32(1 / scale);
  out.check = min - min + (max - max);
};

/** Codes spread evenly around the middle. */
const evenSpread = (middle: number): Measure => (x, from, out) => {
  const end = from + out.codes.length;
  let reach = 0;
  for (let i = from; i < end; i++) reach = Math.max(reach, Math.abs(x[i]!));
  out.factor = reach > 0 ? f32(reach * 2) / (2 * middle - 1) : 1;
  out.scale = f32(out.factor);
  out.zero = middle;
  out.check = reach - reach;
};

/** From the least value to the greatest, whether zero is among them or not. */
const plainRange = (top: number): Measure => (x, from, out) => {
  const end = from + out.codes.length;
  let min = x[from]!;
  let max = min;
  for (let i = from + 1; i < end; i++) {
    const v = x[i]!;
    min = Math.min(min, v);
    max = Math.max(max, v);
  }
  out.factor = min === max ? 1 : f32(max - min) / top;
  out.scale = f32(out.factor);
  out.zero = Math.max(0, Math.min(top, -min / out.factor + ROUND - ROUND));
  out.check = min - min + (max - max);
};

/** code = clip(round(x * inverse + zero)) in float32; halves go up, which is away from zero where the code is not clipped. */
function encodeHalfUp(x: Float32Array, from: number, codes: Uint8Array, inverse: number, zero: number, top: number): void {
  for (let i = 0; i < codes.length; i++) codes[i] = Math.max(0, Math.min(top, (f32(f32(x[from + i]! * inverse) + zero) + 0.5) | 0));
}

/** code = clip(round(x * inverse) + zero), halves away from zero. */
function encodeAway(x: Float32Array, from: number, codes: Uint8Array, inverse: number, zero: number, top: number): void {
  for (let i = 0; i < codes.length; i++) {
    const t = f32(x[from + i]! * inverse);
    const q = (t < 0 ? -Math.floor(0.5 - t) : Math.floor(t + 0.5)) + zero;
    codes[i] = q < 0 ? 0 : q > top ? top : q;
  }
}
