/**
 * Pruning end to end on Fashion-MNIST, everything trained by @lathe/train in ONNX Runtime.
 *
 *   npx tsx --conditions=@lathe/source bench/prune-fashion.ts FASHION_FOLDER WORK_FOLDER [--images 60000] [--threads 2] [--only NAME] [--skip longer]
 *
 * FASHION_FOLDER holds the four gzipped IDX files. ResNet-20, a MobileNetV2 and a small ViT (bench/lib/fashion-nets.ts): dense; channels, heads
 * and inner widths cut to less than half of the multiply-adds, alone, refitted with unlabelled training images, and fine-tuned with the
 * dense network as teacher; 80 % of single weights cut, at once and during training; the dense network trained on for as long.
 * Every trained network is kept in WORK_FOLDER and taken from there the next time, so that a run that was broken off goes on.
 * Accuracy is of all 10,000 test images. Times are processor time on one thread, interleaved with the dense network, so that other work on
 * the machine disturbs them little. Prints the table and writes bench/results/prune-fashion.json (with --only, prune-fashion-NAME.json).
 */
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { dataset, pipeline, random, stats, Tensor, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { compressedSizes, polynomialDecay, pruneChannels, pruneWeights, sparseFit, updatesAt } from "@lathe/prune";
import { combine, crossEntropy, distillation, evaluate, oneCycle, withTeacher } from "@lathe/train";
import { cutsOf } from "./lib/fashion-cuts.ts";
import { denseNetwork, kept, networks, trained, type Network } from "./lib/fashion-nets.ts";
import { fashion } from "./lib/fashion.ts";
import { processorTimes } from "./lib/processor-time.ts";

const { values: given, positionals: [folder, work] } = parseArgs({
  allowPositionals: true,
  options: { images: { type: "string", default: "60000" }, threads: { type: "string", default: "2" }, only: { type: "string" }, skip: { type: "string" } },
});
if (folder === undefined || work === undefined) throw new Error("Give the folder of Fashion-MNIST and one to work in.");
const runtime = ortRuntime({ load: { memoryPattern: false, threads: Number(given.threads) }, onWarning: () => undefined });
const data = fashion(folder, Number(given.images), "input", {}, 1);
const BATCHES = 16;
const samples = dataset(await Promise.all(Array.from({ length: BATCHES }, async (_, i) => ({ input: (await data.train.batch(Array.from({ length: 32 }, (__, k) => i * 32 + k), random(i)))["input"]! }))));
const services = { runtime, data: samples };

interface Row {
  readonly network: string;
  readonly variant: string;
  readonly accuracy: number;
  readonly parameters: number;
  readonly macs: number;
  readonly gzipBytes: number;
  readonly milliseconds?: number;
  /** Times as fast as the dense network, for one image and for eight at a time. */
  readonly speedup?: number;
  readonly speedup8?: number;
}
const rows: Row[] = [];

const images = (count: number): Record<string, Tensor> => ({ input: Tensor.from("float32", [count, 1, 28, 28], Float32Array.from({ length: count * 784 }, (_, i) => (i % 17) / 17)) });

async function times(dense: Model, model: Model): Promise<Pick<Row, "milliseconds" | "speedup" | "speedup8">> {
  const [before, after] = await processorTimes([dense, model], images(1));
  const [before8, after8] = await processorTimes([dense, model], images(8), 7);
  return { milliseconds: after!, speedup: before! / after!, speedup8: before8! / after8! };
}

async function judge(network: string, variant: string, model: Model, dense?: Model): Promise<void> {
  const { accuracy } = await evaluate(model, data.test, { runtime, batchSize: 500 });
  const { parameters, macs } = stats(model, { bindings: { N: 1 }, sparsity: false });
  const { gzip } = await compressedSizes(model);
  const row: Row = { network, variant, accuracy: accuracy!, parameters, macs, gzipBytes: gzip, ...(dense ? await times(dense, model) : {}) };
  rows.push(row);
  const speed = row.speedup === undefined ? "" : `${row.milliseconds!.toFixed(3)} ms, ${row.speedup.toFixed(2)} and ${row.speedup8!.toFixed(2)} times as fast`;
  console.log(`${network} | ${variant} | ${(row.accuracy * 100).toFixed(2)} % | ${parameters} parameters | ${(macs / 1e6).toFixed(2)} M | ${gzip} bytes | ${speed}`);
}

async function structured({ name, optimizer, tuning, cutRate }: Network, dense: Model): Promise<void> {
  for (const [i, { title, options }] of cutsOf(name, dense).entries()) {
    const { model: cut } = await pipeline(pruneChannels({ ...options, samples: BATCHES })).run(dense, services).result;
    await judge(name, `${title} cut`, cut);
    const { model: refitted } = await pipeline(pruneChannels({ ...options, refit: true, estimateBatchNorm: true, samples: BATCHES })).run(dense, services).result;
    await judge(name, `${title} cut, refit without labels`, refitted);
    const tuned = await kept(work!, `${name}-cut-${i}`, async (path) => {
      const taught = await withTeacher(data.train, dense, runtime);
      const loss = combine([[0.5, crossEntropy()], [0.5, distillation()]]);
      return trained(path, { model: refitted, data: taught.data, loss, epochs: tuning, optimizer, schedule: oneCycle(cutRate), seed: 2, runtime }).finally(() => taught.dispose());
    });
    await judge(name, `${title} cut, refit, fine-tuned`, tuned, dense);
  }
}

async function sparse({ name, optimizer, tuning, tuningRate }: Network, dense: Model): Promise<void> {
  const { model: zeroed } = await pipeline(pruneWeights({ sparsity: 0.8 })).run(dense).result;
  await judge(name, "80 % of weights zeroed", zeroed);
  const model = await kept(work!, `${name}-sparse`, async () => {
    const steps = tuning * Math.floor(data.train.size / 64);
    const end = Math.floor(steps * 0.5);
    const result = await sparseFit({
      model: dense, data: data.train, runtime, epochs: tuning, batchSize: 64, optimizer, schedule: oneCycle(tuningRate), seed: 3,
      sparsity: polynomialDecay({ initial: 0.4, final: 0.8, begin: 0, end }), updates: updatesAt({ begin: 0, end, frequency: Math.max(1, Math.floor(end / 20)) }),
      onStep: ({ step, total, loss, sparsity }) => { if (step % 100 === 0) console.log(`  ${step}/${total} loss ${loss.toFixed(3)} sparsity ${sparsity.toFixed(3)}`); },
    });
    return result.model;
  });
  await judge(name, "80 % zeroed while training", model);
}

/** The fair reference: dense weights that were trained on for as long as the others. */
async function longer({ name, optimizer, tuning, tuningRate }: Network, dense: Model): Promise<void> {
  const model = await kept(work!, `${name}-longer`, (path) => trained(path, { model: dense, data: data.train, epochs: tuning, optimizer, schedule: oneCycle(tuningRate), seed: 2, runtime }));
  await judge(name, "dense, trained on as long", model);
}

const chosen = networks.filter((n) => given.only === undefined || n.name === given.only);
const dense = new Map<Network, Model>();
for (const network of chosen) {
  const model = await denseNetwork(work, network, data.train, runtime);
  dense.set(network, model);
  await judge(network.name, "dense", model);
  await structured(network, model);
  await sparse(network, model);
}
if (given.skip !== "longer") for (const network of chosen) await longer(network, dense.get(network)!);

const order = chosen.map((n) => n.name);
rows.sort((a, b) => order.indexOf(a.network) - order.indexOf(b.network));
console.table(rows);
const about = { images: data.train.size, networks: chosen.map(({ name, epochs, tuning }) => ({ name, epochs, tuning })), load: loadavg()[0], rows };
writeFileSync(fileURLToPath(new URL(`results/prune-fashion${given.only ? `-${given.only.toLowerCase()}` : ""}.json`, import.meta.url)), `${JSON.stringify(about, null, 1)}\n`);
