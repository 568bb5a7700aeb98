/** Convolutional networks: LeNet, ResNet (CIFAR and ImageNet shapes), MobileNetV2. Inputs float32 [N, C, H, W], output logits [N, classes]. */
import { attr, type Model, type Value } from "@lathe/core";
import { ModelBuilder, type Uniform } from "./builder.ts";

export interface ImageModelOptions {
  readonly random: Uniform;
  readonly channels?: number;
  readonly size?: number;
  readonly classes?: number;
}

/** Two 5x5 convolutions and two fully connected layers (after LeCun et al. 1998, with ReLU and max pooling); 28x28 inputs by default. */
export function lenet({ random, channels = 1, size = 28, classes = 10 }: ImageModelOptions): Model {
  const b = new ModelBuilder({ name: "lenet", random });
  let x = b.input("input", ["N", channels, size, size]);
  x = b.maxPool(b.relu(b.conv(x, "conv1", channels, 16, { kernel: 5, bias: true })), 2);
  x = b.maxPool(b.relu(b.conv(x, "conv2", 16, 32, { kernel: 5, bias: true })), 2);
  const features = 32 * Math.floor(size / 4) ** 2;
  x = b.node("Flatten", [x], { axis: attr.int(1) });
  x = b.relu(b.linear(x, "fc1", features, 128));
  return b.output(b.linear(x, "fc2", 128, classes), "logits", ["N", classes]);
}

function basicBlock(b: ModelBuilder, x: Value, name: string, inChannels: number, outChannels: number, stride: number): Value {
  let y = b.relu(b.batchNorm(b.conv(x, `${name}.conv1`, inChannels, outChannels, { stride }), `${name}.bn1`, outChannels));
  y = b.batchNorm(b.conv(y, `${name}.conv2`, outChannels, outChannels), `${name}.bn2`, outChannels);
  const project = stride !== 1 || inChannels !== outChannels;
  const shortcut = project ? b.batchNorm(b.conv(x, `${name}.down`, inChannels, outChannels, { kernel: 1, stride }), `${name}.downbn`, outChannels) : x;
  return b.relu(b.node("Add", [y, shortcut]));
}

/** Residual stages of basic blocks (He et al. 2015). */
function stages(b: ModelBuilder, input: Value, widths: readonly number[], blocks: readonly number[], inChannels: number): { x: Value; channels: number } {
  let x = input;
  let channels = inChannels;
  widths.forEach((width, s) => {
    for (let i = 0; i < blocks[s]!; i++) {
      x = basicBlock(b, x, `layer${s + 1}.${i}`, channels, width, s > 0 && i === 0 ? 2 : 1);
      channels = width;
    }
  });
  return { x, channels };
}

/** The 20-layer CIFAR network: 3 stages of 3 blocks, widths 16, 32, 64; 0.27 M parameters. */
export function resnet20({ random, channels = 3, size = 32, classes = 10, width = 16 }: ImageModelOptions & { readonly width?: number }): Model {
  const b = new ModelBuilder({ name: "resnet20", random });
  const input = b.input("input", ["N", channels, size, size]);
  const stem = b.relu(b.batchNorm(b.conv(input, "conv1", channels, width), "bn1", width));
  const { x, channels: out } = stages(b, stem, [width, 2 * width, 4 * width], [3, 3, 3], width);
  return b.output(b.linear(b.globalAveragePool(x), "fc", out, classes), "logits", ["N", classes]);
}

/** The 18-layer ImageNet network: 11.7 M parameters. */
export function resnet18({ random, channels = 3, size = 224, classes = 1000 }: ImageModelOptions): Model {
  const b = new ModelBuilder({ name: "resnet18", random });
  const input = b.input("input", ["N", channels, size, size]);
  const stem = b.relu(b.batchNorm(b.conv(input, "conv1", channels, 64, { kernel: 7, stride: 2 }), "bn1", 64));
  const pooled = b.node("MaxPool", [stem], { kernel_shape: attr.ints([3, 3]), strides: attr.ints([2, 2]), pads: attr.ints([1, 1, 1, 1]) });
  const { x, channels: out } = stages(b, pooled, [64, 128, 256, 512], [2, 2, 2, 2], 64);
  return b.output(b.linear(b.globalAveragePool(x), "fc", out, classes), "logits", ["N", classes]);
}

const relu6 = (b: ModelBuilder, x: Value, name: string): Value => b.node("Clip", [x, b.scalar(`${name}.min`, 0), b.scalar(`${name}.max`, 6)]);

function invertedResidual(b: ModelBuilder, x: Value, name: string, inChannels: number, outChannels: number, stride: number, expand: number): Value {
  const hidden = inChannels * expand;
  let y = x;
  if (expand !== 1) y = relu6(b, b.batchNorm(b.conv(y, `${name}.expand`, inChannels, hidden, { kernel: 1 }), `${name}.bn1`, hidden), `${name}.act1`);
  y = relu6(b, b.batchNorm(b.conv(y, `${name}.depthwise`, hidden, hidden, { stride, group: hidden }), `${name}.bn2`, hidden), `${name}.act2`);
  y = b.batchNorm(b.conv(y, `${name}.project`, hidden, outChannels, { kernel: 1 }), `${name}.bn3`, outChannels);
  return stride === 1 && inChannels === outChannels ? b.node("Add", [x, y]) : y;
}

export type MobileNetRow = readonly [expansion: number, channels: number, repeats: number, stride: number];

/** Sandler et al. 2018, table 2. */
export const mobileNetV2Rows: readonly MobileNetRow[] = [
  [1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1],
];

export interface MobileNetOptions extends ImageModelOptions {
  readonly widthMultiplier?: number;
  /** Default: the network of the paper. */
  readonly rows?: readonly MobileNetRow[];
  readonly headChannels?: number;
}

/** MobileNetV2. For small images (below 64 pixels) the stem and the first two strides are 1. */
export function mobileNetV2({ random, channels = 3, size = 224, classes = 1000, widthMultiplier = 1, rows = mobileNetV2Rows, headChannels = 1280 }: MobileNetOptions): Model {
  const b = new ModelBuilder({ name: "mobilenetv2", random });
  const round8 = (w: number): number => Math.max(8, Math.round((w * widthMultiplier) / 8) * 8);
  const small = size < 64;
  const input = b.input("input", ["N", channels, size, size]);
  let width = round8(32);
  let x = relu6(b, b.batchNorm(b.conv(input, "stem", channels, width, { stride: small ? 1 : 2 }), "stem.bn", width), "stem.act");
  rows.forEach(([expand, out, repeats, stride], row) => {
    for (let i = 0; i < repeats; i++) {
      const step = i > 0 || (small && row < 2) ? 1 : stride;
      x = invertedResidual(b, x, `block${row}.${i}`, width, round8(out), step, expand);
      width = round8(out);
    }
  });
  const head = round8(headChannels);
  x = relu6(b, b.batchNorm(b.conv(x, "head", width, head, { kernel: 1 }), "head.bn", head), "head.act");
  return b.output(b.linear(b.globalAveragePool(x), "fc", head, classes), "logits", ["N", classes]);
}
