/** Fashion-MNIST and a ResNet-20 trained on it, for the pruning runs. The folder holds the four gzipped IDX files. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { random, type Model } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { compose, cosine, fit, flip, resnet20, sgd, shift, subset, type TrainingData } from "@lathe/train";
import { images } from "./mnist.ts";

export interface Fashion {
  readonly train: TrainingData;
  readonly test: TrainingData;
}

const normal = { mean: 0.286, deviation: 0.353 };

/** The first `limit` training images, mirrored and moved by up to `pixels` at random; all 10,000 test images. */
export function fashion(folder: string, limit: number, input = "input", scaling: { mean?: number; deviation?: number } = normal, pixels = 2): Fashion {
  const at = (name: string): string => join(folder, `${name}-ubyte.gz`);
  return {
    train: images(at("train-images-idx3"), at("train-labels-idx1"), { ...scaling, input, limit, transform: compose(flip(input), shift(pixels, input)) }),
    test: images(at("t10k-images-idx3"), at("t10k-labels-idx1"), { ...scaling, input }),
  };
}

/** Trains, or takes the network that an earlier run left in `path`. */
export async function trainedResNet(path: string, data: Fashion, epochs: number, width: number): Promise<Model> {
  if (existsSync(path)) return loadModel(path);
  const model = resnet20({ random: random("resnet").float, channels: 1, size: 28, width });
  const validation = subset(data.test, Array.from({ length: 2000 }, (_, i) => i));
  const run = fit({ model, data: data.train, epochs, batchSize: 64, optimizer: sgd({ momentum: 0.9, weightDecay: 5e-4 }), schedule: cosine(0.1), seed: 1, validate: { data: validation }, keep: "last" });
  for await (const event of run) {
    if (event.type === "step" && event.step % 50 === 0) console.log(`step ${event.step}/${event.totalSteps} loss ${event.loss.toFixed(3)} ${event.stepMs.toFixed(0)} ms, ${Math.round(event.etaMs / 1000)} s left`);
    if (event.type === "epoch") console.log(`epoch ${event.epoch}: loss ${event.loss.toFixed(3)}, accuracy ${event.scores["accuracy"]!.toFixed(4)}`);
  }
  const { model: trained } = await run.result;
  await saveModel(trained, path);
  return trained;
}
