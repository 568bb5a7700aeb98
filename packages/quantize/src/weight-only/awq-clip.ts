/**
 * The clipping of AWQ (Lin et al. 2023, `auto_clip` of their code): the weights of a block are clipped to 100, 95, ... 55 % of its largest
 * magnitude, whichever changes the block's share of X W least. For a change d of the block's weights that is d^T (X^T X) d over its channels.
 */
import { Tensor } from "@lathe/core";
import { blocksOf, visitBlocks, type MatrixView } from "./blocks.ts";
import { blockFit, type FitOptions } from "./fit.ts";
import { newFitted } from "./fitted.ts";
import type { Gram } from "./gram.ts";

const GRID = 20;
/** Steps of 1 / GRID down to half the range. */
const SHRINKS = 10;

/**
 * Clips each block of the weight. @param scales factors that the weight was multiplied with, and its activation divided by.
 * @returns float32 in the layout of the weight
 */
export function clipBlocks(view: MatrixView, gram: Gram, scales: Float32Array, options: FitOptions & { readonly blockSize: number }): Tensor {
  const { k, n, transposed } = view;
  const { blockSize } = options;
  const products = blockProducts(gram, scales, blockSize);
  const fit = blockFit(options);
  const fitted = newFitted(blockSize);
  const clipped = new Float32Array(blockSize);
  const d = new Float64Array(blockSize);
  const out = new Float32Array(k * n);
  const errorAt = (x: Float32Array, from: number, limit: number, block: number): number => {
    for (let i = 0; i < blockSize; i++) clipped[i] = Math.max(-limit, Math.min(limit, x[from + i]!));
    fit(clipped, 0, fitted);
    for (let i = 0; i < blockSize; i++) d[i] = (fitted.codes[i]! - fitted.zero) * fitted.scale - x[from + i]!;
    return quadratic(products, block * blockSize * blockSize, d);
  };
  visitBlocks(view, blockSize, (x, from, column, block) => {
    let reach = 0;
    for (let i = from; i < from + blockSize; i++) reach = Math.max(reach, Math.abs(x[i]!));
    let best = { limit: reach, error: errorAt(x, from, reach, block) };
    for (let step = 1; step < SHRINKS && best.error > 0; step++) {
      const limit = reach * (1 - step / GRID);
      const error = errorAt(x, from, limit, block);
      if (error < best.error) best = { limit, error };
    }
    for (let i = 0, row = block * blockSize; i < blockSize && row < k; i++, row++) {
      out[transposed ? column * k + row : row * n + column] = Math.max(-best.limit, Math.min(best.limit, x[from + i]!));
    }
  });
  return Tensor.from("float32", transposed ? [n, k] : [k, n], out);
}

/** The diagonal blocks of X^T X for activations divided by `scales`; zero past the last channel. */
function blockProducts({ k, products }: Gram, scales: Float32Array, size: number): Float64Array {
  const blocks = new Float64Array(blocksOf(k, size) * size * size);
  for (let i = 0; i < k; i++) {
    const first = Math.floor(i / size) * size;
    for (let j = first; j < Math.min(k, first + size); j++) blocks[first * size + (i - first) * size + j - first] = products[i * k + j]! / (scales[i]! * scales[j]!);
  }
  return blocks;
}

/** d^T B d. */
function quadratic(blocks: Float64Array, at: number, d: Float64Array): number {
  let error = 0;
  for (let i = 0; i < d.length; i++) {
    let sum = 0;
    for (let j = 0, row = at + i * d.length; j < d.length; j++) sum += blocks[row + j]! * d[j]!;
    error += sum * d[i]!;
  }
  return error;
}
