/** Real values of a quantized constant, as DequantizeLinear gives them: (q - zero point) * scale in float32. */
import type { QuantizedWeight } from "../quantize-tensor.ts";

export function dequantize({ values, scale, zeroPoint, axis, blockSize = 0 }: QuantizedWeight & { readonly blockSize?: number }): Float32Array {
  const codes = values.toFloat32();
  const scales = scale.toFloat32();
  const zeroPoints = zeroPoint.toFloat32();
  const out = new Float32Array(codes.length);
  const at = parameterIndex(values.dims, scale.dims, axis, blockSize);
  for (let i = 0; i < codes.length; i++) {
    const p = at(i);
    out[i] = (codes[i]! - zeroPoints[p]!) * scales[p]!;
  }
  return out;
}

/** Which scale belongs to an element. */
function parameterIndex(dims: readonly number[], paramDims: readonly number[], axis: number | undefined, blockSize: number): (index: number) => number {
  if (axis === undefined || paramDims.length === 0) return () => 0;
  const inner = dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  const length = dims[axis]!;
  if (blockSize === 0) return (i) => Math.floor(i / inner) % length;
  const blocks = paramDims[axis]!;
  return (i) => (Math.floor(i / (inner * length)) * blocks + Math.floor((Math.floor(i / inner) % length) / blockSize)) * inner + (i % inner);
}
