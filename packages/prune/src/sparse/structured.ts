/** Masks of whole slices and blocks. The tensor keeps its shape; prune-channels is what makes models smaller. */
import { smallest, type Mask } from "./masks.ts";

export type Norm = 1 | 2 | "inf";

/** Clears the `count` slices along `axis` whose Ln norm is least (torch's ln_structured). */
export function lnStructured(data: Float32Array, dims: readonly number[], axis: number, norm: Norm, count: number): Mask {
  const length = dims[axis]!;
  const inner = dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  const slice = (i: number): number => Math.floor(i / inner) % length;
  const norms = new Float64Array(length);
  data.forEach((x, i) => {
    const s = slice(i);
    if (norm === "inf") norms[s] = Math.max(norms[s]!, Math.abs(x));
    else norms[s]! += norm === 1 ? Math.abs(x) : x * x;
  });
  const gone = new Set(Array.from(norms.keys()).sort((a, b) => norms[a]! - norms[b]! || a - b).slice(0, count));
  return Uint8Array.from(data, (_, i) => (gone.has(slice(i)) ? 0 : 1));
}

export interface Block {
  readonly rows: number;
  readonly columns: number;
}

/**
 * Clears whole blocks of a matrix [rows, columns]: |w| is pooled over each block (average or maximum; blocks at the border count what
 * they have), and the lowest share goes (tfmot's block sparsity).
 */
export function blockMask(data: Float32Array, rows: number, block: Block, pooling: "average" | "max", sparsity: number): Mask {
  const columns = data.length / rows;
  const [down, across] = [Math.ceil(rows / block.rows), Math.ceil(columns / block.columns)];
  const pooled = new Float64Array(down * across);
  const counts = new Uint32Array(down * across);
  const blockOf = (i: number): number => Math.floor(Math.floor(i / columns) / block.rows) * across + Math.floor((i % columns) / block.columns);
  data.forEach((x, i) => {
    const b = blockOf(i);
    counts[b]!++;
    if (pooling === "max") pooled[b] = Math.max(pooled[b]!, Math.abs(x));
    else pooled[b]! += Math.abs(x);
  });
  const scores = Float32Array.from(pooled, (p, b) => (pooling === "max" ? p : p / counts[b]!));
  const kept = Math.max(1, Math.round(scores.length * (1 - sparsity)));
  const blocks = smallest(scores, scores.length - kept);
  return Uint8Array.from(data, (_, i) => blocks[blockOf(i)]!);
}
