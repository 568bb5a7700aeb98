/** Try several ways to shrink a model and compare them. Run it: npx tsx --conditions=@lathe/source examples/shrink.ts */
import { Tensor, dataset, pipeline, simplify, topKAccuracy, type Model } from "@lathe/core";
import { loadModel, readIdx } from "@lathe/core/node";
import { benchmark, ortRuntime } from "@lathe/ort";
import { pruneWeights } from "@lathe/prune";
import { dynamicQuantize, staticQuantize } from "@lathe/quantize";

const runtime = ortRuntime();
const path = (file: string): string => new URL(`../fixtures/data/${file}-ubyte.gz`, import.meta.url).pathname;

// %% A model and real images: float32 [1, 28, 28] in [0, 1].
const model = await loadModel(new URL("../fixtures/models/fashion-mobilenet.onnx", import.meta.url));
const images = async (part: string) =>
  dataset({ image: await readIdx(path(`fashion-${part}-images-idx3`)), label: await readIdx(path(`fashion-${part}-labels-idx1`)) }).map(({ image, label }) => ({
    image: Tensor.from("float32", [1, 28, 28], image!.toFloat32().map((p) => p / 255)),
    label: label!,
  }));
const calibration = (await images("train-512")).take(128).batch(16);
const test = (await images("test-2000")).batch(250);

// %% How good is a model?
async function accuracy(candidate: Model): Promise<number> {
  const session = await runtime.load(candidate);
  const [scores, labels]: [number[], number[]] = [[], []];
  for await (const { image, label } of test) {
    scores.push(...(await session.run({ image: image! }))["logits"]!.toFloat32());
    labels.push(...label!.toNumbers());
  }
  await session.dispose();
  return topKAccuracy(scores, labels);
}

// %% Three pipelines. Each runs on a clone: `model` stays as it is.
const ways = {
  simplified: pipeline(simplify()),
  "int8 weights": pipeline(simplify(), dynamicQuantize()),
  "int8, calibrated": pipeline(simplify(), staticQuantize()),
  "a fifth of the weights zero, int8": pipeline(simplify(), pruneWeights({ sparsity: 0.2 }), staticQuantize()),
};
export const results: { name: string; kB: number; top1: number }[] = [{ name: "original", kB: 0, top1: await accuracy(model) }];
const models: Record<string, Model> = { original: model };
for (const [name, way] of Object.entries(ways)) {
  const { model: small, report } = await way.run(model, { data: calibration, runtime, evaluate: accuracy }).result;
  models[name] = small;
  results.push({ name, kB: Math.round(report.data.after.bytes / 1000), top1: await accuracy(small) });
}

// %% Side by side.
const [sample] = await test.take(1).toArray();
const times = await benchmark(models, { image: Tensor.from("float32", [1, 1, 28, 28], sample!["image"]!.toFloat32().slice(0, 784)) }, { threads: 1, rounds: 7, minSampleMs: 2, runtime });
console.table(results.map((row, i) => ({ ...row, ms: times.timings[i]!.median.toFixed(3), faster: `${times.timings[i]!.speedup.toFixed(2)}x` })));
