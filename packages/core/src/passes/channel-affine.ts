/** y = scale * x + shift per output channel, folded into the weights of the layer in front. Computed in float64, rounded once. */
import { dtypes, type DType } from "../dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { Tensor } from "../tensor.ts";
import type { Site } from "./scope.ts";

/** One factor and one addend per channel; a length of one stands for all channels. */
export interface Affine {
  readonly scale: ArrayLike<number>;
  readonly shift: ArrayLike<number>;
}

const at = (list: ArrayLike<number>, i: number): number => list[list.length === 1 ? 0 : i]!;

/** Layers that take such a fold, with the channel count of their output. undefined: weights are not plain constants. */
export function outputChannels(layer: Node): number | undefined {
  const w = layer.input(1)?.constant;
  if (!w || layer.domain !== "" || dtypes[w.dtype].kind !== "float" || dtypes[w.dtype].bits < 16) return undefined;
  switch (layer.opType) {
    case "Conv":
      return w.dims[0];
    case "ConvTranspose":
      return w.dims.length > 2 ? w.dims[1]! * layer.int("group", 1) : undefined;
    case "Gemm":
      return w.dims[layer.int("transB", 0) ? 0 : 1];
    case "MatMul":
      return w.dims.length === 2 ? w.dims[1] : undefined;
    default:
      return undefined;
  }
}

/**
 * Gives `layer` new weights and bias so that it also does the affine map. False, changing nothing, when that cannot be done
 * exactly enough: a bias that is not constant or not per channel, or a result beyond the range of the element type.
 * A MatMul has no bias: it takes scales only.
 */
export function foldIntoLayer(layer: Node, affine: Affine, site: Site): boolean {
  const channels = outputChannels(layer);
  if (channels === undefined) return false;
  const w = layer.input(1)!.constant!;
  const isOne = Array.from(affine.scale).every((s) => s === 1);
  const isZero = Array.from(affine.shift).every((t) => t === 0);
  if (layer.opType === "MatMul" && !isZero) return false;
  const oldBias = biasOf(layer, channels);
  if (!oldBias) return false;
  const weights = isOne ? w : scaledWeights(layer, w, affine.scale);
  const bias = Float64Array.from({ length: channels }, (_, i) => at(oldBias, i) * at(affine.scale, i) + at(affine.shift, i));
  const biasTensor = rounded(bias, w.dtype, [channels]);
  if (!weights || !biasTensor) return false;
  if (!isOne) layer.setInput(1, replaced(layer, 1, weights, "weight", site));
  const hadBias = layer.input(2) !== undefined;
  if (layer.opType !== "MatMul" && (hadBias || !isZero)) layer.setInput(2, replaced(layer, 2, biasTensor, "bias", site));
  if (layer.opType === "Gemm") layer.removeAttribute("beta");
  return true;
}

/** The bias as it counts, per channel; undefined when it is not known. */
function biasOf(layer: Node, channels: number): ArrayLike<number> | undefined {
  const value = layer.input(2);
  if (!value || layer.opType === "MatMul") return [0];
  const tensor = value.constant;
  if (!tensor) return undefined;
  const { dims } = tensor;
  if (layer.opType === "Gemm") {
    if (dims.length > 2 || (dims.length === 2 && dims[0] !== 1)) return undefined;
    const beta = layer.float("beta", 1);
    return tensor.toFloat64().map((b) => b * beta);
  }
  return tensor.size === channels ? tensor.toFloat64() : undefined;
}

function scaledWeights(layer: Node, w: Tensor, scale: ArrayLike<number>): Tensor | undefined {
  const old = w.toFloat64();
  const out = new Float64Array(old.length);
  const channel = channelOf(layer, w.dims);
  for (let i = 0; i < old.length; i++) out[i] = old[i]! * at(scale, channel(i));
  return rounded(out, w.dtype, w.dims);
}

/** Output channel of the i-th weight. */
function channelOf(layer: Node, dims: readonly number[]): (i: number) => number {
  const inner = dims.slice(1).reduce((p, d) => p * d, 1);
  switch (layer.opType) {
    case "ConvTranspose": {
      const perGroup = dims[1]!;
      const taps = dims.slice(2).reduce((p, d) => p * d, 1);
      const inputsPerGroup = dims[0]! / layer.int("group", 1);
      return (i) => Math.floor(Math.floor(i / inner) / inputsPerGroup) * perGroup + (Math.floor(i / taps) % perGroup);
    }
    case "Conv":
      return (i) => Math.floor(i / inner);
    default: {
      const rows = layer.opType === "Gemm" && layer.int("transB", 0) === 1;
      return rows ? (i) => Math.floor(i / inner) : (i) => i % dims[1]!;
    }
  }
}

/** The values in the element type, unless one that was finite leaves its range. */
export function rounded(values: Float64Array, dtype: DType, dims: readonly number[]): Tensor | undefined {
  const { max } = dtypes[dtype];
  for (const v of values) if (!(Math.abs(v) <= max)) return undefined;
  return Tensor.from(dtype, dims, values);
}

/** The tensor as a constant that takes over the name of what it replaces. */
function replaced(layer: Node, input: number, tensor: Tensor, what: string, site: Site): Value {
  const name = layer.input(input)?.name || `${layer.name || layer.opType}_${what}`;
  return site.at(layer, layer.graph).constant(tensor, name);
}
