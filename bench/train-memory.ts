/**
 * Resident memory of training: what `fit` estimates beside what the process takes, and that it does not grow. Each case is a process of its own.
 * Takes about 3 minutes.
 *   npx tsx --conditions=@lathe/source bench/train-memory.ts [case ...]
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Tensor, random, type Model } from "@lathe/core";
import { adamW, bert, fit, resnet18, sgd, tensorData, type Optimizer, type TrainingData } from "@lathe/train";
import { peakMb } from "./lib/peak-memory.mjs";

const STEPS = 16;
/** Steps until the engine's memory and the garbage collector have settled. */
const SETTLED = 6;

interface Case {
  readonly name: string;
  readonly title: string;
  readonly batch: number;
  readonly optimizer: Optimizer;
  readonly make: () => { model: Model; data: TrainingData };
}

const classes = 10;
const labels = (count: number): Tensor => Tensor.int64(Array.from({ length: count }, (_, i) => (i * 7) % classes));

/** 12 layers of 384, 128 tokens, a vocabulary of 10,000. */
function transformer(): { model: Model; data: TrainingData } {
  const model = bert({ random: random("bert").float, vocabulary: 10_000, tokens: 128, hidden: 384, heads: 12, layers: 12, mlp: 1536, classes });
  const r = random("tokens");
  const ids = Tensor.int64(Array.from({ length: 32 * 128 }, () => r.int(10_000)), [32, 128]);
  return { model, data: tensorData({ input_ids: ids, attention_mask: Tensor.int64(new Array<number>(32 * 128).fill(1), [32, 128]), labels: labels(32) }) };
}

function residual(): { model: Model; data: TrainingData } {
  const r = random("images");
  const input = Tensor.from("float32", [32, 3, 64, 64], Float32Array.from({ length: 32 * 3 * 4096 }, () => r.normal()));
  return { model: resnet18({ random: random("resnet18").float, size: 64, classes }), data: tensorData({ input, labels: labels(32) }) };
}

const momentum = sgd({ momentum: 0.9 });
const cases: readonly Case[] = [
  { name: "bert-momentum", title: "BERT, 12 layers of 384, 128 tokens, momentum", batch: 8, optimizer: momentum, make: transformer },
  { name: "bert-adamw", title: "BERT, 12 layers of 384, 128 tokens, AdamW", batch: 8, optimizer: adamW(), make: transformer },
  { name: "bert-adamw-2", title: "BERT, 12 layers of 384, 128 tokens, AdamW", batch: 2, optimizer: adamW(), make: transformer },
  { name: "resnet18-momentum", title: "ResNet-18, 64×64, momentum", batch: 8, optimizer: momentum, make: residual },
  { name: "resnet18-adamw", title: "ResNet-18, 64×64, AdamW", batch: 8, optimizer: adamW(), make: residual },
];

const mb = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** In the case's own process. */
async function measure({ title, batch, optimizer, make }: Case): Promise<object> {
  const { model, data } = make();
  const before = process.memoryUsage().rss;
  let [estimate, elements] = [0, 0];
  const resident: number[] = [];
  const heap: number[] = [];
  const times: number[] = [];
  await fit({ model, data, optimizer, schedule: 1e-4, epochs: Math.ceil((STEPS * batch) / data.size), batchSize: batch, onEvent: (event) => {
    if (event.type === "start") [estimate, elements] = [event.memoryBytes, event.elements];
    if (event.type !== "step") return;
    const { rss, heapUsed } = process.memoryUsage();
    resident.push(rss);
    heap.push(heapUsed);
    times.push(event.stepMs);
  } }).result;
  const peak = (from: number, to: number): number => Math.max(...resident.slice(from, to));
  const half = (SETTLED + STEPS) / 2;
  return {
    model: title, batch, millionParameters: Math.round(elements / 1e5) / 10, weightsMb: mb(elements * 4), estimateMb: mb(estimate),
    takenMb: mb(peakOfProcess() - before), beforeMb: mb(before), steps: resident.length,
    growthMb: mb(peak(half, STEPS) - peak(SETTLED, half)), heapGrowthMb: mb(Math.max(...heap.slice(half)) - Math.max(...heap.slice(SETTLED, half))), leastStepMs: Math.round(Math.min(...times)),
  };
}

/** Bytes; also what is reached within a step. */
const peakOfProcess = (): number => peakMb() * 2 ** 20;

const path = new URL("results/train-memory.json", import.meta.url);
const [role, name] = process.argv.slice(2);
if (role === "--measure") console.log(JSON.stringify(await measure(cases.find((c) => c.name === name)!)));
else {
  const wanted = process.argv.slice(2);
  const rows = cases.filter((c) => wanted.length === 0 || wanted.includes(c.name)).map((c) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), "--measure", c.name], { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    const row = JSON.parse(stdout.trim().split("\n").at(-1)!) as { growthMb: number; weightsMb: number };
    console.log(JSON.stringify(row));
    if (row.growthMb > row.weightsMb / 2) throw new Error(`${c.title}: memory grows by ${row.growthMb} MB while it should stand still`);
    return row;
  });
  mkdirSync(new URL("results/", import.meta.url), { recursive: true });
  if (wanted.length === 0) writeFileSync(path, `${JSON.stringify(rows, null, 2)}\n`);
}
