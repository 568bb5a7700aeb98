/** Augmentation of image batches [N, C, H, W], float32. Each draws once for every image, from the batch's own random numbers. */
import { Tensor, type Feeds, type Random } from "@lathe/core";
import type { Transform } from "./data.ts";

interface Planes {
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Applies `edit` to a copy of the named batch of images; it sees one image [C, H, W] at a time. */
const perImage = (input: string, edit: (image: Float32Array, p: Planes, random: Random) => void): Transform => (batch, random) => {
  const tensor = batch[input];
  if (tensor?.dims.length !== 4) return batch;
  const [count = 0, channels = 0, height = 0, width = 0] = tensor.dims;
  const data = Float32Array.from(tensor.toFloat32());
  const size = channels * height * width;
  for (let n = 0; n < count; n++) edit(data.subarray(n * size, (n + 1) * size), { count, channels, height, width }, random);
  return { ...batch, [input]: Tensor.from("float32", tensor.dims, data) };
};

/** Mirrors left and right with probability 1/2. */
export const flip = (input = "input"): Transform => perImage(input, (image, { width }, random) => {
  if (random.float() < 0.5) return;
  for (let row = 0; row < image.length; row += width) image.subarray(row, row + width).reverse();
});

/** Moves the image by up to `pixels` in each direction; what comes in is 0. The usual "pad and crop at random". */
export const shift = (pixels: number, input = "input"): Transform => perImage(input, (image, p, random) => {
  const [dx, dy] = [random.int(2 * pixels + 1) - pixels, random.int(2 * pixels + 1) - pixels];
  if (dx === 0 && dy === 0) return;
  const source = Float32Array.from(image);
  image.fill(0);
  const [from, to] = [Math.max(0, dx), Math.min(p.width, p.width + dx)];
  for (let c = 0; c < p.channels; c++) {
    for (let y = Math.max(0, dy); y < Math.min(p.height, p.height + dy); y++) {
      const at = (c * p.height + y) * p.width;
      const origin = (c * p.height + y - dy) * p.width - dx;
      for (let x = from; x < to; x++) image[at + x] = source[origin + x]!;
    }
  }
});

/** (x - mean) / deviation, for each channel. */
export const normalize = (mean: readonly number[], deviation: readonly number[], input = "input"): Transform => perImage(input, (image, p) => {
  const plane = p.height * p.width;
  for (let i = 0; i < image.length; i++) {
    const channel = Math.floor(i / plane);
    image[i] = (image[i]! - mean[channel]!) / deviation[channel]!;
  }
});

/** Transforms one after another. */
export const compose = (...transforms: readonly Transform[]): Transform => (batch: Feeds, random) => transforms.reduce((b, t) => t(b, random), batch);
