/**
 * Distillation on Fashion-MNIST: a student trained on the labels alone, and with a teacher in several ways, from the same weights, on the same
 * images, in the same order, for the same number of steps.
 *
 *   npx tsx --conditions=@lathe/source bench/distill-fashion.ts FASHION_FOLDER WORK_FOLDER [images] [epochs] [seeds]
 *
 * FASHION_FOLDER holds the four gzipped IDX files. The teacher is the ResNet-20 of bench/prune-fashion.ts, taken from WORK_FOLDER or trained.
 * Students: a ResNet-20 a quarter as wide, and a small ViT (a convolutional teacher, as DeiT has). Accuracy is of all 10,000 test images,
 * the mean over seeds. Prints a table and writes bench/results/distill-fashion.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { random, stats, type Model } from "@lathe/core";
import { attentionTransfer, correlation, decoupled, distill, hardTargets, sharedTensors, similarity, softTargets, task, type Term } from "@lathe/distill";
import { ortRuntime } from "@lathe/ort";
import { adamW, cosine, crossEntropy, evaluate, fit, resnet20, sgd, vit, type FitOptions } from "@lathe/train";
import { denseNetwork, networks } from "./lib/fashion-nets.ts";
import { fashion } from "./lib/fashion.ts";

const [folder, work, images = "12000", epochs = "4", seeds = "1"] = process.argv.slice(2);
if (folder === undefined || work === undefined) throw new Error("Give the folder of Fashion-MNIST and one to work in.");
const runtime = ortRuntime({ load: { memoryPattern: false }, onWarning: () => undefined });
const pixels = { input: "input", scaling: {}, moved: 1 };
const data = fashion(folder, Number(images), pixels.input, pixels.scaling, pixels.moved);
mkdirSync(work, { recursive: true });
const teacher = await denseNetwork(work, networks.find(({ name }) => name === "ResNet-20")!, fashion(folder, 60_000, pixels.input, pixels.scaling, pixels.moved).train, runtime);

interface Student {
  readonly name: string;
  readonly make: (seed: string) => Model;
  readonly fit: Pick<FitOptions, "optimizer" | "schedule">;
}
const narrow = (seed: string): Model => resnet20({ random: random(seed).float, channels: 1, size: 28, width: 4 });
const students: readonly Student[] = [
  { name: "ResNet-20, width 4", make: narrow, fit: { optimizer: sgd({ momentum: 0.9, weightDecay: 5e-4 }), schedule: cosine(0.05) } },
  { name: "ViT, 2 layers of 48", make: (seed) => vit({ random: random(seed).float, patch: 7, hidden: 48, heads: 3, layers: 2, mlp: 96 }), fit: { optimizer: adamW({ weightDecay: 0.05 }), schedule: cosine(2e-3) } },
];

/** Ends of the stages: the last residual sums of each width that both networks have under one name. */
function stageEnds(student: Model): string[] {
  const names = sharedTensors(student, teacher, ["Relu"]);
  return [names[Math.floor(names.length / 3) - 1]!, names[Math.floor((2 * names.length) / 3) - 1]!, names.at(-1)!];
}

const ways = (student: Student): Readonly<Record<string, readonly Term[] | undefined>> => ({
  "labels alone": undefined,
  "soft targets and labels": [softTargets({ weight: 0.9 }), task(crossEntropy(), 0.1)],
  "soft targets, no labels": [softTargets()],
  "decoupled and labels": [decoupled({ weight: 0.5 }), task(crossEntropy(), 1)],
  "correlation and labels": [correlation({ temperature: 1, weight: 2 }), task(crossEntropy(), 1)],
  "hard targets and labels": [hardTargets({ weight: 0.5 }), task(crossEntropy(), 0.5)],
  ...(student.make === narrow
    ? {
        "soft targets, labels, attention transfer": [softTargets({ weight: 0.9 }), task(crossEntropy(), 0.1), ...stageEnds(narrow("names")).map((name) => attentionTransfer({ student: name, teacher: name }))],
        "soft targets, labels, similarity": [softTargets({ weight: 0.9 }), task(crossEntropy(), 0.1), ...stageEnds(narrow("names")).slice(-1).map((name) => similarity({ student: name, teacher: name, weight: 100 }))],
      }
    : {}),
});

interface Row {
  readonly student: string;
  readonly way: string;
  readonly accuracy: number;
  readonly all: readonly number[];
  readonly parameters: number;
  readonly macs: number;
  readonly seconds: number;
}

async function trained(student: Student, terms: readonly Term[] | undefined, seed: number): Promise<Model> {
  const options = { ...student.fit, data: data.train, epochs: Number(epochs), batchSize: 64, seed, runtime };
  const model = student.make(`student ${seed}`);
  const run = terms ? distill({ ...options, teacher, student: model, terms }) : fit({ ...options, model });
  return (await run.result).model;
}

const rows: Row[] = [];
const { accuracy: best } = await evaluate(teacher, data.test, { runtime });
const facts = stats(teacher, { bindings: { N: 1 }, sparsity: false });
rows.push({ student: "ResNet-20, width 16", way: "the teacher", accuracy: best!, all: [best!], parameters: facts.parameters, macs: facts.macs, seconds: 0 });
for (const student of students) {
  const { parameters, macs } = stats(student.make("size"), { bindings: { N: 1 }, sparsity: false });
  for (const [way, terms] of Object.entries(ways(student))) {
    const begin = performance.now();
    const all: number[] = [];
    for (let seed = 1; seed <= Number(seeds); seed++) all.push((await evaluate(await trained(student, terms, seed), data.test, { runtime }))["accuracy"]!);
    const row: Row = { student: student.name, way, accuracy: all.reduce((a, b) => a + b) / all.length, all, parameters, macs, seconds: (performance.now() - begin) / 1000 / all.length };
    rows.push(row);
    console.log(row.student, "|", row.way, "|", (row.accuracy * 100).toFixed(2), "% |", all.map((a) => (a * 100).toFixed(2)).join(" "), `| ${row.seconds.toFixed(0)} s`);
  }
}
console.table(rows, ["student", "way", "accuracy", "parameters", "macs", "seconds"]);
writeFileSync(fileURLToPath(new URL("results/distill-fashion.json", import.meta.url)), `${JSON.stringify({ images: Number(images), epochs: Number(epochs), seeds: Number(seeds), load: loadavg()[0], rows }, undefined, 1)}\n`);
