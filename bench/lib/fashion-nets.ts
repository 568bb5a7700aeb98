/** The networks of the pruning table, how they are trained, and a folder that keeps what was trained. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { random, type Model, type Runtime } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { adamW, fileCheckpoint, fit, mobileNetV2, oneCycle, resnet20, sgd, vit, type FitOptions, type Optimizer, type TrainingData } from "@lathe/train";

export interface Network {
  readonly name: string;
  readonly make: () => Model;
  readonly epochs: number;
  readonly optimizer: Optimizer;
  /** Highest learning rate: when trained from scratch, when dense weights are trained on, and when tuned after a cut. */
  readonly rate: number;
  readonly tuningRate: number;
  readonly cutRate: number;
  /** Epochs of every row that is trained further. */
  readonly tuning: number;
}

const shape = { channels: 1, size: 28, classes: 10 } as const;

export const networks: readonly Network[] = [
  {
    name: "ResNet-20", make: () => resnet20({ random: random("resnet").float, ...shape, width: 16 }),
    epochs: 4, optimizer: sgd({ momentum: 0.9, weightDecay: 5e-4 }), rate: 0.1, tuningRate: 0.03, cutRate: 0.06, tuning: 3,
  },
  {
    // Full resolution in the first two rows with 16 channels only, most of the work in expansions by 4 behind them.
    name: "MobileNetV2", make: () => mobileNetV2({ random: random("mobilenet").float, ...shape, rows: [[1, 16, 1, 1], [1, 16, 1, 1], [4, 32, 2, 2], [4, 64, 2, 2]], headChannels: 256 }),
    epochs: 3, optimizer: sgd({ momentum: 0.9, weightDecay: 1e-4 }), rate: 0.1, tuningRate: 0.03, cutRate: 0.06, tuning: 2,
  },
  {
    name: "ViT", make: () => vit({ random: random("vit").float, ...shape, hidden: 64, heads: 4, layers: 4, mlp: 256 }),
    epochs: 6, optimizer: adamW({ weightDecay: 0.05 }), rate: 2e-3, tuningRate: 5e-4, cutRate: 1e-3, tuning: 3,
  },
];

/** The model that an earlier run left in the folder under this name, or a new one, which is left there. */
export async function kept(folder: string, name: string, make: (path: string) => Promise<Model>): Promise<Model> {
  const path = join(folder, `${name}.onnx`);
  if (existsSync(path)) return loadModel(path);
  mkdirSync(folder, { recursive: true });
  const begin = performance.now();
  const model = await make(path);
  await saveModel(model, path);
  console.log(`${name}: trained in ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  return model;
}

/** A fit that says now and then where it is, and goes on from `path` when it was broken off. */
export async function trained(path: string, options: FitOptions): Promise<Model> {
  const run = fit({ batchSize: 64, keep: "last", checkpoint: { store: fileCheckpoint(`${path}.checkpoint`), everySteps: 300 }, ...options });
  for await (const event of run) {
    if (event.type === "step" && event.step % 100 === 0) console.log(`  ${event.step}/${event.totalSteps} loss ${event.loss.toFixed(3)} ${event.stepMs.toFixed(0)} ms, ${Math.round(event.etaMs / 1000)} s left`);
    if (event.type === "epoch") console.log(`  epoch ${event.epoch + 1}: loss ${event.loss.toFixed(4)}`);
  }
  return (await run.result).model;
}

export const denseNetwork = (folder: string, { name, make, epochs, optimizer, rate }: Network, data: TrainingData, runtime: Runtime): Promise<Model> =>
  kept(folder, name, (path) => trained(path, { model: make(), data, epochs, optimizer, schedule: oneCycle(rate), seed: 1, runtime }));
