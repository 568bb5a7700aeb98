import { dtypes } from "../dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { foldIntoLayer, outputChannels, type Affine } from "./channel-affine.ts";
import { bypass, onlyConsumer } from "./edit.ts";
import { layerBefore } from "./fold-batchnorm.ts";
import { foldIntoInput } from "./input-affine.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite } from "./scope.ts";

/** The map of an Add, Sub, Mul or Div with a constant operand; `x` is the other operand. */
function constantArithmetic(node: Node): { readonly x: Value; readonly constant: Value; readonly affine: (c: Float64Array) => Affine } | undefined {
  const [a, b] = [node.input(0), node.input(1)];
  if (node.domain !== "" || !a || !b || node.inputs.length !== 2) return undefined;
  const swapped = a.constant !== undefined;
  const [x, constant] = swapped ? [b, a] : [a, b];
  if (!constant.constant || x.constant) return undefined;
  const ones = (c: Float64Array, sign = 1): Float64Array => c.map(() => sign);
  switch (node.opType) {
    case "Add":
      return { x, constant, affine: (c) => ({ scale: ones(c), shift: c }) };
    case "Sub":
      return { x, constant, affine: (c) => (swapped ? { scale: ones(c, -1), shift: c } : { scale: ones(c), shift: c.map((t) => -t) }) };
    case "Mul":
      return { x, constant, affine: (c) => ({ scale: c, shift: [0] }) };
    case "Div":
      return swapped ? undefined : { x, constant, affine: (c) => ({ scale: c.map((s) => 1 / s), shift: [0] }) };
    default:
      return undefined;
  }
}

/** The constant as one number per channel of axis `axis` of a tensor of this rank; undefined when it varies along another axis or adds axes. */
function perChannel(constant: Value, axis: number, rank: number, channels: number): Float64Array | undefined {
  const tensor = constant.constant!;
  if (dtypes[tensor.dtype].kind !== "float" || tensor.dims.length > rank) return undefined;
  if (tensor.size === 1) return tensor.toFloat64();
  const offset = rank - tensor.dims.length;
  const fits = tensor.dims.every((d, i) => d === 1 || (i + offset === axis && d === channels));
  return fits ? tensor.toFloat64() : undefined;
}

/** Rank of a layer's output and the axis of its channels. */
function layout(layer: Node, value: Value): { rank: number; axis: number } | undefined {
  const w = layer.input(1)!.constant!;
  if (layer.opType === "Conv" || layer.opType === "ConvTranspose") return { rank: w.dims.length, axis: 1 };
  if (layer.opType === "Gemm") return { rank: 2, axis: 1 };
  return value.rank === undefined ? undefined : { rank: value.rank, axis: value.rank - 1 };
}

const behindLayer: Rewrite = (site) => {
  const { node } = site;
  const found = constantArithmetic(node);
  const layer = found && layerBefore(found.x);
  const place = layer && layout(layer, found.x);
  if (!place) return false;
  const c = perChannel(found.constant, place.axis, place.rank, outputChannels(layer)!);
  if (!c) return false;
  const affine = found.affine(c);
  if (![...Array.from(affine.scale), ...Array.from(affine.shift)].every(Number.isFinite)) return false;
  return foldIntoLayer(layer, affine, site) && bypass(node, layer.out);
};

const beforeConv: Rewrite = (site) => {
  const { node } = site;
  const found = constantArithmetic(node);
  const conv = found && onlyConsumer(node.out);
  const w = conv?.input(1)?.constant;
  if (!found || !conv?.is("Conv") || conv.input(0) !== node.out || !w) return false;
  const channels = w.dims[1]! * conv.int("group", 1);
  const c = perChannel(found.constant, 1, w.dims.length, channels);
  // A constant must not broadcast the channels of x.
  if (!c || found.x.rank !== w.dims.length || (c.length > 1 && found.x.shape?.[1] !== channels)) return false;
  const affine = found.affine(c);
  if (!Array.from(affine.scale).every(Number.isFinite)) return false;
  return foldIntoInput(conv, affine, site) && bypass(node, found.x);
};

export const foldAffine: Pass = nodePass(
  "fold-affine",
  "Folds additions and multiplications by constants into the Conv, ConvTranspose, Gemm or MatMul before them, or the Conv behind them.",
  behindLayer,
  beforeConv,
);
