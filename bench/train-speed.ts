/**
 * Time of a training step beside PyTorch's, both with two threads (--single: one): rounds of a few steps in turn, medians, the first step of a round dropped.
 * LATHE_PEER_PYTHON=.../python npx tsx --conditions=@lathe/source bench/train-speed.ts [case ...] [--profile] [--single]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { ortRuntime, profile } from "@lathe/ort";
import { Trainer, blockOf, crossEntropy, sgd, trainingStep } from "@lathe/train";
import { speedCases, type SpeedCase } from "./lib/train-models.ts";
import { torchPeer } from "./lib/torch-peer.ts";

const ROUNDS = 8;
const STEPS = 6;
const THREADS = process.argv.includes("--single") ? 1 : 2;
const wanted = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const round = (x: number): number => Math.round(x * 100) / 100;

async function measure(c: SpeedCase) {
  const optimizer = sgd({ momentum: 0.9 });
  const runtime = ortRuntime({ load: { threads: THREADS, memoryPattern: false } });
  const block = await blockOf(runtime);
  const step = trainingStep(c.model, { loss: crossEntropy(), optimizer, block });
  const begin = performance.now();
  const trainer = await Trainer.create(step, optimizer, runtime);
  const createMs = performance.now() - begin;
  if (process.argv.includes("--profile")) {
    const feeds = trainer.feeds(c.batch, 0.01);
    const { ops, nodesMs } = await profile(step.blocked?.model ?? step.model, feeds, { threads: THREADS, runs: 8, memoryPattern: false });
    console.log(c.name, round(nodesMs), Object.entries(ops).slice(0, 14).map(([op, ms]) => `${op} ${round(ms)}`).join(", "));
  }
  const peer = await torchPeer(c.peer, c.model, [c.batch], { name: "sgd", lr: 0.01, momentum: 0.9 }, THREADS);
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let r = 0; r < ROUNDS; r++) {
    for (let i = 0; i < STEPS; i++) {
      const at = performance.now();
      await trainer.step(c.batch, 0.01);
      if (i > 0) ours.push(performance.now() - at);
    }
    theirs.push(...(await peer.steps(new Array<number>(STEPS).fill(0))).ms.slice(1));
  }
  peer.stop();
  await trainer.dispose();
  const row = { model: c.title, latheMs: round(median(ours)), torchMs: round(median(theirs)), ratio: round(median(ours) / median(theirs)), ratioOfMinima: round(Math.min(...ours) / Math.min(...theirs)), nodes: (step.blocked?.model ?? step.model).graph.nodeCount, createMs: Math.round(createMs), block: block ?? null, load: round(loadavg()[0]!), torch: peer.torch };
  console.log(`${row.model}: ${row.latheMs} ms, PyTorch ${row.torch} ${row.torchMs} ms, ratio ${row.ratio} (minima ${row.ratioOfMinima}); ${row.nodes} nodes, load ${row.load}`);
  return row;
}

const rows = [];
for (const c of speedCases()) if (wanted.length === 0 || wanted.includes(c.name)) rows.push(await measure(c));
if (wanted.length === 0) {
  mkdirSync(new URL("results/", import.meta.url), { recursive: true });
  writeFileSync(new URL("results/train-speed.json", import.meta.url), `${JSON.stringify(rows, null, 2)}\n`);
}
