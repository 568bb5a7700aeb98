/** Pruned, then trained for integers: with `keepZeros` the zeros are there afterwards, in the float weights and as integers. */
import { describe, expect, it } from "vitest";
import { Tensor, dataset, pipeline, random, type Model } from "@lathe/core";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { pruneWeights } from "@lathe/prune";
import { quantizeAware, quantizeAwareTraining, type QatOptions, type QatResult, type StaticOptionsInput } from "@lathe/quantize";
import { tinyCnn } from "@lathe/testkit";
import { adam, adamW, constant, crossEntropy, sgd, trainer, type Optimizer } from "@lathe/train";

const runtime = ortRuntime();
const dense = tinyCnn();
const r = random("labels");
const data = dataset([0, 1, 2].map((seed) => ({ ...randomFeeds(dense, { seed, unbound: 4 }), labels: Tensor.int64([0, 1, 2, 3].map(() => r.int(10))) })));
const services = { runtime, trainer: trainer({ runtime }), data };

const pruned = async (options: Parameters<typeof pruneWeights>[0]): Promise<Model> => (await pipeline(pruneWeights(options)).run(dense).result).model;
const train = (model: Model, options: Partial<QatOptions>): Promise<QatResult> =>
  quantizeAware(model, { loss: crossEntropy(), optimizer: adamW(), schedule: constant(1e-2), epochs: 2, batchSize: 4, learnScales: true, observeEpochs: 0, seed: 0, teach: false, keepZeros: true, ...options }, services);

const kernels = ["weight", "weight_2", "weight_3", "weight_4"];
const tensorOf = (model: Model, name: string): Tensor => model.graph.value(name)!.tensor!;
const isZero = (model: Model, name: string): boolean[] => tensorOf(model, name).toNumbers().map((x) => x === 0);

/** Integers that are at their zero point, which dequantizes to exactly 0. */
function isZeroPoint(model: Model, name: string): boolean[] {
  const [values, points] = [tensorOf(model, `${name}_quantized`), tensorOf(model, `${name}_zero_point`).toNumbers()];
  // Channels, if any, lie along the first axis in this network.
  const each = values.size / points.length;
  return values.toNumbers().map((q, i) => q === points[Math.floor(i / each)]);
}

const count = (flags: readonly boolean[]): number => flags.filter(Boolean).length;

const optimizers: readonly (readonly [string, Optimizer])[] = [
  ["AdamW, decay 0.1", adamW({ weightDecay: 0.1 })],
  ["Adam, decay in the gradient", adam({ weightDecay: 0.05 })],
  ["momentum and decay", sgd({ momentum: 0.9, weightDecay: 0.05 })],
];
const settings: readonly (readonly [string, StaticOptionsInput, Partial<QatOptions>?])[] = [
  ["int8 per channel", { weightType: "int8" }],
  ["int8 per tensor, layers equalized", { weightType: "int8", perChannel: false, equalize: true }],
  ["int4 per channel", { weightType: "int4" }],
  ["int4 per tensor, ranges observed anew", { weightType: "int4", perChannel: false }, { learnScales: false, observeEpochs: 1 }],
  ["uint8 per tensor with a zero point of its own", { weightType: "uint8", perChannel: false, symmetricWeights: false }],
];

describe("half of the weights pruned, then trained for integers", () => {
  const runs = [
    ...settings.map(([name, how, more]) => [`${name}; ${optimizers[0]![0]}`, how, { optimizer: optimizers[0]![1], ...more }] as const),
    ...optimizers.slice(1).flatMap(([rule, optimizer]) => [["int8", rule, optimizer], ["int4", rule, optimizer]] as const).map(([weightType, rule, optimizer]) => [`${weightType}; ${rule}`, { weightType }, { optimizer }] as const),
  ];
  it.each(runs)("%s: the same zeros", async (_name, how, more) => {
    const source = await pruned({ sparsity: 0.5 });
    const { model, fakeQuantized } = await train(source, { static: how, ...more });
    for (const name of kernels) {
      const zeros = isZero(source, name);
      expect(count(zeros)).toBeGreaterThan(zeros.length / 5);
      expect(isZero(fakeQuantized, name)).toEqual(zeros);
      const integers = isZeroPoint(model, name);
      expect(zeros.every((zero, i) => !zero || integers[i])).toBe(true);
    }
  });

  it("signed weights have zero point 0", async () => {
    for (const weightType of ["int8", "int4"] as const) {
      const { model } = await train(await pruned({ sparsity: 0.5 }), { static: { weightType }, epochs: 1 });
      for (const name of kernels) expect(new Set(tensorOf(model, `${name}_zero_point`).toNumbers())).toEqual(new Set([0]));
    }
  });

  it.each(["int8", "int4"] as const)("2 of 4 weights stay 2 of 4 in %s", async (weightType) => {
    const source = await pruned({ pattern: "2:4" });
    const { model } = await train(source, { static: { weightType } });
    // Those whose channels come in fours: [8, 8, 1, 1] and [10, 16], summed along axis 1.
    for (const name of ["weight_3", "weight_4"]) {
      const integers = tensorOf(model, `${name}_quantized`).toNumbers();
      for (let i = 0; i < integers.length; i += 4) expect(integers.slice(i, i + 4).filter((q) => q !== 0).length).toBeLessThanOrEqual(2);
    }
  });

  it("is an option of quantizeAwareTraining, behind pruneWeights; without it the zeros fill", async () => {
    const [sparse, filled] = await Promise.all([true, false].map(async (keepZeros) => {
      const run = pipeline(pruneWeights({ sparsity: 0.5 }), quantizeAwareTraining({ epochs: 3, batchSize: 4, learningRate: 1e-2, weightDecay: 0.1, keepZeros })).run(dense, services);
      return (await run.result).model;
    }));
    const source = await pruned({ sparsity: 0.5 });
    for (const name of kernels) {
      const [zeros, kept] = [isZero(source, name), isZeroPoint(sparse!, name)];
      expect(zeros.every((zero, i) => !zero || kept[i])).toBe(true);
    }
    const total = (flags: (name: string) => boolean[]): number => kernels.reduce((sum, name) => sum + count(flags(name)), 0);
    expect(total((name) => isZeroPoint(filled!, name))).toBeLessThan(total((name) => isZero(source, name)) / 2);
  });
});
