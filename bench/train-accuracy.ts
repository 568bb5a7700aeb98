/**
 * Final accuracy beside PyTorch's: ResNet-20 (width 8) on all 60,000 images of Fashion-MNIST, from the same initial weights, over the same
 * batches in the same order with the same rates (SGD with momentum, one cycle), judged on the 10,000 test images with running statistics.
 *
 *   LATHE_PEER_PYTHON=.../python npx tsx --conditions=@lathe/source bench/train-accuracy.ts FASHION_FOLDER [epochs] [threads]
 *
 * Batches of 128 are put together once and visited in another order every epoch. Writes bench/results/train-accuracy.json.
 */
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { random, type Feeds } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { Trainer, crossEntropy, evaluate, oneCycle, resnet20, sgd, trainingStep, withWeights, type TrainingData } from "@lathe/train";
import { mnist } from "./lib/mnist.ts";
import { torchPeer } from "./lib/torch-peer.ts";

const [folder, epochs = "4", threads = "2"] = process.argv.slice(2);
if (folder === undefined) throw new Error("Give the folder of Fashion-MNIST.");
const RATE = 0.1;
const { train, test } = mnist(folder, ".gz", { mean: 0.286, deviation: 0.353 });

async function batchesOf(data: TrainingData, order: readonly number[], size: number): Promise<Feeds[]> {
  const batches: Feeds[] = [];
  for (let at = 0; at + size <= order.length; at += size) batches.push(await data.batch(order.slice(at, at + size), random(at)));
  return batches;
}
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const batches = await batchesOf(train, random("order").shuffle(upTo(train.size)), 128);
const tests = await batchesOf(test, upTo(test.size), 500);
const orders = upTo(Number(epochs)).map((epoch) => random(`epoch ${epoch}`).shuffle(upTo(batches.length)));
const total = orders.length * batches.length;
const rates = upTo(total).map((step) => oneCycle(RATE)(step, total));
const model = resnet20({ random: random("resnet").float, channels: 1, size: 28, width: 8 });

interface Epoch {
  readonly loss: number;
  readonly accuracy: number;
  /** Median milliseconds of a step. */
  readonly stepMs: number;
}
const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const mean = (values: readonly number[]): number => values.reduce((s, v) => s + v, 0) / values.length;
const rateOf = (epoch: number): number[] => rates.slice(epoch * batches.length, (epoch + 1) * batches.length);
const say = (who: string, epoch: number, { loss, accuracy, stepMs }: Epoch): void => console.log(`${who} epoch ${epoch + 1}: loss ${loss.toFixed(4)}, test accuracy ${accuracy.toFixed(4)}, ${stepMs.toFixed(1)} ms a step`);

async function lathe(): Promise<Epoch[]> {
  const optimizer = sgd({ momentum: 0.9 });
  const runtime = ortRuntime({ load: { memoryPattern: false, threads: Number(threads) } });
  const trainer = await Trainer.create(trainingStep(model, { loss: crossEntropy(), optimizer }), optimizer, runtime);
  const done: Epoch[] = [];
  for (const [epoch, order] of orders.entries()) {
    const [losses, ms]: [number[], number[]] = [[], []];
    for (const [i, rate] of rateOf(epoch).entries()) {
      const begin = performance.now();
      losses.push((await trainer.step(batches[order[i]!]!, rate)).loss);
      ms.push(performance.now() - begin);
    }
    const { accuracy } = await evaluate(withWeights(model, trainer.weights()), test, { runtime, batchSize: 500 });
    done.push({ loss: mean(losses), accuracy: accuracy!, stepMs: middle(ms) });
    say("Lathe", epoch, done.at(-1)!);
  }
  await trainer.dispose();
  return done;
}

async function pytorch(): Promise<{ torch: string; done: Epoch[] }> {
  const peer = await torchPeer("resnet20", model, [...batches, ...tests], { name: "sgd", lr: RATE, momentum: 0.9 }, Number(threads));
  const done: Epoch[] = [];
  for (const [epoch, order] of orders.entries()) {
    const { losses, ms } = await peer.steps(order, rateOf(epoch));
    done.push({ loss: mean(losses), accuracy: await peer.accuracy(tests.map((_, i) => batches.length + i)), stepMs: middle(ms) });
    say("PyTorch", epoch, done.at(-1)!);
  }
  peer.stop();
  return { torch: peer.torch, done };
}

const ours = await lathe();
const { torch, done: theirs } = await pytorch();
const differencePoints = (ours.at(-1)!.accuracy - theirs.at(-1)!.accuracy) * 100;
console.log(`Difference ${differencePoints.toFixed(2)} points`);
const result = { model: "resnet20, width 8", images: train.size, epochs: Number(epochs), batch: 128, threads: Number(threads), torch, accuracy: ours.at(-1)!.accuracy, torchAccuracy: theirs.at(-1)!.accuracy, differencePoints, load: loadavg()[0], lathe: ours, pytorch: theirs };
writeFileSync(new URL("results/train-accuracy.json", import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
