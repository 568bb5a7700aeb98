/**
 * Trains on real images from scratch. npx tsx --conditions=@lathe/source bench/train-mnist.ts [mnist | fashion] [epochs]
 * `fashion` reads Fashion-MNIST from the folder FASHION_MNIST (four gzipped IDX files).
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { random } from "@lathe/core";
import { accuracy, adamW, compose, cosine, fit, flip, lenet, oneCycle, resnet20, sgd, shift, type FitOptions } from "@lathe/train";
import { mnist } from "./lib/mnist.ts";

const [task = "mnist", given] = process.argv.slice(2);

function options(): FitOptions {
  if (task === "mnist") {
    const { train, test } = mnist();
    return { model: lenet({ random: random("lenet").float }), data: train, epochs: Number(given ?? 3), batchSize: 128, optimizer: adamW(), schedule: oneCycle(4e-3), seed: 1, validate: { data: test, metrics: [accuracy()] } };
  }
  const folder = process.env["FASHION_MNIST"];
  if (!folder) throw new Error("Set FASHION_MNIST to the folder with the four files.");
  const { train, test } = mnist(folder, ".gz", { mean: 0.286, deviation: 0.353, transform: compose(flip(), shift(2)) });
  const model = resnet20({ random: random("resnet").float, channels: 1, size: 28, width: 8 });
  return { model, data: train, epochs: Number(given ?? 6), batchSize: 128, optimizer: sgd({ momentum: 0.9, weightDecay: 5e-4 }), schedule: cosine(0.2), seed: 1, validate: { data: test } };
}

const begin = performance.now();
const cpu = process.cpuUsage();
const run = fit(options());
const epochs = [];
for await (const event of run) {
  if (event.type === "start") console.log(`${event.elements} parameters, ${event.totalSteps} steps, about ${Math.round(event.memoryBytes / 2 ** 20)} MB a step`);
  if (event.type === "step" && event.step % 100 === 0) process.stdout.write(`\r${event.step}/${event.totalSteps} loss ${event.loss.toFixed(4)} ${event.stepMs.toFixed(1)} ms, ${Math.round(event.etaMs / 1000)} s left   `);
  if (event.type === "epoch") {
    console.log(`\repoch ${event.epoch}: loss ${event.loss.toFixed(4)}, test accuracy ${event.scores["accuracy"]!.toFixed(4)}, ${(event.elapsedMs / 1000).toFixed(1)} s              `);
    epochs.push({ epoch: event.epoch, loss: event.loss, accuracy: event.scores["accuracy"] });
  }
}
const { history, epoch } = await run.result;
const used = process.cpuUsage(cpu);
const result = { task, accuracy: history[epoch]!.scores["accuracy"], seconds: (performance.now() - begin) / 1000, cpuSeconds: (used.user + used.system) / 1e6, load: loadavg()[0], epochs };
console.log(`${task}: ${result.accuracy} after ${result.seconds.toFixed(0)} s (${result.cpuSeconds.toFixed(0)} s of processor time, load ${result.load!.toFixed(1)})`);
mkdirSync(new URL("results/", import.meta.url), { recursive: true });
writeFileSync(new URL(`results/train-${task}.json`, import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
