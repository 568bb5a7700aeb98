/**
 * Exact conversions between JavaScript numbers and the small floating-point formats of ONNX:
 * round half to even, gradual underflow, NaN, infinities or saturation as each format defines them.
 * Sources: IEEE 754-2019 (binary16), Micikevicius et al. 2022 "FP8 formats for deep learning",
 * ONNX "Float stored in 8 bits" (fnuz variants), OCP Microscaling Formats 1.0 (e2m1, e8m0).
 */
import { defineErrors } from "./errors.ts";

export type SmallFloat =
  | "float16" | "bfloat16"
  | "float8e4m3fn" | "float8e4m3fnuz" | "float8e5m2" | "float8e5m2fnuz"
  | "float4e2m1" | "float8e8m0";

interface Format {
  readonly exponent: number;
  readonly mantissa: number;
  readonly bias: number;
  /** Code of the largest finite magnitude. */
  readonly maxCode: number;
  /** Code of +infinity, or null when the format has none (then an overflow saturates, or gives NaN). */
  readonly inf: number | null;
  /** Code of the canonical NaN, or null when the format has none. */
  readonly nan: number | null;
  /** fnuz formats have one zero; the code of -0 is NaN. */
  readonly unsignedZero?: true;
}

const formats: Record<Exclude<SmallFloat, "float8e8m0">, Format> = {
  float16: { exponent: 5, mantissa: 10, bias: 15, maxCode: 0x7bff, inf: 0x7c00, nan: 0x7e00 },
  bfloat16: { exponent: 8, mantissa: 7, bias: 127, maxCode: 0x7f7f, inf: 0x7f80, nan: 0x7fc0 },
  float8e4m3fn: { exponent: 4, mantissa: 3, bias: 7, maxCode: 0x7e, inf: null, nan: 0x7f },
  float8e4m3fnuz: { exponent: 4, mantissa: 3, bias: 8, maxCode: 0x7f, inf: null, nan: 0x80, unsignedZero: true },
  float8e5m2: { exponent: 5, mantissa: 2, bias: 15, maxCode: 0x7b, inf: 0x7c, nan: 0x7e },
  float8e5m2fnuz: { exponent: 5, mantissa: 2, bias: 16, maxCode: 0x7f, inf: null, nan: 0x80, unsignedZero: true },
  float4e2m1: { exponent: 2, mantissa: 1, bias: 1, maxCode: 0x7, inf: null, nan: null },
};

export const smallFloatErrors = defineErrors({
  NAN_NOT_REPRESENTABLE: {
    text: (d: { dtype: string }) => `NaN has no code in ${d.dtype}.`,
    remedy: "Replace the NaN values first, or choose a format that has NaN.",
  },
});

/** Nearest integer, ties to the even one (IEEE 754 roundTiesToEven). */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

const scratch = new DataView(new ArrayBuffer(8));

/** floor(log2(a)) of a positive finite double, exactly; subnormal doubles give -1023. */
function binaryExponent(a: number): number {
  scratch.setFloat64(0, a);
  return ((scratch.getUint16(0) >>> 4) & 0x7ff) - 1023;
}

/**
 * Code of the nearest representable value.
 * @param saturate for the float8 and float4 formats: clamp an overflow to the largest finite value (ONNX Cast's default)
 *   instead of infinity or NaN. float16 and bfloat16 always overflow to infinity.
 * @throws NAN_NOT_REPRESENTABLE for NaN in float4e2m1.
 */
export function encodeSmallFloat(x: number, dtype: SmallFloat, saturate = true): number {
  if (dtype === "float8e8m0") return encodeE8M0(x);
  const f = formats[dtype];
  const signBit = 1 << (f.exponent + f.mantissa);
  if (Number.isNaN(x)) {
    if (f.nan === null) throw smallFloatErrors.NAN_NOT_REPRESENTABLE({ dtype });
    return f.nan;
  }
  const sign = x < 0 || Object.is(x, -0) ? signBit : 0;
  const a = Math.abs(x);
  const code = a === Infinity ? f.maxCode + 1 : magnitudeCode(a, f);
  if (code > f.maxCode) return overflowCode(f, sign, dtype, saturate);
  if (code === 0 && f.unsignedZero) return 0;
  return sign | code;
}

function magnitudeCode(a: number, f: Format): number {
  if (a === 0) return 0;
  const minExponent = 1 - f.bias;
  const e = Math.max(binaryExponent(a), minExponent);
  const units = roundHalfEven(a / 2 ** (e - f.mantissa));
  const one = 2 ** f.mantissa;
  // Adding the units to the exponent field lets a carry (units = 2 * one) move into the next exponent by itself.
  return (e - minExponent) * one + units;
}

function overflowCode(f: Format, sign: number, dtype: SmallFloat, saturate: boolean): number {
  const wide = dtype === "float16" || dtype === "bfloat16";
  if (!wide && (saturate || f.nan === null)) return sign | f.maxCode;
  if (f.inf !== null) return sign | f.inf;
  return f.unsignedZero ? 0x80 : sign | 0x7f;
}

/** e8m0 holds powers of two from 2^-127 to 2^127; ONNX Cast rounds up by default and saturates. 0xff is NaN. */
function encodeE8M0(x: number): number {
  if (Number.isNaN(x) || x < 0) return 0xff;
  if (x <= 2 ** -127) return 0;
  const e = binaryExponent(Math.min(x, 2 ** 127));
  return Math.min(254, (2 ** e < x ? e + 1 : e) + 127);
}

/** The exact value of a code. */
export function decodeSmallFloat(code: number, dtype: SmallFloat): number {
  if (dtype === "float8e8m0") return code === 0xff ? NaN : 2 ** (code - 127);
  const f = formats[dtype];
  const signBit = 1 << (f.exponent + f.mantissa);
  const magnitude = code & (signBit - 1);
  const negative = (code & signBit) !== 0;
  if (f.unsignedZero && code === 0x80) return NaN;
  if (magnitude > f.maxCode) return f.inf !== null && magnitude === f.inf ? (negative ? -Infinity : Infinity) : NaN;
  const one = 2 ** f.mantissa;
  const field = Math.floor(magnitude / one);
  const fraction = magnitude % one;
  const a = field === 0 ? fraction * 2 ** (1 - f.bias - f.mantissa) : (one + fraction) * 2 ** (field - f.bias - f.mantissa);
  return negative ? -a : a;
}

const decodeTables = new Map<SmallFloat, Float32Array>();

/** All values of a format by code; every small float is exact in float32. Built once per format. */
export function decodeTable(dtype: SmallFloat): Float32Array {
  let made = decodeTables.get(dtype);
  if (!made) {
    const size = dtype === "float16" || dtype === "bfloat16" ? 65536 : dtype === "float4e2m1" ? 16 : 256;
    made = Float32Array.from({ length: size }, (_, code) => decodeSmallFloat(code, dtype));
    decodeTables.set(dtype, made);
  }
  return made;
}

/** float32 bit pattern to float16 code, round half to even; the hot path of large conversions. */
export function float16FromBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const a = bits & 0x7fffffff;
  if (a >= 0x47800000) return a > 0x7f800000 ? sign | 0x7e00 : sign | 0x7c00;
  if (a >= 0x38800000) {
    const rebased = a - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  if (a < 0x33000000) return sign;
  const shift = 126 - (a >>> 23);
  const mantissa = (a & 0x7fffff) | 0x800000;
  const floor = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (floor + (rest > half || (rest === half && (floor & 1) === 1) ? 1 : 0));
}

/** float32 bit pattern to bfloat16 code, round half to even. */
export function bfloat16FromBits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) & 0x8000) | 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
