/**
 * Loss curves beside PyTorch's: same initial weights, data order and hyper-parameters, 200 steps on MNIST.
 * LATHE_PEER_PYTHON=.../python npx tsx --conditions=@lathe/source bench/train-curves.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { random, type Feeds, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { Trainer, adamW, cosine, crossEntropy, lenet, resnet20, sgd, trainingStep, vit, type Optimizer } from "@lathe/train";
import { mnist } from "./lib/mnist.ts";
import { torchPeer, type PeerOptimizer } from "./lib/torch-peer.ts";

const STEPS = 200;

interface Curve {
  readonly name: string;
  readonly model: Model;
  readonly ours: Optimizer;
  readonly theirs: PeerOptimizer;
  readonly batch: number;
}

const curves: readonly Curve[] = [
  { name: "lenet", model: lenet({ random: random("lenet").float }), ours: sgd({ momentum: 0.9 }), theirs: { name: "sgd", lr: 0.02, momentum: 0.9 }, batch: 64 },
  { name: "vit", model: vit({ random: random("vit").float, layers: 2 }), ours: adamW({ weightDecay: 0 }), theirs: { name: "adamw", lr: 1e-3 }, batch: 32 },
  { name: "resnet20", model: resnet20({ random: random("resnet").float, channels: 1, size: 28, width: 8 }), ours: sgd({ momentum: 0.9 }), theirs: { name: "sgd", lr: 0.05, momentum: 0.9 }, batch: 32 },
];

async function compare({ name, model, ours, theirs, batch }: Curve) {
  const { train } = mnist();
  const order = random("order").shuffle(Array.from({ length: train.size }, (_, i) => i));
  const batches: Feeds[] = [];
  for (let i = 0; i < STEPS; i++) batches.push(await train.batch(order.slice(i * batch, (i + 1) * batch), random(i)));
  const rate = cosine(theirs.lr);
  const rates = batches.map((_, i) => rate(i, STEPS));
  const peer = await torchPeer(name, model, batches, theirs);
  const expected = (await peer.steps(batches.map((_, i) => i), rates)).losses;
  peer.stop();
  const trainer = await Trainer.create(trainingStep(model, { loss: crossEntropy(), optimizer: ours }), ours, ortRuntime());
  const actual: number[] = [];
  for (const [i, b] of batches.entries()) actual.push((await trainer.step(b, rates[i]!)).loss);
  await trainer.dispose();
  const gaps = actual.map((loss, i) => Math.abs(loss - expected[i]!));
  const tail = (losses: readonly number[]): number => losses.slice(-20).reduce((s, v) => s + v, 0) / 20;
  const row = { model: name, torch: peer.torch, steps: STEPS, largestDifference: Math.max(...gaps), first50: Math.max(...gaps.slice(0, 50)), firstLoss: actual[0], meanOfLast20: tail(actual), torchMeanOfLast20: tail(expected) };
  console.log(JSON.stringify(row));
  return { ...row, lathe: actual, pytorch: expected };
}

const rows = [];
for (const curve of curves) rows.push(await compare(curve));
mkdirSync(new URL("results/", import.meta.url), { recursive: true });
writeFileSync(new URL("results/train-curves.json", import.meta.url), `${JSON.stringify(rows, null, 2)}\n`);
