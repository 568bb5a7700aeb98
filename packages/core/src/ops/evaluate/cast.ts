/** Cast as ONNX defines it, refusing (undefined) where the specification leaves the result open. */
import { dtypeFromId, dtypes, type DType } from "../../dtype.ts";
import { encodeSmallFloat, type SmallFloat } from "../../small-float.ts";
import { Tensor } from "../../tensor.ts";
import { tensorOf, valuesOf, type Scalar } from "./arithmetic.ts";
import type { Evaluate } from "./elementwise.ts";
import { MAX_ELEMENTS } from "./strided.ts";

export function castTensor(tensor: Tensor, to: DType, saturate = true): Tensor | undefined {
  if (tensor.dtype === to) return tensor;
  const from = dtypes[tensor.dtype];
  const target = dtypes[to];
  if (from.kind === "complex" || target.kind === "complex" || from.kind === "string") return undefined;
  if (target.kind === "string") return castToString(tensor);
  const values = Array.from(valuesOf(tensor) as ArrayLike<Scalar>);
  switch (target.kind) {
    case "bool": return Tensor.from("bool", tensor.dims, values.map((v) => (v === 0 || v === 0n ? 0 : 1)));
    case "float": return castToFloat(tensor, values, to, saturate);
    default: return castToInteger(tensor, values, to);
  }
}

/** Integers print in decimal; how floats print differs between runtimes. */
function castToString(tensor: Tensor): Tensor | undefined {
  const { kind } = dtypes[tensor.dtype];
  if (kind !== "int" && kind !== "uint") return undefined;
  return Tensor.fromStrings(tensor.dims, Array.from(valuesOf(tensor) as ArrayLike<Scalar>, String));
}

function castToFloat(tensor: Tensor, values: readonly Scalar[], to: DType, saturate: boolean): Tensor | undefined {
  // A double or a 64-bit integer would be rounded twice on its way to fewer bits: exact only when a float32 holds it already.
  const narrow = to !== "float64";
  const numbers = values.map(Number);
  const exact = numbers.every((v, i) => {
    const value = values[i]!;
    if (typeof value === "bigint" && BigInt(v) !== value) return false;
    // Which NaN comes out is up to the machine.
    return !Number.isNaN(v) && (!narrow || to === "float32" || Math.fround(v) === v);
  });
  if (!exact) return undefined;
  if (dtypes[to].coded && to !== "float16" && to !== "bfloat16") return castToSmall(tensor, numbers, to as SmallFloat, saturate);
  return Tensor.from(to, tensor.dims, numbers);
}

function castToSmall(tensor: Tensor, numbers: readonly number[], to: SmallFloat, saturate: boolean): Tensor | undefined {
  if (to === "float4e2m1" || to === "float8e8m0" || numbers.some((v) => !Number.isFinite(v))) return undefined;
  return Tensor.fromBytes(to, tensor.dims, Uint8Array.from(numbers, (v) => encodeSmallFloat(v, to, saturate)));
}

function castToInteger(tensor: Tensor, values: readonly Scalar[], to: DType): Tensor | undefined {
  const { bits, kind } = dtypes[to];
  if (bits < 8) return undefined;
  const wrap = kind === "int" ? BigInt.asIntN : BigInt.asUintN;
  const out: Scalar[] = [];
  for (const value of values) {
    if (typeof value === "number" && !Number.isFinite(value)) return undefined;
    const whole = BigInt(typeof value === "number" ? Math.trunc(value) : value);
    const wrapped = wrap(bits, whole);
    // Out of range: integers wrap, but what a float gives is up to the machine.
    if (wrapped !== whole && dtypes[tensor.dtype].kind === "float") return undefined;
    out.push(bits === 64 ? wrapped : Number(wrapped));
  }
  return tensorOf(to, tensor.dims, out);
}

export const cast: Evaluate = (node, [x]) => {
  const id = node.attribute("to", node.attributes.get("to")?.kind === "string" ? "string" : "int");
  const to = typeof id === "string" ? undefined : dtypeFromId(Number(id));
  if (!x || !to || x.size > MAX_ELEMENTS) return undefined;
  const made = castTensor(x, to, node.int("saturate", 1) !== 0);
  return made && [made];
};

export const castLike: Evaluate = (node, [x, like]) => {
  if (!x || !like || x.size > MAX_ELEMENTS) return undefined;
  const made = castTensor(x, like.dtype, node.int("saturate", 1) !== 0);
  return made && [made];
};

/** The same bits as another element type of the same width. */
export const bitCast: Evaluate = (node, [x]) => {
  const to = dtypeFromId(node.int("to", 0));
  if (!x || !to || x.dtype === "string" || dtypes[x.dtype].bits !== dtypes[to].bits) return undefined;
  return [Tensor.fromBytes(to, x.dims, x.bytes())];
};
