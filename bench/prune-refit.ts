/**
 * What the ridge refit and the one-shot methods cost: time, processor time and peak memory, each case in a program of its own.
 *
 *   npx tsx --conditions=@lathe/source bench/prune-refit.ts [--code NAME] [--only CASE]
 *
 * Half of all units of a network are cut, and what stays is refitted on random samples; SparseGPT zeroes half of the weights. NAME says which
 * code was measured, so that rows of earlier code stay beside those of the present one. Writes bench/results/prune-refit.json.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { dataset, inferShapes, pipeline, random, simplify, Tensor, type Feeds, type Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { ortRuntime, randomTensor } from "@lathe/ort";
import { pruneChannels, pruneOneShot } from "@lathe/prune";
import { bert, mobileNetV2, resnet20 } from "@lathe/train";
import { recognizerPath } from "../examples/demo/ocr.ts";
import { peakMb } from "./lib/peak-memory.mjs";
import { saveRows } from "./lib/save-rows.ts";

const { values: given, positionals: [measured] } = parseArgs({ allowPositionals: true, options: { code: { type: "string", default: "present" }, only: { type: "string" } } });
const source = (seed: string): (() => number) => random(seed).float;
const images = (count: number, dims: readonly number[], input = "input"): Feeds[] => Array.from({ length: count }, (_, i) => ({ [input]: randomTensor("float32", dims, random(`images ${i}`)) }));

interface Case {
  readonly title: string;
  readonly make: () => Model | Promise<Model>;
  readonly samples: readonly Feeds[];
  readonly oneShot?: boolean;
}

const tokens = (): Feeds[] => Array.from({ length: 16 }, (_, i) => {
  const r = random(`tokens ${i}`);
  const ints = (of: () => number): Tensor => Tensor.int64(Array.from({ length: 128 }, of), [1, 128]);
  return { input_ids: ints(() => r.int(1000)), attention_mask: ints(() => 1) };
});

const cases: Readonly<Record<string, () => Case>> = {
  resnet: () => ({ title: "ResNet-20, 28x28, 512 images: refit", make: () => resnet20({ random: source("resnet"), channels: 1, size: 28, classes: 10, width: 16 }), samples: images(16, [32, 1, 28, 28]) }),
  mobilenet: () => ({ title: "MobileNetV2, 96x96, 64 images: refit", make: () => mobileNetV2({ random: source("mobilenet"), size: 96, classes: 10 }), samples: images(16, [4, 3, 96, 96]) }),
  recognizer: () => ({ title: "PP-OCRv4 recogniser, 32 lines of 320 pixels: refit", make: async () => (await pipeline(simplify()).run(await loadModel(recognizerPath), {}).result).model, samples: images(32, [1, 3, 48, 320], "x") }),
  bert: () => ({ title: "BERT, 6 layers of 256, 16 x 128 tokens: SparseGPT", oneShot: true, make: () => bert({ random: source("bert"), vocabulary: 1000, tokens: 128, hidden: 256, heads: 4, layers: 6, mlp: 1024, classes: 10 }), samples: tokens() }),
};

async function run({ title, make, samples, oneShot }: Case): Promise<object> {
  const model = await make();
  inferShapes(model);
  const runtime = ortRuntime({ placement: "inline", load: { threads: 1, memoryPattern: false }, onWarning: () => undefined });
  const before = peakMb();
  const [begin, cpu] = [performance.now(), process.cpuUsage()];
  const services = { runtime, data: dataset(samples) };
  const step = oneShot ? pruneOneShot({ samples: samples.length }) : pruneChannels({ ratio: 0.5, scope: "group", roundTo: 1, refit: true, samples: samples.length });
  const { report } = await pipeline(step).run(model, services).result;
  const { user, system } = process.cpuUsage(cpu);
  const { refitLayers, errorBefore, errorAfter, layers } = report.data.steps[0]!.metrics;
  return { case: title, code: given.code, layers: refitLayers ?? layers, ...(oneShot ? {} : { errorBefore, errorAfter }), wallS: (performance.now() - begin) / 1000, processorS: (user + system) / 1e6, peakMb: peakMb(), peakMbBefore: before };
}

if (measured !== undefined) console.log(JSON.stringify(await run(cases[measured]!())));
else {
  const rows = Object.keys(cases).filter((name) => given.only === undefined || given.only === name).map((name) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), name, "--code", given.code], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    const row = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, unknown>;
    console.log(row);
    return row;
  });
  saveRows("prune-refit", {}, rows, (row) => `${String(row["case"])} ${String(row["code"])}`);
}
