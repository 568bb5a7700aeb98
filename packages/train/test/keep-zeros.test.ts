/** `keepZeros`: what was pruned to zero stays zero, to the bit, whatever the optimizer does; everything else learns as before. */
import { describe, expect, it } from "vitest";
import { Tensor, dataset, pipeline, random, type Model } from "@lathe/core";
import { ModelBuilder, Trainer, adam, adamW, crossEntropy, finetune, fit, rmsProp, sgd, tensorData, trainer, trainingStep, type FitOptions, type Optimizer } from "@lathe/train";
import { runtime } from "./harness.ts";

const r = random("keep-zeros");
const images = Tensor.from("float32", [24, 2, 4, 4], Array.from({ length: 24 * 32 }, () => r.normal()));
const columns = { input: images, labels: Tensor.int64(Array.from({ length: 24 }, () => r.int(3))) };
const data = tensorData(columns);

/** Convolution, norm, convolution, matrix: 2 of 3 weights of each kernel are zero, and so are all biases. */
function pruned(): Model {
  const b = new ModelBuilder({ name: "pruned", random: random("weights").float });
  const x = b.relu(b.batchNorm(b.conv(b.input("input", ["N", 2, 4, 4]), "conv1", 2, 16, { bias: true }), "bn", 16));
  const y = b.relu(b.conv(x, "conv2", 16, 16, { kernel: 1, bias: true }));
  const model = b.output(b.linear(b.globalAveragePool(y), "fc", 16, 3), "logits", ["N", 3]);
  for (const value of model.graph.initializers) {
    if (kernels.includes(value.name)) model.graph.setInitializer(value, Tensor.from("float32", value.tensor!.dims, value.tensor!.toFloat32().map((w, i) => (i % 3 === 0 ? w : 0))));
    if (value.name.endsWith(".bias")) model.graph.setInitializer(value, Tensor.from("float32", value.tensor!.dims, new Float32Array(value.tensor!.size)));
  }
  return model;
}
const kernels = ["conv1.weight", "conv2.weight", "fc.weight"];

const weights = (model: Model, name: string): Float32Array => model.graph.value(name)!.tensor!.toFloat32();
/** -0 is not counted: a file full of them compresses worse. */
const zeros = (values: Float32Array): number[] => [...values.keys()].filter((i) => Object.is(values[i], 0));
const before = pruned();

const optimizers: readonly (readonly [string, Optimizer])[] = [
  ["sgd with momentum and weight decay", sgd({ momentum: 0.9, weightDecay: 0.05 })],
  ["Nesterov", sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.05 })],
  ["Adam with weight decay in the gradient", adam({ weightDecay: 0.05 })],
  ["AdamW", adamW({ weightDecay: 0.1 })],
  ["RMSprop with momentum", rmsProp({ momentum: 0.8, weightDecay: 0.05 })],
  ["one that moves every weight", { name: "push", state: [], update: (c, w) => ({ parameter: c.emit("Sub", [w, c.learningRate]), state: [] }) }],
];
const ways: readonly (readonly [string, Partial<FitOptions>])[] = [
  ["", {}],
  [", clipped", { clipNorm: 0.1 }],
  [", accumulated", { accumulate: 2 }],
  [", averaged", { ema: 0.5 }],
];

describe("keepZeros", () => {
  it.each(optimizers.flatMap(([name, optimizer]) => ways.map(([how, options]) => [`${name}${how}`, optimizer, options] as const)))("%s", async (_name, optimizer, options) => {
    const { model } = await fit({ model: before, data, optimizer, epochs: 3, batchSize: 8, schedule: 0.01, runtime, keepZeros: true, ...options }).result;
    for (const name of kernels) {
      const [old, now] = [weights(before, name), weights(model, name)];
      expect(zeros(now)).toEqual(zeros(old));
      expect(now.filter((w, i) => w !== old[i])).toHaveLength(Math.ceil(old.length / 3));
    }
    // Zero as well, but no kernels.
    for (const name of ["conv2.bias", "fc.bias"]) expect(zeros(weights(model, name))).toEqual([]);
  });

  it("fills the zeros again when it is not asked for", async () => {
    const { model } = await fit({ model: before, data, epochs: 1, batchSize: 8, runtime }).result;
    // What is left has no gradient: behind a ReLU that is off.
    for (const name of kernels) expect(zeros(weights(model, name)).length).toBeLessThan(zeros(weights(before, name)).length / 4);
  });

  it("changes nothing for a dense model, to the bit", async () => {
    const dense = (): Model => {
      const model = pruned();
      for (const name of kernels) model.graph.setInitializer(model.graph.value(name)!, Tensor.from("float32", model.graph.value(name)!.tensor!.dims, weights(model, name).map((w, i) => w || Math.sin(i + 1) / 10)));
      return model;
    };
    const [plain, kept] = await Promise.all([false, true].map(async (keepZeros) => (await fit({ model: dense(), data, epochs: 2, batchSize: 8, clipNorm: 1, runtime, keepZeros }).result).model));
    for (const name of kernels) expect(weights(kept!, name)).toEqual(weights(plain!, name));
  });

  it("leaves masked gradients out of the norm that is clipped", async () => {
    const limit = 1e-3;
    const optimizer = sgd();
    const step = trainingStep(before, { loss: crossEntropy(), optimizer, clipNorm: limit, keepZeros: true, trainable: (name) => kernels.includes(name) });
    const t = await Trainer.create(step, optimizer, runtime);
    await t.step(await data.batch([...Array(8).keys()], random(1)), 1);
    const moves = kernels.flatMap((name) => Array.from(t.weights().get(name)!.toFloat32(), (w, i) => w - weights(before, name)[i]!));
    await t.dispose();
    expect(Math.hypot(...moves) / limit).toBeCloseTo(1, 2);
  });

  it("is an option of finetune", async () => {
    const run = pipeline(finetune({ epochs: 2, batchSize: 8, keepZeros: true })).run(before, { data: dataset(columns), trainer: trainer({ runtime }) });
    const { model } = await run.result;
    for (const name of kernels) expect(zeros(weights(model, name))).toEqual(zeros(weights(before, name)));
  });
});
