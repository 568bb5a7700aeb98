/** The Fashion-MNIST subset of fixtures/data as tensors. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { Tensor, type Feeds, type Model, type Runtime, type RuntimeLoadOptions } from "@lathe/core";

const read = (file: string): Uint8Array => gunzipSync(readFileSync(new URL(`../../../fixtures/data/${file}`, import.meta.url)));

/** Batches of images in [0, 1], shaped as the models take them. */
export function images(file: "fashion-train-512" | "fashion-test-2000", batch: number): Feeds[] {
  const pixels = read(`${file}-images-idx3-ubyte.gz`).subarray(16);
  const batches: Feeds[] = [];
  for (let at = 0; at < pixels.length; at += batch * 784) {
    const values = Float32Array.from(pixels.subarray(at, at + batch * 784), (p) => p / 255);
    batches.push({ image: Tensor.from("float32", [values.length / 784, 1, 28, 28], values) });
  }
  return batches;
}

export const labels = (file: "fashion-train-512" | "fashion-test-2000"): Uint8Array => read(`${file}-labels-idx1-ubyte.gz`).subarray(8);

/** Share of the first test images (500 unless told) that the model names rightly. */
export async function accuracy(model: Model, runtime: Runtime, count = 500, load: RuntimeLoadOptions = {}): Promise<number> {
  const session = await runtime.load(model, load);
  const truth = labels("fashion-test-2000").subarray(0, count);
  let right = 0;
  let at = 0;
  for (const feeds of images("fashion-test-2000", 250).slice(0, count / 250)) {
    const logits = (await session.run(feeds)).logits!.toFloat32();
    for (let i = 0; i < logits.length; i += 10) {
      const row = logits.subarray(i, i + 10);
      if (row.indexOf(Math.max(...row)) === truth[at++]) right++;
    }
  }
  await session.dispose();
  return right / truth.length;
}
