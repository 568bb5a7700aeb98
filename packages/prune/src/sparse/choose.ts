/** Masks of all weights of a model together. */
import type { Random } from "@lathe/core";
import type { WeightOptions } from "../weights.ts";
import { pruneErrors } from "../errors.ts";
import { countOf, nOfM, nth, randomMask, smallest, type Mask } from "./masks.ts";
import { patternOf } from "./pattern.ts";
import { blockMask, lnStructured, type Block } from "./structured.ts";
import type { Weight } from "./weights.ts";

type Choice = Pick<WeightOptions, "sparsity" | "scope" | "pattern" | "criterion" | "block" | "pooling">;

/** One mask for each weight. @throws PRUNE_PATTERN, PRUNE_BLOCK */
export function chooseMasks(weights: readonly Weight[], options: Choice, random: Random): Mask[] {
  const { pattern, block, criterion, sparsity } = options;
  const scores = (w: Weight): Float32Array => (criterion === "random" ? Float32Array.from({ length: w.tensor.size }, () => random.float()) : w.tensor.toFloat32().map(Math.abs));
  if (block !== undefined) return weights.map((w) => blocks(w, scores(w), blockOf(block), options));
  if (pattern === "channel") return weights.map((w) => lnStructured(w.tensor.toFloat32(), w.tensor.dims, w.outputAxis, 2, Math.min(w.tensor.dims[w.outputAxis]! - 1, countOf(sparsity, w.tensor.dims[w.outputAxis]!))));
  const ratio = patternOf(pattern);
  if (ratio) return weights.map((w) => nOfM(scores(w), w.tensor.dims, w.axis, ratio.n, ratio.m));
  if (criterion === "random") return weights.map((w) => randomMask(w.tensor.size, countOf(sparsity, w.tensor.size), random));
  if (options.scope === "tensor") return weights.map((w) => smallest(scores(w), countOf(sparsity, w.tensor.size)));
  return globalMasks(weights.map((w) => (criterion === "lamp" ? lampScores(scores(w)) : scores(w))), countOf(sparsity, weights.reduce((sum, w) => sum + w.tensor.size, 0)));
}

/** Rows of blocks lie along the outputs, columns along the rest, whatever the axis order of the weight. */
function blocks({ tensor, outputAxis }: Weight, scores: Float32Array, block: Block, { pooling, sparsity }: Choice): Mask {
  const { dims } = tensor;
  if (outputAxis === 0) return blockMask(scores, dims[0]!, block, pooling, sparsity);
  const turned = dims.length === 2 ? { rows: block.columns, columns: block.rows } : block;
  return blockMask(scores, dims.slice(0, -1).reduce((p, d) => p * d, 1), turned, pooling, sparsity);
}

/** "4x1": outputs x inputs. @throws PRUNE_BLOCK */
function blockOf(text: string): Block {
  const [rows = 0, columns = 0] = text.split("x").map(Number);
  if (!(rows >= 1 && columns >= 1)) throw pruneErrors.PRUNE_BLOCK({ block: text });
  return { rows, columns };
}

/** w² over the sum of all squares that are not smaller (Lee et al. 2021): comparable between layers. */
function lampScores(magnitudes: Float32Array): Float32Array {
  const order = magnitudes.map((_, i) => i).sort((a, b) => magnitudes[b]! - magnitudes[a]!);
  const out = new Float32Array(magnitudes.length);
  let larger = 0;
  for (const i of order) {
    larger += magnitudes[i]! ** 2;
    out[i] = larger > 0 ? magnitudes[i]! ** 2 / larger : 0;
  }
  return out;
}

/** One threshold over all tensors; ties at the threshold go in file order until the count is reached. */
export function globalMasks(scores: readonly Float32Array[], count: number): Mask[] {
  const total = scores.reduce((sum, s) => sum + s.length, 0);
  const all = new Float32Array(total);
  let at = 0;
  for (const s of scores) {
    all.set(s, at);
    at += s.length;
  }
  if (count === 0) return scores.map((s) => new Uint8Array(s.length).fill(1));
  const threshold = nth(all, count - 1);
  let left = count - all.reduce((n, x) => n + (x < threshold ? 1 : 0), 0);
  return scores.map((s) => Uint8Array.from(s, (x) => (x < threshold || (x === threshold && left-- > 0) ? 0 : 1)));
}
