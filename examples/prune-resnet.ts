/**
 * A residual network trained from scratch, cut to less than half of its work, and taught by what it was. Open it in any editor with cells, or run
 *   npx tsx --conditions=@lathe/source examples/prune-resnet.ts [FOLDER]
 * which takes about a minute on two quiet cores with the 512 pictures that come with the repository. FOLDER holds the four gzipped files of
 * Fashion-MNIST, for all 60,000, which takes much longer. EPOCHS and WIDTH in the environment change the size of the run. Writes
 * demo-output/prune-resnet.html.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { dataset, pipeline, random, stats, Tensor, type Model } from "@lathe/core";
import { readIdx } from "@lathe/core/node";
import { benchmark, ortRuntime } from "@lathe/ort";
import { pruneChannels } from "@lathe/prune";
import { compose, evaluate, finetune, fit, flip, oneCycle, resnet20, sgd, shift, tensorData, trainer } from "@lathe/train";

const folder = process.argv[2];
const epochs = Number(process.env["EPOCHS"] ?? (folder === undefined ? 24 : 3));
const width = Number(process.env["WIDTH"] ?? 16);
const runtime = ortRuntime({ load: { memoryPattern: false } });

// %% Pictures as float32 [N, 1, 28, 28] around zero, labels as int64 [N].
const fixtures = fileURLToPath(new URL("../fixtures/data", import.meta.url));
const files = folder === undefined ? { at: fixtures, train: "fashion-train-512", test: "fashion-test-2000" } : { at: folder, train: "train", test: "t10k" };
async function pictures(part: string): Promise<{ input: Tensor; labels: Tensor }> {
  const open = (kind: string) => readIdx(join(files.at, `${part}-${kind}-ubyte.gz`));
  const pixels = await open("images-idx3");
  const input = Tensor.from("float32", [pixels.dims[0]!, 1, 28, 28], pixels.toFloat32().map((p) => (p / 255 - 0.286) / 0.353));
  return { input, labels: Tensor.int64((await open("labels-idx1")).toNumbers()) };
}
const [seen, unseen] = [await pictures(files.train), await pictures(files.test)];
const augmented = tensorData(seen, compose(flip("input"), shift(2, "input")));
const test = tensorData(unseen);
const top1 = async (model: Model): Promise<number> => (await evaluate(model, test, { runtime, batchSize: 250 }))["accuracy"]!;

// %% The dense network, trained for a short while.
const optimizer = sgd({ momentum: 0.9, weightDecay: 5e-4 });
const run = fit({ model: resnet20({ random: random("resnet").float, channels: 1, size: 28, width }), data: augmented, epochs, batchSize: 32, optimizer, schedule: oneCycle(0.1), seed: 1, runtime });
for await (const event of run) if (event.type === "epoch") console.log(`epoch ${event.epoch}: loss ${event.loss.toFixed(3)}, ${(event.elapsedMs / 1000).toFixed(0)} s`);
const dense = (await run.result).model;

// %% Half of the multiply-adds gone. The refit needs pictures, fine-tuning their labels too, and the dense network is the teacher.
const indices = Array.from({ length: Math.floor(augmented.size / 32) }, (_, b) => Array.from({ length: 32 }, (__, i) => b * 32 + i));
const labelled = dataset(await Promise.all(indices.map(async (batch, i) => augmented.batch(batch, random(i)))));
const cut = { ratio: 0.5, target: "macs", scope: "global", roundTo: width, minimum: width } as const;
const refit = { ...cut, refit: true, estimateBatchNorm: true, samples: 8 } as const;
const tune = { epochs: Math.ceil(epochs / 2), batchSize: 32, optimizer: "sgd", learningRate: 0.02, weightDecay: 5e-4, distill: { weight: 0.5 } } as const;
const services = { data: labelled, runtime, trainer: trainer({ runtime, teacher: dense }) };
const tuned = await pipeline(pruneChannels(refit), finetune(tune)).run(dense, services).result;
const variants: Record<string, Model> = {
  dense,
  "half of the MACs cut": (await pipeline(pruneChannels(cut)).run(dense).result).model,
  "cut, refit without labels": (await pipeline(pruneChannels(refit)).run(dense, services).result).model,
  "cut, refit, fine-tuned": tuned.model,
};

// %% Side by side: accuracy on pictures that none of this has seen, work, size, and time of one picture on one thread.
const times = await benchmark(variants, { input: Tensor.from("float32", [1, 1, 28, 28], unseen.input.toFloat32().slice(0, 784)) }, { threads: 1, rounds: 9, minSampleMs: 5, runtime });
export const rows: { name: string; top1: number; macs: number; parameters: number; ms: number; speedup: number }[] = [];
for (const [i, [name, model]] of Object.entries(variants).entries()) {
  const { parameters, macs } = stats(model, { bindings: { N: 1 }, sparsity: false });
  const { median, speedup } = times.timings[i]!;
  rows.push({ name, top1: await top1(model), macs, parameters, ms: median, speedup });
}
console.table(rows.map(({ name, top1: share, macs, parameters, ms, speedup }) => ({ name, accuracy: `${(share * 100).toFixed(2)} %`, MACs: `${(macs / 1e6).toFixed(1)} M`, parameters, ms: ms.toFixed(3), faster: `${speedup.toFixed(2)}x` })));

// %% The report, for a browser.
const report = tuned.report.with({ title: "ResNet-20 on Fashion-MNIST, cut in half", benchmark: times, accuracy: rows.map(({ name, top1: accuracy }) => ({ name, scores: { accuracy }, samples: test.size })) });
const output = new URL("../demo-output/", import.meta.url);
await mkdir(output, { recursive: true });
await writeFile(new URL("prune-resnet.html", output), report.toHtml());
console.log("wrote demo-output/prune-resnet.html");
