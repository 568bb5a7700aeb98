/**
 * Scale and zero point from a real range. The order of operations and the precision of each step are those of
 * ONNX Runtime's quantization tool, so that results are equal to the last bit.
 */
import { dtypes, roundHalfEven } from "@lathe/core";

export type IntegerType = "int8" | "uint8" | "int16" | "uint16" | "int4" | "uint4";
export type Float8Type = "float8e4m3fn" | "float8e5m2";
export type QuantType = IntegerType | Float8Type;

export const quantTypes = ["int8", "uint8", "int16", "uint16", "int4", "uint4", "float8e4m3fn", "float8e5m2"] as const satisfies readonly QuantType[];

export const isFloat8 = (dtype: QuantType): dtype is Float8Type => dtype.startsWith("float8");
export const isSigned = (dtype: QuantType): boolean => dtypes[dtype].kind !== "uint";

/** First version of ai.onnx whose QuantizeLinear and DequantizeLinear take the type. */
export const qdqOpset = (dtype: QuantType): number => (isFloat8(dtype) ? 19 : dtypes[dtype].bits === 8 ? 10 : 21);

interface IntegerRange {
  readonly full: readonly [number, number];
  readonly symmetric: readonly [number, number];
  readonly reduced: readonly [number, number];
}

/** Integer ranges by type. `reduced` leaves a bit free for CPUs whose int8 dot product saturates; it wins over `symmetric`. */
const ranges: Record<IntegerType, IntegerRange> = {
  uint8: { full: [0, 255], symmetric: [0, 255], reduced: [0, 127] },
  int8: { full: [-128, 127], symmetric: [-127, 127], reduced: [-64, 64] },
  uint16: { full: [0, 65535], symmetric: [0, 65535], reduced: [0, 32767] },
  int16: { full: [-32768, 32767], symmetric: [-32767, 32767], reduced: [-16384, 16384] },
  uint4: { full: [0, 15], symmetric: [0, 15], reduced: [0, 7] },
  int4: { full: [-8, 7], symmetric: [-8, 7], reduced: [-4, 3] },
};

export interface RangeOptions {
  readonly symmetric?: boolean;
  readonly reduceRange?: boolean;
}

/** [qmin, qmax] that the scale is computed for. Values are later clipped to the full range of the type. */
export function integerRange(dtype: QuantType, options: RangeOptions = {}): readonly [number, number] {
  if (isFloat8(dtype)) return [dtypes[dtype].min, dtypes[dtype].max];
  const row = ranges[dtype];
  return options.reduceRange ? row.reduced : options.symmetric ? row.symmetric : row.full;
}

/** [least, greatest] code of the type. */
export const fullRange = (dtype: QuantType): readonly [number, number] => integerRange(dtype);

export interface QuantParams {
  /** A float32 value. */
  readonly scale: number;
  readonly zeroPoint: number;
}

const f32 = Math.fround;
const SMALLEST_NORMAL = 2 ** -126;

/**
 * scale = (max - min) / (qmax - qmin), zero point = round(qmin - min / scale), with the range widened to hold 0 so that
 * zero (padding, ReLU) is exact. Differences are taken in float32, the quotient in float64; the zero point comes from the
 * float64 scale, before that is rounded to float32.
 * @param min, max float32 values.
 * @param minimumRealRange least width of the range (some accelerators refuse tiny scales).
 */
export function quantParams(min: number, max: number, qrange: readonly [number, number], symmetric = false, minimumRealRange?: number): QuantParams {
  let rmin = f32(Math.min(min, 0));
  let rmax = f32(Math.max(max, 0));
  if (minimumRealRange !== undefined) rmax = Math.max(rmax, f32(rmin + f32(minimumRealRange)));
  if (symmetric) {
    rmax = Math.max(Math.abs(rmin), Math.abs(rmax));
    rmin = -rmax;
  }
  const [qmin, qmax] = qrange;
  const scale = f32(rmax - rmin) / (qmax - qmin);
  if (scale < SMALLEST_NORMAL) return { scale: 1, zeroPoint: 0 };
  const zeroPoint = roundHalfEven(symmetric ? (qmin + qmax) / 2 : qmin - rmin / scale);
  return { scale: f32(scale), zeroPoint };
}

/**
 * uint8 parameters whose zero point is 0 (no negative values) or the middle of the range: what accelerators with one fixed
 * zero point want. The scale covers both halves without clipping. Computed in float64.
 */
export function restrictedAsymmetric(min: number, max: number, [qmin, qmax]: readonly [number, number] = [0, 255], minimumRealRange?: number): QuantParams {
  const middle = (qmin + qmax + 1) >> 1;
  const rmin = Math.min(min, 0);
  const rmax = Math.max(max, 0, minimumRealRange ? rmin + minimumRealRange : 0);
  const steps = qmax - qmin;
  const zeroPoint = rmin >= 0 ? qmin : middle;
  const tight = rmax <= rmin ? 1 / steps : rmin >= 0 ? rmax / steps : Math.max(-rmin / (middle - qmin), rmax / (qmax - middle));
  const scale = f32(tight);
  return { zeroPoint, scale: minimumRealRange && scale < minimumRealRange / steps ? f32(minimumRealRange / steps) : scale };
}
