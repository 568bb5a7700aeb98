/** Whole models whose gradients are compared with PyTorch's; bench/model-gradients.ts hands the same weights and batches to it. */
import { Tensor, random, type Feeds, type Model } from "@lathe/core";
import { bert, mobileNetV2, mobileNetV2Rows, resnet20, vit } from "@lathe/train";

export interface ModelCase {
  readonly name: string;
  readonly model: Model;
  readonly batch: Feeds;
}

const numbers = (label: string, dims: readonly number[]): Tensor => {
  const r = random(label);
  return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => r.normal()));
};
const ids = (label: string, dims: readonly number[], below: number): Tensor => {
  const r = random(label);
  return Tensor.int64(Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => r.int(below)), dims);
};

export const modelCases = (): readonly ModelCase[] => [
  { name: "resnet20", model: resnet20({ random: random("resnet20").float, size: 16 }), batch: { input: numbers("resnet20 x", [8, 3, 16, 16]), labels: ids("resnet20 y", [8], 10) } },
  { name: "mobilenetv2", model: mobileNetV2({ random: random("mobilenetv2").float, size: 64, classes: 10, rows: mobileNetV2Rows.slice(0, 2), headChannels: 64 }), batch: { input: numbers("mobilenet x", [2, 3, 64, 64]), labels: ids("mobilenet y", [2], 10) } },
  { name: "vit", model: vit({ random: random("vit").float, hidden: 32, heads: 4, layers: 1, mlp: 64 }), batch: { input: numbers("vit x", [3, 1, 28, 28]), labels: ids("vit y", [3], 10) } },
  {
    name: "bert",
    model: bert({ random: random("bert").float, vocabulary: 60, tokens: 12, hidden: 48, heads: 4, layers: 1, mlp: 96, classes: 3 }),
    batch: { input_ids: ids("bert ids", [3, 12], 60), attention_mask: Tensor.int64(Array.from({ length: 36 }, (_, i) => (i % 12 < 9 ? 1 : 0)), [3, 12]), labels: ids("bert y", [3], 3) },
  },
];

/** Positions that are compared in a tensor of `size` elements: all of a small one, else 64 spread out. */
export const sampled = (size: number): number[] => (size <= 64 ? Array.from({ length: size }, (_, i) => i) : Array.from({ length: 64 }, (_, i) => Math.floor((i * size) / 64)));
