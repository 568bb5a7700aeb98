/**
 * Pruning end to end on Fashion-MNIST, everything trained by @lathe/train in ONNX Runtime.
 *
 *   npx tsx --conditions=@lathe/source bench/prune-fashion.ts FASHION_FOLDER WORK_FOLDER [images] [epochs] [fine-tuning epochs] [MobileNet | ResNet-20]
 *
 * FASHION_FOLDER holds the four gzipped IDX files; the trained network is kept in WORK_FOLDER and taken from there the next time.
 * ResNet-20 (width 16, 28 x 28): dense, also trained on for as long as the others; channels cut to half of the multiply-adds by L2, alone, with the refit, and fine-tuned; 80 % of
 * single weights cut during training. The repository's MobileNet (fixtures/models/fashion-mobilenet.onnx) the same way. Accuracy is of all
 * 10,000 test images, latency the processor time at batch 1 on one thread, interleaved with the dense network. Prints tables and writes bench/results/prune-fashion.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { dataset, pipeline, random, stats, Tensor, type Model } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { compressedSizes, polynomialDecay, pruneChannels, pruneWeights, sparseFit, updatesAt } from "@lathe/prune";
import { adamW, cosine, evaluate, fit, sgd, type Optimizer, type TrainingData } from "@lathe/train";
import { processorTimes } from "./lib/processor-time.ts";
import { fashion, trainedResNet, type Fashion } from "./lib/fashion.ts";

const repo = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const [folder, work, images = "15000", epochs = "4", tuning = "1", only] = process.argv.slice(2);
if (folder === undefined || work === undefined) throw new Error("Give the folder of Fashion-MNIST and one to work in.");
const runtime = ortRuntime({ load: { memoryPattern: false }, onWarning: () => undefined });

interface Row {
  readonly network: string;
  readonly variant: string;
  readonly accuracy: number;
  readonly parameters: number;
  readonly macs: number;
  readonly gzipBytes: number;
  readonly milliseconds?: number;
  readonly speedup?: number;
}
const rows: Row[] = [];

async function judge(network: string, variant: string, model: Model, test: TrainingData, dense?: Model, batch = 1): Promise<Row> {
  const { accuracy } = await evaluate(model, test, { runtime });
  const input = model.graph.inputs[0]!.name;
  const facts = stats(model, { bindings: { N: 1 }, sparsity: false });
  const sizes = await compressedSizes(model);
  const feeds = { [input]: Tensor.from("float32", [batch, 1, 28, 28], Float32Array.from({ length: batch * 784 }, (_, i) => (i % 17) / 17)) };
  const [before, after] = dense ? await processorTimes([dense, model], feeds) : [];
  const row = { network, variant, accuracy: accuracy!, parameters: facts.parameters, macs: facts.macs, gzipBytes: sizes.gzip, ...(before && after ? { milliseconds: after, speedup: before / after } : {}) };
  rows.push(row);
  console.log(network, "|", variant, "|", (row.accuracy * 100).toFixed(2), "% |", row.parameters, "params |", (row.macs / 1e6).toFixed(2), "M |", row.gzipBytes, "bytes |", row.speedup ? `${row.milliseconds!.toFixed(3)} ms ${row.speedup.toFixed(2)}x` : "");
  return row;
}

/** How a network is trained on: those whose normalisation was folded away bear smaller steps only. */
interface Recipe {
  readonly optimizer: Optimizer;
  readonly rate: number;
  /** Kept widths are multiples of this: 16 is the block of ONNX Runtime's kernels with AVX-512; a narrow network has to do with 8. */
  readonly widths: readonly number[];
}

async function tune(model: Model, { train }: Fashion, { optimizer, rate }: Recipe): Promise<Model> {
  const run = fit({ model, data: train, epochs: Number(tuning), batchSize: 64, optimizer, schedule: cosine(rate), seed: 2, keep: "last", runtime });
  for await (const event of run) if (event.type === "step" && event.step % 50 === 0) console.log(`  fine-tuning ${event.step}/${event.totalSteps} loss ${event.loss.toFixed(3)} ${event.stepMs.toFixed(0)} ms`);
  return (await run.result).model;
}

async function compareAll(network: string, dense: Model, data: Fashion, recipe: Recipe): Promise<void> {
  const samples = dataset(Array.from({ length: 8 }, (_, i) => data.train.batch(Array.from({ length: 32 }, (__, k) => i * 32 + k), random(0))) as never);
  const services = { runtime, data: samples };
  await judge(network, "dense", dense, data.test);
  for (const width of recipe.widths) {
    const options = { ratio: 0.5, target: "macs", criterion: "l2", scope: "global", roundTo: width, minimum: width } as const;
    const { model: cut } = await pipeline(pruneChannels(options)).run(dense, services).result;
    await judge(network, `half the MACs cut, widths of ${width}`, cut, data.test, dense);
    const { model: refitted } = await pipeline(pruneChannels({ ...options, refit: true, estimateBatchNorm: true, samples: 8 })).run(dense, services).result;
    await judge(network, `cut and refit, no labels, widths of ${width}`, refitted, data.test, dense);
    const tuned = await tune(refitted, data, recipe);
    await saveModel(tuned, `${work}/${network}-cut-${width}.onnx`);
    await judge(network, `cut, refit, fine-tuned, widths of ${width}`, tuned, data.test, dense);
  }
  const { model: zeroed } = await pipeline(pruneWeights({ sparsity: 0.8 })).run(dense).result;
  await judge(network, "80 % of weights zeroed", zeroed, data.test, dense);
  const steps = Number(tuning) * Math.floor(data.train.size / 64);
  const end = Math.floor(steps * 0.6);
  const sparse = await sparseFit({
    model: dense, data: data.train, runtime, epochs: Number(tuning), batchSize: 64, optimizer: recipe.optimizer, schedule: cosine(recipe.rate), seed: 3,
    sparsity: polynomialDecay({ initial: 0.5, final: 0.8, begin: 0, end }), updates: updatesAt({ begin: 0, end, frequency: Math.max(1, Math.floor(end / 12)) }),
    onStep: ({ step, total, loss, sparsity }) => { if (step % 50 === 0) console.log(`  sparse ${step}/${total} loss ${loss.toFixed(3)} sparsity ${sparsity.toFixed(3)}`); },
  });
  await judge(network, "80 % zeroed while training", sparse.model, data.test, dense);
  // The fair reference: dense weights that were trained on for as long.
  await judge(network, "dense, trained on as long", await tune(dense, data, recipe), data.test);
}

if (only !== "ResNet-20") {
  await compareAll("MobileNet", await loadModel(repo("fixtures/models/fashion-mobilenet.onnx")), fashion(folder, Number(images), "image", {}), { optimizer: adamW({ weightDecay: 0 }), rate: 5e-4, widths: [8] });
}
if (only !== "MobileNet") {
  const data = fashion(folder, Number(images));
  await compareAll("ResNet-20", await trainedResNet(`${work}/resnet20-16.onnx`, data, Number(epochs), 16), data, { optimizer: sgd({ momentum: 0.9, weightDecay: 5e-4 }), rate: 0.02, widths: [8, 16] });
}
console.table(rows);
mkdirSync(repo("bench/results"), { recursive: true });
writeFileSync(repo(`bench/results/prune-fashion${only ? `-${only.toLowerCase()}` : ""}.json`), `${JSON.stringify({ images: Number(images), epochs: Number(epochs), tuning: Number(tuning), load: loadavg()[0], rows }, null, 1)}\n`);
