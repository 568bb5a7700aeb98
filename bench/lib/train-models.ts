/** The models whose training steps are timed, with random batches. The same are written in bench/peers/torch_models.py. */
import { Tensor, attr, random, type Feeds, type Model } from "@lathe/core";
import { ModelBuilder, bert, mobileNetV2, resnet20 } from "@lathe/train";

export interface SpeedCase {
  readonly name: string;
  readonly title: string;
  readonly model: Model;
  readonly batch: Feeds;
  /** Name in bench/peers/torch_models.py. */
  readonly peer: string;
}

const count = (dims: readonly number[]): number => dims.reduce((p, d) => p * d, 1);
const floats = (dims: readonly number[], r = random("batch")): Tensor => Tensor.from("float32", dims, Float32Array.from({ length: count(dims) }, () => r.normal()));
const labels = (n: number, classes: number, r = random("labels")): Tensor => Tensor.int64(Array.from({ length: n }, () => r.int(classes)));

function mlp(): Model {
  const b = new ModelBuilder({ name: "mlp", random: random("mlp").float });
  const x = b.input("input", ["N", 784]);
  const h = b.relu(b.linear(b.relu(b.linear(x, "fc1", 784, 512)), "fc2", 512, 512));
  return b.output(b.linear(h, "fc3", 512, 10), "logits", ["N", 10]);
}

function cnn(): Model {
  const b = new ModelBuilder({ name: "cnn", random: random("cnn").float });
  let x = b.input("input", ["N", 1, 28, 28]);
  x = b.relu(b.conv(x, "conv1", 1, 32, { pad: 0, bias: true }));
  x = b.maxPool(b.relu(b.conv(x, "conv2", 32, 64, { pad: 0, bias: true })), 2);
  x = b.node("Flatten", [x], { axis: attr.int(1) });
  x = b.relu(b.linear(x, "fc1", 64 * 12 * 12, 128));
  return b.output(b.linear(x, "fc2", 128, 10), "logits", ["N", 10]);
}

function bertLayer(): Model {
  return bert({ random: random("bert").float, vocabulary: 1000, tokens: 128, hidden: 384, heads: 4, layers: 1, mlp: 1536, classes: 10 });
}

export const speedCases = (): readonly SpeedCase[] => [
  { name: "mlp", title: "MLP 784-512-512-10, batch 128", model: mlp(), peer: "mlp", batch: { input: floats([128, 784]), labels: labels(128, 10) } },
  { name: "cnn", title: "CNN 28x28 (32, 64 channels), batch 64", model: cnn(), peer: "cnn", batch: { input: floats([64, 1, 28, 28]), labels: labels(64, 10) } },
  { name: "resnet20", title: "ResNet-20 32x32, batch 64", model: resnet20({ random: random("resnet").float }), peer: "resnet20", batch: { input: floats([64, 3, 32, 32]), labels: labels(64, 10) } },
  {
    name: "bert", title: "BERT layer 384 wide, 128 tokens, batch 8", model: bertLayer(), peer: "bert",
    batch: { input_ids: Tensor.int64(Array.from({ length: 1024 }, (_, i) => (i * 37) % 1000), [8, 128]), attention_mask: Tensor.int64(new Array<number>(1024).fill(1), [8, 128]), labels: labels(8, 10) },
  },
  {
    name: "mobilenet", title: "MobileNetV2 blocks (stem, 1x16, 2x24) 56x56, batch 16", peer: "mobilenetv2",
    model: mobileNetV2({ random: random("mobilenet").float, size: 112, classes: 10, rows: [[1, 16, 1, 1], [6, 24, 2, 2]], headChannels: 64 }),
    batch: { input: floats([16, 3, 112, 112]), labels: labels(16, 10) },
  },
];
