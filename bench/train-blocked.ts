/**
 * Processor time of a training step with convolutions in the standard form and in the engine's blocked layout: one thread, steps of both in turn,
 * the least of each. Takes about half a minute.
 *   npx tsx --conditions=@lathe/source bench/train-blocked.ts
 */
import { cpus } from "node:os";
import { writeFileSync } from "node:fs";
import { ortRuntime } from "@lathe/ort";
import { Trainer, blockOf, crossEntropy, sgd, trainingStep } from "@lathe/train";
import { speedCases } from "./lib/train-models.ts";

const STEPS = 14;
const round = (x: number): number => Math.round(x * 10) / 10;
const runtime = ortRuntime({ load: { threads: 1, memoryPattern: false } });
const block = await blockOf(runtime);
if (block === undefined) throw new Error("This machine's engine has no blocked layout.");

const rows = [];
for (const c of speedCases()) {
  if (!["cnn", "resnet20", "mobilenet"].includes(c.name)) continue;
  const optimizer = sgd({ momentum: 0.9 });
  const step = trainingStep(c.model, { loss: crossEntropy(), optimizer, block });
  const trainers = await Promise.all([{ ...step, blocked: undefined }, step].map((s) => Trainer.create(s, optimizer, runtime)));
  const times: [number[], number[]] = [[], []];
  let apart = 0;
  for (let i = 0; i < STEPS; i++) {
    const losses: number[] = [];
    for (const [k, trainer] of trainers.entries()) {
      const start = process.cpuUsage();
      losses.push((await trainer.step(c.batch, 0.01)).loss);
      const { user, system } = process.cpuUsage(start);
      if (i > 1) times[k]!.push((user + system) / 1000);
    }
    if (i < 2) apart = Math.max(apart, Math.abs(losses[0]! - losses[1]!));
  }
  for (const trainer of trainers) await trainer.dispose();
  const [standard, blocked] = times.map((t) => Math.min(...t)) as [number, number];
  rows.push({ model: c.title, standardMs: round(standard), blockedMs: round(blocked), ratio: Math.round((blocked / standard) * 100) / 100, lossDifference: Number(apart.toPrecision(2)), block, cpu: cpus()[0]?.model ?? "" });
  console.log(JSON.stringify(rows.at(-1)));
}
writeFileSync(new URL("results/train-blocked.json", import.meta.url), `${JSON.stringify(rows, null, 2)}\n`);
