/** The fast path: convolutions in the engine's blocked layout give what the standard form gives. */
import { describe, expect, it } from "vitest";
import { Tensor, attr, random, type Feeds, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { ModelBuilder, Trainer, blockOf, crossEntropy, lenet, resnet20, sgd, trainingStep, type TrainingStep } from "@lathe/train";
import { relativeError, runtime } from "./harness.ts";

/** Machines without the layout have nothing to compare: 16 then writes a step that is never run. */
const block = await blockOf(ortRuntime());

type Row = readonly [channels: number, out: number, kernel: number, stride: number, dilation: number, pads: readonly number[], group: number];

const rows: readonly Row[] = [
  [3, 16, 3, 1, 1, [1, 1, 1, 1], 1],
  [16, 16, 3, 1, 1, [1, 1, 1, 1], 1],
  [16, 32, 3, 2, 1, [1, 1, 1, 1], 1],
  [16, 16, 5, 2, 1, [0, 1, 2, 0], 1],
  [16, 32, 3, 1, 2, [2, 2, 2, 2], 1],
  [12, 20, 3, 1, 1, [0, 0, 0, 0], 1],
  [20, 48, 3, 1, 1, [1, 1, 1, 1], 1],
  [8, 12, 3, 2, 1, [1, 1, 1, 1], 1],
  [13, 27, 3, 1, 1, [1, 1, 1, 1], 1],
  [16, 16, 1, 2, 1, [0, 0, 0, 0], 1],
  [32, 32, 3, 1, 1, [1, 1, 1, 1], 32],
  [16, 16, 5, 2, 1, [2, 2, 2, 2], 16],
  [16, 32, 3, 1, 1, [1, 1, 1, 1], 4],
];

/** The convolution in question between two others, so that its input gradient counts too. */
function model([channels, out, kernel, stride, dilation, pads, group]: Row): Model {
  const b = new ModelBuilder({ name: "case", random: random("case").float });
  const x = b.conv(b.input("input", ["N", 3, 11, 10]), "first", 3, channels, { kernel: 1, bias: true });
  const weight = b.normal("middle.weight", [out, channels / group, kernel, kernel], 0.2);
  const y = b.node("Conv", [x, weight, b.uniform("middle.bias", [out], 1)], {
    kernel_shape: attr.ints([kernel, kernel]), strides: attr.ints([stride, stride]), dilations: attr.ints([dilation, dilation]), pads: attr.ints(pads), group: attr.int(group),
  });
  return b.output(b.linear(b.globalAveragePool(b.relu(y)), "fc", out, 4), "logits", ["N", 4]);
}

function batchOf(size: number, dims: readonly number[], classes: number): Feeds {
  const r = random(`batch of ${size}`);
  const count = dims.reduce((p, d) => p * d, size);
  return { input: Tensor.from("float32", [size, ...dims], Float32Array.from({ length: count }, () => r.normal())), labels: Tensor.int64(Array.from({ length: size }, () => r.int(classes))) };
}

async function trained(step: TrainingStep, batches: readonly Feeds[]): Promise<ReadonlyMap<string, Tensor>> {
  const trainer = await Trainer.create(step, sgd(), runtime);
  for (const batch of batches) await trainer.step(batch, 0.5);
  await trainer.dispose();
  return trainer.weights();
}

async function compare(source: Model, batches: readonly Feeds[]): Promise<void> {
  const options = { loss: crossEntropy(), optimizer: sgd() };
  const standard = await trained(trainingStep(source, options), batches);
  const fast = await trained(trainingStep(source, { ...options, block }), batches);
  for (const [name, tensor] of standard) expect(relativeError(fast.get(name)!.toFloat32(), tensor.toFloat32()), name).toBeLessThan(2e-5);
}

describe("blocked convolutions", () => {
  it.each(rows)("%i to %i channels, kernel %i, stride %i, dilation %i, pads %j, groups %i", async (...row) => {
    await compare(model(row), [batchOf(16, [3, 11, 10], 4), batchOf(16, [3, 11, 10], 4)]);
  });

  it("whole networks with batch statistics", () => compare(resnet20({ random: random("resnet").float, size: 16 }), [batchOf(16, [3, 16, 16], 10)]));

  it("batches that are no multiple of the block take the standard form", () => compare(lenet({ random: random("lenet").float }), [batchOf(16, [1, 28, 28], 10), batchOf(5, [1, 28, 28], 10)]));

  it("the batch is that of what the convolutions read, whatever input comes first", async () => {
    const b = new ModelBuilder({ name: "gains", random: random("gains").float });
    const gains = b.input("gains", [16]);
    const x = b.conv(b.conv(b.input("input", ["N", 3, 8, 8]), "first", 3, 16), "second", 16, 16);
    const source = b.output(b.linear(b.node("Mul", [b.globalAveragePool(b.relu(x)), gains]), "fc", 16, 4), "logits", ["N", 4]);
    const given = Tensor.from("float32", [16], Array.from({ length: 16 }, (_, i) => 1 + i / 16));
    await compare(source, [{ ...batchOf(5, [3, 8, 8], 4), gains: given }, { ...batchOf(16, [3, 8, 8], 4), gains: given }]);
  });

  it("are written in ONNX Runtime's own domain, and only where asked for", () => {
    const step = trainingStep(lenet({ random: random("lenet").float }), { loss: crossEntropy(), optimizer: sgd(), block: 16 });
    const blocked = (m: Model): number => [...m.graph.nodes].filter((node) => node.is("Conv", "com.microsoft.nchwc")).length;
    expect(blocked(step.model)).toBe(0);
    expect(blocked(step.blocked!.model)).toBeGreaterThan(3);
  });
});
