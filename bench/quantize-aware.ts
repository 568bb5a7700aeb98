/**
 * What quantization-aware training recovers, and that ONNX Runtime's integer kernels compute what was trained: the Fashion-MNIST network of the
 * fixtures, trained on 512 images for 4 epochs with the float model as teacher, judged on 2,000 others.
 *
 *   npx tsx --conditions=@lathe/source bench/quantize-aware.ts
 *
 * About a minute. Prints a table and writes bench/results/quantize-aware.json.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { dataset, random, type Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { quantizeAware, quantizeStatic, type QatResult, type StaticOptionsInput } from "@lathe/quantize";
import { adamW, combine, cosine, crossEntropy, distillation, evaluate, trainer, type TrainingData } from "@lathe/train";
import { images } from "./lib/mnist.ts";

const EPOCHS = 4;
const BATCH = 32;
const runtime = ortRuntime({ onWarning: () => undefined });
const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const set = (name: string): TrainingData => images(fixture(`data/${name}-images-idx3-ubyte.gz`), fixture(`data/${name}-labels-idx1-ubyte.gz`), { input: "image" });
const [train, test] = [set("fashion-train-512"), set("fashion-test-2000")];
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const batches = await Promise.all(range(0, train.size / BATCH).map((i) => train.batch(range(i * BATCH, BATCH), random(0))));
const data = dataset(batches);
const float = await loadModel(fixture("models/fashion-mobilenet.onnx"));

const settings: Readonly<Record<string, StaticOptionsInput>> = {
  "int4 per channel": { weightType: "int4" },
  "int4 per tensor": { weightType: "int4", perChannel: false },
  "int8 per tensor": { perChannel: false },
};

const accuracy = async (model: Model): Promise<number> => (await evaluate(model, test, { runtime }))["accuracy"]!;

const trained = (options: StaticOptionsInput): Promise<QatResult> =>
  quantizeAware(float, {
    static: options, loss: combine([[0.1, crossEntropy()], [0.9, distillation({ temperature: 2 })]]), optimizer: adamW({ weightDecay: 0 }), schedule: cosine(1e-3),
    epochs: EPOCHS, batchSize: BATCH, learnScales: true, observeEpochs: 0, seed: 1, teach: true,
  }, { runtime, trainer: trainer({ runtime }), data });

/** Shares of logits that are equal, and within one step of the output's scale, between what was trained and the fused integer kernels. */
async function onKernels({ fakeQuantized, model }: QatResult): Promise<{ equal: number; withinOneStep: number; logits: number }> {
  const scale = model.graph.value("logits_scale")!.tensor!.toFloat32()[0]!;
  const sessions = [await runtime.load(fakeQuantized, { config: { "session.disable_quant_qdq": "1" } }), await runtime.load(model)] as const;
  const { image } = await test.batch(range(0, 300), random(0));
  const [a, b] = await Promise.all(sessions.map(async (session) => (await session.run({ image: image! }))["logits"]!.toFloat32()));
  for (const session of sessions) await session.dispose();
  const off = a!.map((v, i) => Math.round(Math.abs(v - b![i]!) / scale));
  const within = (steps: number): number => off.filter((o) => o <= steps).length / off.length;
  return { equal: within(0), withinOneStep: within(1), logits: off.length };
}

const rows = [];
for (const [weights, options] of Object.entries(settings)) {
  const before = await accuracy((await quantizeStatic(float, options, { runtime, data })).model);
  const result = await trained(options);
  rows.push({ weights, static: before, trained: await accuracy(result.model) });
}
const kernels = await onKernels(await trained({}));
const base = await accuracy(float);
console.table(rows);
console.log({ float: base, kernels });
writeFileSync(fileURLToPath(new URL("results/quantize-aware.json", import.meta.url)), `${JSON.stringify({ epochs: EPOCHS, images: train.size, float: base, rows, kernels }, null, 1)}\n`);
