/** Quantizes constant tensors: weights per tensor or per channel, and biases. Bit-equal to ONNX Runtime's tool. */
import { Tensor, encodeNumbers } from "@lathe/core";
import { quantizeErrors } from "./errors.ts";
import { tensorCodes, tensorExtremes, type ChannelView } from "./kernel/tensors.ts";
import { fullRange, integerRange, isFloat8, quantParams, type QuantParams, type QuantType, type RangeOptions } from "./params.ts";

export interface QuantizedWeight {
  readonly values: Tensor;
  /** float32, scalar or [channels]. */
  readonly scale: Tensor;
  /** Of the quantized type, same shape as the scale. */
  readonly zeroPoint: Tensor;
  readonly axis: number | undefined;
}

// Adding and taking away 1.5 * 2^52 rounds a double to an integer, ties to even, for |x| < 2^51.
const ROUND = 6755399441055744;
const f32 = Math.fround;

function channelView(dims: readonly number[], axis: number): ChannelView {
  const product = (from: number, to: number): number => dims.slice(from, to).reduce((p, d) => p * d, 1);
  return { outer: product(0, axis), channels: dims[axis]!, inner: product(axis + 1, dims.length) };
}

/** Axis counted from the front. @throws QUANT_AXIS */
export function normalizeAxis(axis: number, rank: number, tensor: string): number {
  const at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) throw quantizeErrors.QUANT_AXIS({ tensor, axis, rank });
  return at;
}

/** @throws QUANT_WEIGHT_NOT_FINITE */
function rangesOf(weight: Tensor, view: ChannelView, tensor: string): { min: Float32Array; max: Float32Array } {
  const found = tensorExtremes(weight, view);
  if (!found) return channelRanges(weight.toFloat32(), view, tensor);
  if (!found.finite) throw quantizeErrors.QUANT_WEIGHT_NOT_FINITE({ tensor });
  return found;
}

/** Least and greatest value of each channel, by plain loops. @throws QUANT_WEIGHT_NOT_FINITE */
function channelRanges(data: Float32Array, view: ChannelView, tensor: string): { min: Float32Array; max: Float32Array } {
  const min = new Float32Array(view.channels).fill(data.length === 0 ? 0 : Infinity);
  const max = new Float32Array(view.channels).fill(data.length === 0 ? 0 : -Infinity);
  let at = 0;
  for (let o = 0; o < view.outer; o++) {
    for (let c = 0; c < view.channels; c++) {
      let low = min[c]!;
      let high = max[c]!;
      for (const end = at + view.inner; at < end; at++) {
        const x = data[at]!;
        if (x < low) low = x;
        if (x > high) high = x;
        if (x - x !== 0) throw quantizeErrors.QUANT_WEIGHT_NOT_FINITE({ tensor });
      }
      min[c] = low;
      max[c] = high;
    }
  }
  return { min, max };
}

export interface WeightOptions extends RangeOptions {
  readonly dtype: QuantType;
  /** Per-channel axis; undefined: one scale for the whole tensor. */
  readonly axis?: number | undefined;
  readonly minimumRealRange?: number | undefined;
}

/** Scale and zero point of each channel (one entry when per tensor). */
export function weightParams(weight: Tensor, options: WeightOptions, name = "weight"): QuantParams[] {
  const view = viewOf(weight, options.axis);
  const { min, max } = rangesOf(weight, view, name);
  const qrange = integerRange(options.dtype, options);
  const symmetric = options.symmetric || isFloat8(options.dtype);
  const params = Array.from(min, (low, c) => quantParams(low, max[c]!, qrange, symmetric, options.minimumRealRange));
  if (options.axis === undefined || !symmetric) return params;
  // An all-zero channel gets zero point 0 beside its neighbours' midpoint; QLinearConv wants a common one (differs from the Python tool for uint8).
  const zeroPoint = params.find((p) => p.zeroPoint !== 0)?.zeroPoint ?? 0;
  return params.map((p) => ({ ...p, zeroPoint }));
}

const viewOf = (weight: Tensor, axis: number | undefined): ChannelView =>
  axis === undefined ? { outer: 1, channels: 1, inner: weight.size } : channelView(weight.dims, axis);

/** q = clip(round(w / scale) + zero point), in float32, ties to even. */
export function quantizeWeight(weight: Tensor, params: readonly QuantParams[], dtype: QuantType, axis?: number): QuantizedWeight {
  const view = viewOf(weight, axis);
  const values = isFloat8(dtype) ? scaleToFloat8(weight.toFloat32(), view, params, dtype, weight.dims) : codesOf(weight, view, params, dtype);
  return { values, ...paramTensors(params, dtype, axis), axis };
}

function codesOf(weight: Tensor, view: ChannelView, params: readonly QuantParams[], dtype: QuantType): Tensor {
  const eight = dtype === "int8" || dtype === "uint8";
  const bytes = eight ? tensorCodes(weight, view, params.map((p) => p.scale), params.map((p) => p.zeroPoint), dtype === "int8") : undefined;
  return bytes ? Tensor.fromBytes(dtype, weight.dims, bytes) : toCodes(weight.toFloat32(), view, params, dtype, weight.dims);
}

function toCodes(data: Float32Array, view: ChannelView, params: readonly QuantParams[], dtype: QuantType, dims: readonly number[]): Tensor {
  const [low, high] = fullRange(dtype);
  const out = dtype === "uint8" ? new Uint8Array(data.length) : dtype === "int8" ? new Int8Array(data.length) : new Int32Array(data.length);
  let at = 0;
  for (let o = 0; o < view.outer; o++) {
    for (let c = 0; c < view.channels; c++) {
      const { scale, zeroPoint } = params[c]!;
      for (const end = at + view.inner; at < end; at++) {
        const q = f32(data[at]! / scale) + ROUND - ROUND + zeroPoint;
        out[at] = q < low ? low : q > high ? high : q;
      }
    }
  }
  return out instanceof Int32Array ? Tensor.fromBytes(dtype, dims, encodeNumbers(out, dtype)) : Tensor.from(dtype, dims, out);
}

/** float8: value / scale, rounded to the nearest float8, saturating. */
function scaleToFloat8(data: Float32Array, view: ChannelView, params: readonly QuantParams[], dtype: QuantType, dims: readonly number[]): Tensor {
  const scaled = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) scaled[i] = data[i]! / params[Math.floor(i / view.inner) % view.channels]!.scale;
  return Tensor.fromBytes(dtype, dims, encodeNumbers(scaled, dtype));
}

/** Scale and zero point as tensors: scalars per tensor, vectors per channel. */
export function paramTensors(params: readonly QuantParams[], dtype: QuantType, axis?: number): { scale: Tensor; zeroPoint: Tensor } {
  const dims = axis === undefined ? [] : [params.length];
  return {
    scale: Tensor.from("float32", dims, Float32Array.from(params, (p) => p.scale)),
    zeroPoint: Tensor.fromBytes(dtype, dims, encodeNumbers(params.map((p) => p.zeroPoint), dtype)),
  };
}

const INT32_MIN = -2147483648;
const INT32_MAX = 2147483647;

/**
 * Bias of a quantized Conv/Gemm: int32 with scale = input scale * weight scale * beta and zero point 0
 * (products in float32, the quotient in float64).
 */
export function quantizeBias(bias: Tensor, inputScale: number, weightScales: ArrayLike<number>, beta = 1): { values: Tensor; scale: Tensor; zeroPoint: Tensor } {
  const scales = Float32Array.from(weightScales, (s) => f32(f32(inputScale * s) * f32(beta)));
  const data = bias.toFloat32();
  const out = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const q = data[i]! / scales[scales.length === 1 ? 0 : i]! + ROUND - ROUND;
    out[i] = q < INT32_MIN ? INT32_MIN : q > INT32_MAX ? INT32_MAX : q;
  }
  return {
    values: Tensor.from("int32", bias.dims, out),
    scale: Tensor.from("float32", [scales.length], scales),
    zeroPoint: Tensor.from("int32", scales.length === 1 ? [] : [scales.length], new Int32Array(scales.length)),
  };
}

/**
 * Widens symmetric weight scales where the bias would overflow int32, so that the bias keeps its value.
 * Returns the same list when nothing changes.
 */
export function adjustForBias(bias: Tensor, inputScale: number, weights: readonly QuantParams[]): readonly QuantParams[] {
  const data = bias.toFloat32();
  let absMax = 0;
  for (const b of data) absMax = Math.max(absMax, Math.abs(b));
  const steps = INT32_MAX - (INT32_MIN + 1);
  let changed = false;
  const adjusted = weights.map((p, c) => {
    // The reference tool takes this product in float64 per tensor but in float32 per channel.
    const widened = weights.length === 1 ? 1.0001 * (2 * absMax) : f32(f32(1.0001) * f32(2 * Math.abs(data[c]!)));
    const smallest = widened / steps;
    const candidate = inputScale * p.scale;
    if (!(candidate < smallest && candidate > 0)) return p;
    changed = true;
    return { ...p, scale: f32(p.scale * (smallest / candidate)) };
  });
  return changed ? adjusted : weights;
}
