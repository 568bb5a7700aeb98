/**
 * QuantizeLinear and DequantizeLinear, exact for float32: y = saturate(rint(x / scale) + zero_point), rounding half to even, and
 * y = (x - zero_point) * scale. Per tensor, per axis or blocked (one scale for `block_size` neighbours on the axis).
 */
import { dtypeFromId, dtypes, type DType } from "../../dtype.ts";
import type { Node } from "../../ir/node.ts";
import { roundHalfEven } from "../../small-float.ts";
import { elementCount, Tensor } from "../../tensor.ts";
import { axisIn } from "../rules/axes.ts";
import type { Evaluate } from "./elementwise.ts";
import { MAX_ELEMENTS } from "./strided.ts";

/** Position of the scale of each element of a tensor of shape `dims`. */
function scalePosition(node: Node, dims: readonly number[], scale: Tensor): ((index: number) => number) | undefined {
  if (scale.size === 1) return () => 0;
  const axis = axisIn(node.int("axis", 1), dims.length);
  if (axis === undefined) return undefined;
  const block = node.int("block_size", 0);
  const inner = elementCount(dims.slice(axis + 1));
  const length = dims[axis]!;
  if (scale.dims.length === 1) return scale.size === length ? (i) => Math.floor(i / inner) % length : undefined;
  const blocks = scale.dims[axis]!;
  if (block <= 0 || scale.dims.length !== dims.length || blocks !== Math.ceil(length / block) || scale.dims.some((d, i) => i !== axis && d !== dims[i])) return undefined;
  return (i) => (Math.floor(i / (inner * length)) * blocks + Math.floor((Math.floor(i / inner) % length) / block)) * inner + (i % inner);
}

export const quantizeLinear: Evaluate = (node, [x, scale, zero]) => {
  const named = dtypeFromId(node.int("output_dtype", 0));
  const dtype: DType = zero?.dtype ?? named ?? "uint8";
  const info = dtypes[dtype];
  const plain = x?.dtype === "float32" || x?.dtype === "int32";
  if (!x || !scale || !plain || scale.dtype !== "float32" || node.int("precision", 0) > 1 || x.size > MAX_ELEMENTS) return undefined;
  if (zero && zero.size !== scale.size) return undefined;
  const at = scalePosition(node, x.dims, scale);
  if (!at || (info.kind !== "int" && info.kind !== "uint")) return undefined;
  const [values, scales, zeros] = [x.toFloat32(), scale.toFloat32(), zero?.toFloat64()];
  if (values.some(Number.isNaN)) return undefined;
  const out = Array.from(values, (v, i) => {
    const s = at(i);
    const steps = Math.fround(v / scales[s]!);
    const rounded = (Number.isFinite(steps) ? roundHalfEven(steps) : steps) + (zeros?.[s] ?? 0);
    return Math.min(info.max, Math.max(info.min, rounded));
  });
  return [Tensor.from(dtype, x.dims, out)];
};

export const dequantizeLinear: Evaluate = (node, [x, scale, zero]) => {
  const named = dtypeFromId(node.int("output_dtype", 0));
  if (!x || scale?.dtype !== "float32" || (named && named !== "float32") || x.size > MAX_ELEMENTS) return undefined;
  if (zero && zero.size !== scale.size) return undefined;
  const at = scalePosition(node, x.dims, scale);
  if (!at || x.dtype === "string" || dtypes[x.dtype].kind === "complex") return undefined;
  const [values, scales, zeros] = [x.toFloat64(), scale.toFloat32(), zero?.toFloat64()];
  return [Tensor.from("float32", x.dims, Float32Array.from(values, (v, i) => Math.fround(v - (zeros?.[at(i)] ?? 0)) * scales[at(i)]!))];
};
