/** Fashion-MNIST for the runs that train. The folder holds the four gzipped IDX files. */
import { join } from "node:path";
import { compose, flip, shift, type TrainingData } from "@lathe/train";
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
