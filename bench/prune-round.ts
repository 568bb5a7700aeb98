/**
 * What multiples of channels are worth: trained networks cut to the same multiply-adds, with widths rounded to 1, 4, 8, 16 and 32.
 *
 *   npx tsx --conditions=@lathe/source bench/prune-round.ts FASHION_FOLDER WORK_FOLDER [NETWORK]
 *
 * WORK_FOLDER has the dense networks that bench/prune-fashion.ts left there. Accuracy of 10,000 test images after the refit on 512 unlabelled
 * training images (statistics of BatchNormalization measured again); processor time on one thread, in turns with the dense network.
 * Writes bench/results/prune-round.json.
 */
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { dataset, inferShapes, isLatheError, pipeline, random, stats, Tensor, type Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { ortRuntime } from "@lathe/ort";
import { dependencyGraph, pruneChannels } from "@lathe/prune";
import { evaluate } from "@lathe/train";
import { fashion } from "./lib/fashion.ts";
import { processorTimes } from "./lib/processor-time.ts";
import { saveRows } from "./lib/save-rows.ts";

const [folder, work, only] = process.argv.slice(2);
if (folder === undefined || work === undefined) throw new Error("Give the folder of Fashion-MNIST and the one with the dense networks.");
const runtime = ortRuntime({ load: { memoryPattern: false, threads: 1 }, onWarning: () => undefined });
const data = fashion(folder, 60_000, "input", {}, 1);
const BATCHES = 16;
const samples = dataset(await Promise.all(Array.from({ length: BATCHES }, async (_, i) => ({ input: (await data.train.batch(Array.from({ length: 32 }, (__, k) => i * 32 + k), random(i)))["input"]! }))));
const images = (count: number): Record<string, Tensor> => ({ input: Tensor.from("float32", [count, 1, 28, 28], Float32Array.from({ length: count * 784 }, (_, i) => (i % 17) / 17)) });

const networks = ["ResNet-20", "MobileNetV2", "ViT"];
const ratios = [0.4, 0.6];
const steps = [1, 4, 8, 16, 32];

/** Groups that a normalisation spans stay whole: what is compared is rounding, not their loss. */
function spanned(model: Model): string[] {
  const shaped = model.clone();
  inferShapes(shaped);
  return dependencyGraph(shaped).groups.filter((g) => g.approximate).map((g) => g.name);
}

interface Row {
  readonly network: string;
  readonly wanted: number;
  readonly roundTo: number;
  /** Missing where no cut of such widths goes so far. */
  readonly macs?: number;
  readonly accuracy?: number;
  readonly speedup?: number;
  readonly speedup8?: number;
  readonly widths?: readonly number[];
}
const rows: Row[] = [];
for (const network of networks.filter((name) => only === undefined || name === only)) {
  const dense = await loadModel(join(work, `${network}.onnx`));
  const exclude = spanned(dense);
  const before = stats(dense, { bindings: { N: 1 }, sparsity: false }).macs;
  for (const wanted of ratios) {
    const made: { roundTo: number; model: Model; widths: number[] }[] = [];
    for (const roundTo of steps) {
      try {
        const { model, report } = await pipeline(pruneChannels({ ratio: wanted, target: "macs", roundTo, exclude, refit: true, estimateBatchNorm: true, samples: BATCHES, maxRatio: 0.9 })).run(dense, { runtime, data: samples }).result;
        made.push({ roundTo, model, widths: (report.data.steps[0]!.details as unknown as { widths: { after: number }[] }).widths.map((w) => w.after) });
      } catch (error) {
        if (!isLatheError(error, "PRUNE_TARGET")) throw error;
        rows.push({ network, wanted, roundTo });
      }
    }
    const all = [dense, ...made.map((m) => m.model)];
    const [one, eight] = [await processorTimes(all, images(1), 7, 30), await processorTimes(all, images(8), 5, 8)];
    for (const [i, { roundTo, model, widths }] of made.entries()) {
      const { accuracy } = await evaluate(model, data.test, { runtime, batchSize: 500 });
      const { macs } = stats(model, { bindings: { N: 1 }, sparsity: false });
      rows.push({ network, wanted, roundTo, macs: macs / before, accuracy: accuracy!, speedup: one[0]! / one[i + 1]!, speedup8: eight[0]! / eight[i + 1]!, widths });
      console.log(JSON.stringify(rows.at(-1)));
    }
  }
}
saveRows("prune-round", { cpu: cpus()[0]?.model, load: loadavg()[0] }, rows.map((row) => ({ ...row })), (row) => `${String(row["network"])} ${String(row["wanted"])} ${String(row["roundTo"])}`);
