/**
 * Blocked weights of opset 21: along one axis of a matrix, every `blockSize` elements have their own scale and zero point.
 * The parameters keep the weight's rank. Bit-equal to ONNX Runtime's tool, which takes the zero point from the float32 scale here.
 */
import { Tensor, encodeNumbers, roundHalfEven } from "@lathe/core";
import { quantizeErrors } from "./errors.ts";
import { fullRange, integerRange, type QuantType } from "./params.ts";
import type { QuantizedWeight } from "./quantize-tensor.ts";

const f32 = Math.fround;
const SMALLEST_NORMAL = 2 ** -126;

export interface BlockOptions {
  readonly dtype: QuantType;
  readonly axis: 0 | 1;
  readonly blockSize: number;
  readonly symmetric: boolean;
}

/**
 * Quantizes a matrix in blocks along `axis`; the last block may be shorter.
 * @throws QUANT_WEIGHT_NOT_FINITE
 */
export function quantizeBlocked(weight: Tensor, options: BlockOptions, name = "weight"): QuantizedWeight & { readonly blockSize: number } {
  const { dtype, axis, blockSize, symmetric } = options;
  const [rows, columns] = [weight.dims[0]!, weight.dims[1]!];
  const data = weight.toFloat32();
  const blocks = Math.ceil(weight.dims[axis]! / blockSize);
  const paramDims = axis === 0 ? [blocks, columns] : [rows, blocks];
  const scales = new Float32Array(paramDims[0]! * paramDims[1]!);
  const zeroPoints = new Int32Array(scales.length);
  const codes = new Int32Array(data.length);
  const lines = axis === 0 ? columns : rows;
  const step = axis === 0 ? columns : 1;
  const length = weight.dims[axis]!;
  for (let line = 0; line < lines; line++) {
    const start = axis === 0 ? line : line * columns;
    for (let block = 0; block < blocks; block++) {
      const from = block * blockSize;
      const to = Math.min(from + blockSize, length);
      const { min, max } = span(data, start, step, from, to, name);
      const { scale, zeroPoint } = blockParams(min, max, dtype, symmetric);
      const at = axis === 0 ? block * columns + line : line * blocks + block;
      scales[at] = scale;
      zeroPoints[at] = zeroPoint;
      encode(data, codes, start, step, from, to, scale, zeroPoint, fullRange(dtype));
    }
  }
  return {
    values: Tensor.fromBytes(dtype, weight.dims, encodeNumbers(codes, dtype)),
    scale: Tensor.from("float32", paramDims, scales),
    zeroPoint: Tensor.fromBytes(dtype, paramDims, encodeNumbers(zeroPoints, dtype)),
    axis,
    blockSize,
  };
}

function span(data: Float32Array, start: number, step: number, from: number, to: number, tensor: string): { min: number; max: number } {
  let min = 0;
  let max = 0;
  for (let k = from; k < to; k++) {
    const x = data[start + k * step]!;
    if (x < min) min = x;
    if (x > max) max = x;
    if (x - x !== 0) throw quantizeErrors.QUANT_WEIGHT_NOT_FINITE({ tensor });
  }
  return { min, max };
}

function blockParams(min: number, max: number, dtype: QuantType, symmetric: boolean): { scale: number; zeroPoint: number } {
  const [qmin, qmax] = integerRange(dtype, { symmetric });
  const bound = Math.max(-min, max);
  const [low, high] = symmetric ? [-bound, bound] : [min, max];
  const scale = f32(f32(high - low) / (qmax - qmin));
  const degenerate = scale < SMALLEST_NORMAL;
  if (symmetric) return { scale: degenerate ? 1 : scale, zeroPoint: roundHalfEven((qmin + qmax) / 2) };
  if (degenerate) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.min(qmax, Math.max(qmin, roundHalfEven(qmin - low / scale))) };
}

function encode(
  data: Float32Array, codes: Int32Array, start: number, step: number, from: number, to: number,
  scale: number, zeroPoint: number, [low, high]: readonly [number, number],
): void {
  for (let k = from; k < to; k++) {
    const at = start + k * step;
    codes[at] = Math.min(high, Math.max(low, roundHalfEven(f32(data[at]! / scale)) + zeroPoint));
  }
}
