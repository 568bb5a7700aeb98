/** Least squares of one layer's matrix, collected row by row: only second moments are in memory, never the rows. */
import type { Linear } from "@lathe/core";
import { addProducts, dampedCholesky, mirror, solve } from "../linear/algebra.ts";

export interface Fitted {
  /** [rows, columns] */
  readonly matrix: Float64Array;
  /** Added to the bias; zeros without one. */
  readonly shift: Float64Array;
  /** Squared error over all rows with the old matrix, and with the new one. */
  readonly before: number;
  readonly after: number;
}

/** One group of a layer: XᵀX, YᵀX and |Y|², X with a column of ones where the layer has a bias. */
export class System {
  readonly #layer: Linear;
  readonly #size: number;
  readonly #gram: Float64Array;
  readonly #right: Float64Array;
  #energy = 0;

  constructor(layer: Linear) {
    this.#layer = layer;
    this.#size = layer.columns + (layer.bias ? 1 : 0);
    this.#gram = new Float64Array(this.#size ** 2);
    this.#right = new Float64Array(layer.rows * this.#size);
  }

  /** Sum of the squares of what is wanted. */
  get energy(): number {
    return this.#energy;
  }

  /** Inputs [count, columns] and what the layer should give for them [count, rows]. */
  add(x: Float64Array, y: Float64Array): void {
    const { columns, rows } = this.#layer;
    const size = this.#size;
    addProducts(this.#gram, size, x, columns, x, columns, true);
    addProducts(this.#right, size, y, rows, x, columns);
    for (const value of y) this.#energy += value * value;
    if (size === columns) return;
    const count = x.length / columns;
    const ones = new Float64Array(count).fill(1);
    addProducts(this.#gram.subarray(columns * size), size, ones, 1, x, columns);
    this.#gram[size * size - 1]! += count;
    addProducts(this.#right.subarray(columns), size, y, rows, ones, 1);
  }

  /**
   * W + Δ with (XᵀX + λI) Δᵀ = Xᵀ(Y − XWᵀ), λ = strength · mean diagonal: ridge regression of W' pulled towards W. The bias is not held
   * back. The residual's moments follow from those of Y: YᵀX − W XᵀX. @throws PRUNE_SINGULAR
   */
  fit(matrix: Float64Array, bias: ArrayLike<number> | undefined, strength: number): Fitted {
    const { columns, rows, node } = this.#layer;
    const size = this.#size;
    const gram = this.#gram;
    mirror(gram, size);
    let mean = 0;
    for (let i = 0; i < columns; i++) mean += gram[i * size + i]! / columns;
    const held = gram.slice();
    // Inputs that are zero throughout (a dead channel of a depthwise layer) tell nothing: any pull keeps their weights as they are.
    for (let i = 0; i < columns; i++) held[i * size + i]! += mean === 0 ? 1 : strength * mean;
    const factor = dampedCholesky(held, size, 1e-10, node.label);
    const old = new Float64Array(rows * size);
    for (let r = 0; r < rows; r++) {
      old.set(matrix.subarray(r * columns, (r + 1) * columns), r * size);
      if (size > columns) old[r * size + columns] = bias?.[r] ?? 0;
    }
    const residual = this.#right.slice();
    const sums = multiplied(old, gram, rows, size);
    for (let i = 0; i < residual.length; i++) residual[i]! -= sums[i]!;
    // |Y - XWᵀ|² = |Y|² - Σ W (YᵀX) - Σ W (YᵀX - W XᵀX)
    const before = this.#energy - dot(old, this.#right) - dot(old, residual);
    const delta = residual.slice();
    solve(factor, size, delta, rows);
    const made = multiplied(delta, gram, rows, size);
    const after = before + dot(delta, made) - 2 * dot(delta, residual);
    const out = matrix.slice();
    const shift = new Float64Array(rows);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) out[r * columns + c]! += delta[r * size + c]!;
      if (size > columns) shift[r] = delta[r * size + columns]!;
    }
    return { matrix: out, shift, before: Math.max(0, before), after: Math.max(0, after) };
  }
}

/** A [rows, n] times a symmetric [n, n]. */
function multiplied(a: Float64Array, symmetric: Float64Array, rows: number, n: number): Float64Array {
  const out = new Float64Array(rows * n);
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < n; k++) {
      const w = a[r * n + k]!;
      if (w !== 0) for (let j = 0, at = r * n, from = k * n; j < n; j++) out[at + j]! += w * symmetric[from + j]!;
    }
  }
  return out;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
