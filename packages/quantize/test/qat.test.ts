/** Quantization-aware training: what it recovers, and that its result is what was trained. */
import { beforeAll, describe, expect, it } from "vitest";
import { Tensor, argmax, dataset, decodeModel, pipeline, random, type Dataset, type Model } from "@lathe/core";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { quantizeAware, quantizeAwareTraining, quantizeStatic, verifyFusion, type QatResult, type StaticOptionsInput } from "@lathe/quantize";
import { registerConformance, tinyCnn } from "@lathe/testkit";
import { adamW, combine, cosine, crossEntropy, distillation, trainer } from "@lathe/train";
import { accuracy, images, labels } from "./fashion.ts";
import { readModel } from "./models.ts";

const runtime = ortRuntime();
const asWritten = { config: { "session.disable_quant_qdq": "1" } };

/** Images with their labels, in batches of 32. */
function labelled(): Dataset {
  const truth = labels("fashion-train-512");
  return dataset(images("fashion-train-512", 32).map((batch, i) => ({ ...batch, labels: Tensor.int64(Array.from(truth.subarray(i * 32, i * 32 + 32))) })));
}

const operators = (model: Model): string[] => [...model.graph.nodes].map((n) => n.opType).sort();

describe("quantization-aware training of the Fashion-MNIST network with 4-bit weights", () => {
  const settings: StaticOptionsInput = { weightType: "int4" };
  const float = decodeModel(readModel("fashion-mobilenet"));
  let before: Model;
  let result: QatResult;

  beforeAll(async () => {
    before = (await quantizeStatic(float, settings, { runtime, data: labelled() })).model;
    result = await quantizeAware(float, {
      static: settings, loss: combine([[0.1, crossEntropy()], [0.9, distillation({ temperature: 2 })]]), optimizer: adamW({ weightDecay: 0 }), schedule: cosine(1e-3),
      epochs: 2, batchSize: 32, learnScales: true, observeEpochs: 0, seed: 1, teach: true,
    }, { runtime, trainer: trainer({ runtime }), data: labelled() });
  }, 300_000);

  it("recovers more than half of what static quantization loses", async () => {
    const [whole, cut, trained] = [await accuracy(float, runtime), await accuracy(before, runtime), await accuracy(result.model, runtime)];
    expect(whole - cut).toBeGreaterThan(0.01);
    expect(trained - cut).toBeGreaterThan((whole - cut) / 2);
  });

  it("gives the operators and types that static quantization gives", () => {
    expect(operators(result.model)).toEqual(operators(before));
    const types = (model: Model): string[] => [...model.graph.initializers].map((v) => `${v.dtype}[${v.tensor!.dims.join()}]`).sort();
    expect(types(result.model)).toEqual(types(before));
  });

  it("computes what was trained, to one step of the output's scale", async () => {
    const [feeds] = images("fashion-test-2000", 64);
    const run = async (model: Model, load = {}): Promise<Float32Array> => {
      const session = await runtime.load(model, load);
      const out = (await session.run(feeds!))["logits"]!.toFloat32();
      await session.dispose();
      return out;
    };
    const scale = result.model.graph.value("logits_scale")!.tensor!.toFloat32()[0]!;
    const [trained, written] = [await run(result.fakeQuantized, asWritten), await run(result.model, { optimization: "disabled", ...asWritten })];
    const off = trained.map((v, i) => Math.abs(v - written[i]!) / scale);
    expect(Math.max(...off)).toBeLessThan(1.01);
  });

  it("left the weights' rounding to the trained scales", () => {
    const moved = [...result.model.graph.initializers].filter((v) => v.name.endsWith("_scale")).some((v) => {
      const other = before.graph.value(v.name)?.tensor;
      return other && !Buffer.from(other.bytes()).equals(Buffer.from(v.tensor!.bytes()));
    });
    expect(moved).toBe(true);
  });
});

describe("the same network trained with 8-bit weights, on ONNX Runtime's integer kernels", () => {
  let result: QatResult;
  beforeAll(async () => {
    result = await quantizeAware(decodeModel(readModel("fashion-mobilenet")), {
      loss: crossEntropy(), optimizer: adamW({ weightDecay: 0 }), schedule: cosine(1e-4), epochs: 1, batchSize: 32, learnScales: true, observeEpochs: 0, seed: 1, teach: false,
    }, { runtime, trainer: trainer({ runtime }), data: labelled().take(4) });
  }, 300_000);

  it("has all its layers fused", async () => {
    expect((await verifyFusion(result.model)).integer).toMatchObject({ "com.microsoft.QLinearConv": 17, "com.microsoft.QGemm": 1 });
  });

  it.each(["extended", "all"] as const)("gives what was trained (level %s): every logit to one step of the output, most exactly", async (optimization) => {
    const scale = result.model.graph.value("logits_scale")!.tensor!.toFloat32()[0]!;
    const [trained, fused] = [await runtime.load(result.fakeQuantized, asWritten), await runtime.load(result.model, { optimization })];
    const off: number[] = [];
    let same = 0;
    for (const feeds of images("fashion-test-2000", 100).slice(0, 3)) {
      const [a, b] = [(await trained.run(feeds))["logits"]!.toFloat32(), (await fused.run(feeds))["logits"]!.toFloat32()];
      a.forEach((v, i) => off.push(Math.round(Math.abs(v - b[i]!) / scale)));
      const [first, second] = [argmax(a, 10), argmax(b, 10)];
      first.forEach((c, i) => (same += c === second[i] ? 1 : 0));
    }
    await trained.dispose();
    await fused.dispose();
    const within = (steps: number): number => off.filter((o) => o <= steps).length / off.length;
    expect(within(0)).toBeGreaterThan(0.9);
    expect(within(1)).toBe(1);
    expect(same).toBeGreaterThanOrEqual(297);
  });
});

const cnn = tinyCnn();
const classes = Number(cnn.graph.outputs[0]!.shape!.at(-1));
const r = random("labels");
const data = dataset([0, 1, 2].map((seed) => ({ ...randomFeeds(cnn, { seed, unbound: 2 }), labels: Tensor.int64([r.int(classes), r.int(classes)]) })));

registerConformance(quantizeAwareTraining, {
  examples: [
    { name: "learned scales", model: cnn, options: { batchSize: 2 }, services: { data, runtime, trainer: trainer({ runtime }) } },
    { name: "observed ranges, distilled", model: cnn, options: { batchSize: 3, epochs: 2, learnScales: false, static: { perChannel: false }, distill: {} }, services: { data, runtime, trainer: trainer({ runtime }) } },
  ],
}, { describe, it });

describe("quantize-aware", () => {
  it("reports what static quantization reports, and the losses", async () => {
    const { report } = await pipeline(quantizeAwareTraining({ epochs: 2, batchSize: 3 })).run(cnn, { data, runtime, trainer: trainer({ runtime }) }).result;
    expect(report.data.steps[0]!.metrics).toMatchObject({ activationType: "uint8", weightType: "int8", steps: 4 });
    expect(report.data.steps[0]!.metrics["firstEpochLoss"]).toBeGreaterThan(0);
  });
});
