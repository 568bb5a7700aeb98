/**
 * Beside PyTorch, from the same initial weights with the same data order and hyper-parameters: loss curves over 200 steps on MNIST, and
 * the test accuracy of LeNet after one epoch of 60,000 images.
 * LATHE_PEER_PYTHON=.../python npx tsx --conditions=@lathe/source bench/train-curves.ts [case ...]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { random, type Feeds, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { Trainer, adamW, cosine, crossEntropy, evaluate, lenet, resnet20, sgd, trainingStep, vit, withWeights, type Optimizer, type TrainingData } from "@lathe/train";
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
  const peer = await torchPeer(name, model, batches, theirs, 1);
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

/** One epoch in batches of 128, the same for both. */
async function accuracies() {
  const { train, test } = mnist();
  const model = lenet({ random: random("lenet").float });
  const order = random("order").shuffle(Array.from({ length: train.size }, (_, i) => i));
  const pick = async (data: TrainingData, indices: readonly number[], size: number): Promise<Feeds[]> => {
    const batches: Feeds[] = [];
    for (let at = 0; at < indices.length; at += size) batches.push(await data.batch(indices.slice(at, at + size), random(at)));
    return batches;
  };
  const steps = await pick(train, order, 128);
  const tests = await pick(test, Array.from({ length: test.size }, (_, i) => i), 500);
  const rates = steps.map((_, i) => cosine(2e-3)(i, steps.length));
  const peer = await torchPeer("lenet", model, [...steps, ...tests], { name: "adamw", lr: 2e-3 });
  await peer.steps(steps.map((_, i) => i), rates);
  const theirs = await peer.accuracy(tests.map((_, i) => steps.length + i));
  peer.stop();
  const optimizer = adamW({ weightDecay: 0 });
  const runtime = ortRuntime();
  const trainer = await Trainer.create(trainingStep(model, { loss: crossEntropy(), optimizer }), optimizer, runtime);
  for (const [i, batch] of steps.entries()) await trainer.step(batch, rates[i]!);
  const ours = (await evaluate(withWeights(model, trainer.weights()), test, { runtime }))["accuracy"]!;
  await trainer.dispose();
  const row = { model: "lenet, one epoch", steps: steps.length, accuracy: ours, torchAccuracy: theirs, differencePoints: Math.abs(ours - theirs) * 100 };
  console.log(JSON.stringify(row));
  return row;
}

const wanted = process.argv.slice(2);
const rows: object[] = [];
for (const curve of curves) if (wanted.length === 0 || wanted.includes(curve.name)) rows.push(await compare(curve));
if (wanted.length === 0 || wanted.includes("accuracy")) rows.push(await accuracies());
mkdirSync(new URL("results/", import.meta.url), { recursive: true });
writeFileSync(new URL("results/train-curves.json", import.meta.url), `${JSON.stringify(rows, null, 2)}\n`);
