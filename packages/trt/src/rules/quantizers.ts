/** Explicit quantization: what each Q and DQ must look like. */
import { dtypes, isFloat, type DType, type Node, type Tensor, type Value } from "@lathe/core";
import { atLeast, isDq, isQ, weightOf, type Facts } from "./facts.ts";
import { finding, type Finding } from "./finding.ts";

/** Types that TensorRT quantizes to. */
const stored: ReadonlySet<DType> = new Set(["int8", "float8e4m3fn", "int4", "float4e2m1"]);
/** Types that come in blocks. */
const blocked: ReadonlySet<DType> = new Set(["float8e4m3fn", "int4", "float4e2m1"]);
const SMALLEST_HALF = 2 ** -14;
/** Release that brought 4-bit floats. */
const FLOAT4 = [10, 8] as const;

export function quantizerFindings(node: Node, facts: Facts): Finding[] {
  if (!isQ(node) && !isDq(node)) return [];
  const what = isQ(node) ? "QuantizeLinear" : "DequantizeLinear";
  const say = (text: string): string => `${what} "${node.label}" ${text}.`;
  const bias = isDq(node) && node.input(0)?.dtype === "int32";
  if (bias) return [finding("qdq-bias", say(`gives a bias from "${node.input(0)!.name}", which is int32`), node)];
  const scale = weightOf(node.input(1));
  const early = storedType(node) === "float4e2m1" && !atLeast(facts.version, FLOAT4);
  if (early) return [finding("op-since", say(`stores float4e2m1, which came with TensorRT ${FLOAT4.join(".")}`), node)];
  const found = [...zeroPoint(node, facts, say), ...dataShape(node, say)];
  if (!scale) return [...found, finding("qdq-scale", say(`has a scale ("${node.input(1)?.name ?? "none"}") computed at run time`), node)];
  return [...found, ...scaleValues(node, scale, say), ...scaleShape(node, scale, say), ...scaleType(node, scale, say)];
}

type Say = (text: string) => string;

/** The type that values are stored in. */
function storedType(node: Node): DType | undefined {
  return isQ(node) ? (node.input(2)?.dtype ?? node.out.dtype) : node.input(0)?.dtype;
}

function zeroPoint(node: Node, { model }: Facts, say: Say): Finding[] {
  const value = node.input(2);
  const dtype = storedType(node);
  const stated = node.int("output_dtype", 0) !== 0;
  if (!value) {
    // DQ of float8 and 4-bit tensors says its type by its input.
    if (dtype !== undefined && dtype !== "int8" && stored.has(dtype) && (isDq(node) || stated)) return [];
    return [finding("qdq-zero-point", say(isQ(node) ? `has no zero point, so that ONNX (opset ${model.opset}) makes ${dtype ?? "uint8"} of its input and TensorRT int8` : "has no zero point"), node)];
  }
  if (dtype && !stored.has(dtype)) return [finding("qdq-zero-point", say(`stores ${dtype}; TensorRT reads int8 in its place, which gives other values, or refuses it`), node)];
  const tensor = weightOf(value);
  if (!tensor) return [finding("qdq-symmetric", say(`has a zero point ("${value.name}") computed at run time`), node)];
  const off = tensor.toNumbers().find((z) => z !== 0);
  if (off !== undefined) return [finding("qdq-symmetric", say(`has the zero point ${off}`), node)];
  const scale = weightOf(node.input(1));
  if (scale && scale.dims.join() !== tensor.dims.join()) return [finding("qdq-symmetric", say(`has a scale of shape [${scale.dims.join(", ")}] and a zero point of shape [${tensor.dims.join(", ")}]`), node)];
  return [];
}

function dataShape(node: Node, say: Say): Finding[] {
  const shape = node.input(0)?.shape;
  if (shape?.length === 0) return [finding("qdq-shape", say("stands at a scalar"), node)];
  const last = shape?.at(-1);
  const bits = dtypes[storedType(node) ?? "int8"].bits;
  return bits === 4 && typeof last === "number" && last % 2 !== 0 ? [finding("qdq-shape", say(`stands at a 4-bit tensor whose last dimension is ${last}`), node)] : [];
}

function scaleValues(node: Node, scale: Tensor, say: Say): Finding[] {
  const bad = scale.toNumbers().find((s) => !(s > 0 && Number.isFinite(s)));
  if (bad !== undefined) return [finding("qdq-scale", say(`has the scale ${bad}`), node)];
  const tiny = scale.dtype === "float16" ? scale.toNumbers().find((s) => s < SMALLEST_HALF) : undefined;
  return tiny === undefined ? [] : [finding("qdq-scale-tiny", say(`has the float16 scale ${tiny.toExponential(2)}`), node)];
}

/** One number; one for each channel of a weight; or one for each block of one axis. */
function scaleShape(node: Node, scale: Tensor, say: Say): Finding[] {
  const shape = node.input(0)?.shape;
  const blockSize = node.int("block_size", 0);
  if (blockSize !== 0 || (scale.dims.length > 1 && scale.dims.length === shape?.length)) return blockShape(node, scale, say);
  if (scale.dims.length === 0 || (scale.dims.length === 1 && scale.size === 1)) return [];
  if (scale.dims.length > 1) return [finding("qdq-scale", say(`has a scale of ${scale.dims.length} dimensions`), node)];
  const axis = node.int("axis");
  if (axis === undefined) return [finding("qdq-axis", say(`has ${scale.size} scales and no axis`), node)];
  const at = axis < 0 && shape ? axis + shape.length : axis;
  const size = shape?.[at];
  if (shape && (at >= shape.length || (typeof size === "number" && size !== scale.size))) return [finding("qdq-scale", say(`has ${scale.size} scales along axis ${axis}, which has size ${size ?? "none"}`), node)];
  if (!weightBehind(node.input(0))) return [finding("qdq-activation", say(`has ${scale.size} scales for an activation ("${node.input(0)?.name}")`), node)];
  return isDq(node) ? weightAxis(node, at, say) : [];
}

function blockShape(node: Node, scale: Tensor, say: Say): Finding[] {
  const shape = node.input(0)?.shape;
  const dtype = storedType(node);
  if (dtype && !blocked.has(dtype)) return [finding("qdq-block", say(`quantizes ${dtype} in blocks`), node)];
  if (!shape || shape.length !== scale.dims.length) return [];
  const axes = shape.flatMap((d, i) => (d === scale.dims[i] ? [] : [i]));
  const [axis] = axes;
  if (axis === undefined) return [];
  if (axes.length > 1) return [finding("qdq-block", say(`has blocks along ${axes.length} axes`), node)];
  if (axis < shape.length - 2) return [finding("qdq-block", say(`has blocks along axis ${axis} of ${shape.length}`), node)];
  const d = shape[axis];
  return typeof d === "number" && d % scale.dims[axis]! !== 0 ? [finding("qdq-block", say(`divides ${d} elements into ${scale.dims[axis]} blocks`), node)] : [];
}

/** A constant, also behind Q, Cast and moves. */
function weightBehind(value: Value | undefined): Tensor | undefined {
  let at = value;
  while (at && !at.constant && at.producer && /^(QuantizeLinear|DequantizeLinear|Cast|Identity|Transpose|Reshape)$/.test(at.producer.opType)) at = at.producer.input(0);
  return at?.constant;
}

/** Axis of a weight that counts its outputs, as the reader sees it. */
export function outputAxis(reader: Node, rank: number): number | undefined {
  if (reader.is("Conv")) return 0;
  if (reader.is("ConvTranspose")) return 1;
  if (reader.is("Gemm")) return reader.int("transB", 0) === 1 ? 0 : 1;
  return reader.is("MatMul") ? rank - 1 : undefined;
}

function weightAxis(node: Node, axis: number, say: Say): Finding[] {
  for (const { node: reader, index } of node.out.uses) {
    if (index !== 1) continue;
    const wanted = outputAxis(reader, node.input(0)?.rank ?? 0);
    if (wanted !== undefined && wanted !== axis) return [finding("qdq-weight-axis", say(`has its scales along axis ${axis}; the outputs of "${reader.label}" (${reader.opType}) lie along axis ${wanted}`), node)];
  }
  return [];
}

function scaleType(node: Node, scale: Tensor, say: Say): Finding[] {
  if (!isFloat(scale.dtype)) return [finding("qdq-scale-type", say(`has a scale of ${scale.dtype}`), node)];
  const data = isQ(node) ? node.input(0)?.dtype : undefined;
  return data && data !== scale.dtype ? [finding("qdq-scale-type", say(`has a ${scale.dtype} scale and a ${data} input`), node)] : [];
}
