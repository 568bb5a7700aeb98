import { dtypes } from "../dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { foldIntoLayer, outputChannels, type Affine } from "./channel-affine.ts";
import { foldIntoInput } from "./input-affine.ts";
import { bypass, onlyConsumer } from "./edit.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite, type Site } from "./scope.ts";

/** The map that an inference BatchNormalization does; undefined when it trains or its statistics are not constant. Ioffe and Szegedy 2015. */
export function batchNormAffine({ node, opset }: Pick<Site, "node" | "opset">): Affine | undefined {
  if (!node.is("BatchNormalization") || node.outputs.some((o, i) => i > 0 && o !== null)) return undefined;
  const trains = opset < 7 ? node.int("is_test", 0) !== 1 : node.int("training_mode", 0) !== 0;
  if (trains || node.int("spatial", 1) !== 1) return undefined;
  const tensors = [1, 2, 3, 4].map((i) => node.input(i)?.constant);
  if (!tensors.every((t) => t !== undefined && dtypes[t.dtype].kind === "float")) return undefined;
  const [gamma, beta, mean, variance] = tensors.map((t) => t!.toFloat64());
  const epsilon = node.float("epsilon", 1e-5);
  const scale = gamma!.map((g, i) => g / Math.sqrt(variance![i]! + epsilon));
  const shift = beta!.map((b, i) => b - mean![i]! * scale[i]!);
  return [...scale, ...shift].every(Number.isFinite) ? { scale, shift } : undefined;
}

/** The layer that makes `value` and may be changed: one node of the same graph alone reads it. */
export function layerBefore(value: Value | undefined): Node | undefined {
  const layer = value?.producer;
  const reader = layer && onlyConsumer(value!);
  return reader?.graph === layer?.graph && layer && outputChannels(layer) !== undefined ? layer : undefined;
}

const behindLayer: Rewrite = (site) => {
  const affine = batchNormAffine(site);
  const layer = affine && layerBefore(site.node.input(0));
  // BatchNormalization normalises axis 1: for MatMul and Gemm that is the last one only when the output is a matrix.
  if (!affine || !layer || (layer.opType === "MatMul" && site.node.input(0)!.rank !== 2)) return false;
  return foldIntoLayer(layer, affine, site) && bypass(site.node, layer.out);
};

const beforeConv: Rewrite = (site) => {
  const affine = batchNormAffine(site);
  const conv = affine && onlyConsumer(site.node.out);
  const x = site.node.input(0);
  if (!affine || !x || !conv?.is("Conv") || conv.input(0) !== site.node.out) return false;
  return foldIntoInput(conv, affine, site) && bypass(site.node, x);
};

export const foldBatchNorm: Pass = nodePass(
  "fold-batchnorm",
  "Folds inference BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul before it, or the Conv behind it.",
  behindLayer,
  beforeConv,
);
