/** Evaluation of operators that make tensors from shapes and scalars. */
import { dtypeFromId, isInteger } from "../../dtype.ts";
import { elementCount, Tensor } from "../../tensor.ts";
import { axisIn } from "../rules/axes.ts";
import { sliceBounds } from "../rules/slice.ts";
import { arithmeticOf, isReal, tensorOf, valuesOf, type Scalar } from "./arithmetic.ts";
import type { Evaluate } from "./elementwise.ts";
import { MAX_ELEMENTS, strided, stridesOf } from "./strided.ts";

export const shape: Evaluate = (node, [x]) => {
  if (!x) return undefined;
  const { start, length } = sliceBounds(x.dims.length, node.int("start", 0), node.int("end") ?? x.dims.length, 1);
  return [Tensor.int64(x.dims.slice(start, start + length))];
};

export const size: Evaluate = (_, [x]) => x && [Tensor.int64([x.size], [])];

export const constant: Evaluate = (node) => {
  const tensor = node.constantOutput(0);
  return tensor && [tensor];
};

export const constantOfShape: Evaluate = (node, [dims]) => {
  if (!dims) return undefined;
  const value = node.attribute("value", "tensor") ?? Tensor.from("float32", [1], [0]);
  const out = dims.toNumbers();
  if (out.some((d) => d < 0) || elementCount(out) > MAX_ELEMENTS) return undefined;
  return [strided(value, out, out.map(() => 0))];
};

/** Integer ranges, and float ranges only where the start is added to an exact multiple of the step. */
export const range: Evaluate = (_, [start, limit, delta]) => {
  if (!start || !limit || !delta) return undefined;
  const [a, b, d] = [start, limit, delta].map((t) => Number(valuesOf(t)[0]));
  const count = Math.max(0, Math.ceil((b! - a!) / d!));
  if (!Number.isFinite(count) || count > MAX_ELEMENTS || ![a, b, d].every((v) => Number.isSafeInteger(v))) return undefined;
  const numbers = Array.from({ length: count }, (_, i) => a! + i * d!);
  const last = numbers.at(-1) ?? 0;
  const exact = start.dtype === "float32" ? Math.abs(last) <= 2 ** 24 && Math.abs(a!) <= 2 ** 24 : isInteger(start.dtype) || start.dtype === "float64";
  return exact ? [Tensor.from(start.dtype, [count], numbers)] : undefined;
};

export const eyeLike: Evaluate = (node, [x]) => {
  if (!x || x.dims.length !== 2 || x.size > MAX_ELEMENTS) return undefined;
  const dtype = dtypeFromId(node.int("dtype", 0)) ?? x.dtype;
  if (dtype === "string") return undefined;
  const [, columns] = x.dims;
  const k = node.int("k", 0);
  return [Tensor.from(dtype, x.dims, Array.from({ length: x.size }, (_, i) => ((i % columns!) - Math.floor(i / columns!) === k ? 1 : 0)))];
};

export const oneHot: Evaluate = (node, [indices, depth, values]) => {
  const axis = indices && axisIn(node.int("axis", -1), indices.dims.length + 1);
  if (!isReal(indices) || !isReal(depth) || !isReal(values) || axis === undefined || depth.size !== 1 || values.size !== 2) return undefined;
  const classes = Number(valuesOf(depth)[0]);
  if (!(classes >= 0)) return undefined;
  const dims = [...indices.dims.slice(0, axis), classes, ...indices.dims.slice(axis)];
  if (elementCount(dims) > MAX_ELEMENTS) return undefined;
  const at = Array.from(indices.toFloat64(), (i) => (i < 0 ? i + classes : i));
  const inner = elementCount(indices.dims.slice(axis));
  const [off, on] = [valuesOf(values)[0]!, valuesOf(values)[1]!];
  const out = Array.from({ length: elementCount(dims) }, (_, i): Scalar => {
    const index = at[Math.floor(i / (inner * classes)) * inner + (i % inner)];
    return index === Math.floor(i / inner) % classes ? on : off;
  });
  return [tensorOf(values.dtype, dims, out)];
};

export const nonZero: Evaluate = (_, [x]) => {
  if (!x || x.dtype === "string" || x.size > MAX_ELEMENTS) return undefined;
  const values = x.toFloat64();
  const hits: number[] = [];
  values.forEach((v, i) => { if (v !== 0) hits.push(i); });
  const strides = stridesOf(x.dims);
  const rows = strides.map((stride, axis) => hits.map((i) => Math.floor(i / stride) % x.dims[axis]!));
  return [Tensor.int64(rows.flat(), [x.dims.length, hits.length])];
};

/** Running sum of integers. */
export const cumSum: Evaluate = (node, [x, axisTensor]) => {
  const arithmetic = x && arithmeticOf(x.dtype);
  if (!x || axisTensor?.size !== 1 || !arithmetic || !isInteger(x.dtype) || x.size > MAX_ELEMENTS) return undefined;
  const axis = isReal(axisTensor) ? axisIn(Number(valuesOf(axisTensor)[0]), x.dims.length) : undefined;
  if (axis === undefined) return undefined;
  const length = x.dims[axis]!;
  const stride = stridesOf(x.dims)[axis]!;
  const [exclusive, reverse] = [node.int("exclusive", 0) !== 0, node.int("reverse", 0) !== 0];
  const values = valuesOf(x);
  const zero = typeof values[0] === "bigint" ? 0n : 0;
  const out: Scalar[] = Array.from({ length: x.size }, () => zero);
  for (let line = 0; line < x.size; line++) {
    if (Math.floor(line / stride) % length !== 0) continue;
    let sum: Scalar = zero;
    for (let k = 0; k < length; k++) {
      const at = line + (reverse ? length - 1 - k : k) * stride;
      const next: Scalar = arithmetic.binary("add", sum, values[at]!)!;
      out[at] = exclusive ? sum : next;
      sum = next;
    }
  }
  return [tensorOf(x.dtype, x.dims, out)];
};

