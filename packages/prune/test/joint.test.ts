/** SparseGPT that rounds to few bits in the same pass. */
import { describe, expect, it } from "vitest";
import { random } from "@lathe/core";
import { Grid, sparseGpt } from "@lathe/prune";

/** Inputs that go together, as activations do: a few directions and noise. */
function layer(seed: number, rows: number, columns: number, samples: number): { weight: Float64Array; hessian: Float64Array; error: (w: Float64Array) => number } {
  const source = random(seed);
  const directions = Float64Array.from({ length: 6 * columns }, () => source.normal());
  const hessian = new Float64Array(columns * columns);
  for (let s = 0; s < samples; s++) {
    const mix = Array.from({ length: 6 }, () => source.normal());
    const x = Float64Array.from({ length: columns }, (_, c) => mix.reduce((sum, m, d) => sum + m * directions[d * columns + c]!, 0) + 0.3 * source.normal());
    for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) hessian[i * columns + j]! += x[i]! * x[j]!;
  }
  const weight = Float64Array.from({ length: rows * columns }, () => source.normal());
  const square = (w: Float64Array): number => {
    let sum = 0;
    for (let r = 0; r < rows; r++) for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) sum += w[r * columns + i]! * hessian[i * columns + j]! * w[r * columns + j]!;
    return sum;
  };
  return { weight, hessian, error: (w) => Math.sqrt(square(w.map((x, i) => x - weight[i]!)) / square(weight)) };
}

/** Rounds to nearest, group by group. */
function nearest(w: Float64Array, rows: number, bits: number, groupSize: number): Float64Array {
  const columns = w.length / rows;
  const grid = new Grid(bits, groupSize, rows, columns);
  const out = w.slice();
  for (let j = 0; j < columns; j++) {
    if (grid.starts(j)) grid.measure(w, j, () => false);
    for (let r = 0; r < rows; r++) out[r * columns + j] = grid.round(r, w[r * columns + j]!);
  }
  return out;
}

const [rows, columns] = [24, 96];

describe("SparseGPT with 4 bits in one pass", () => {
  it.each([1, 2, 3, 4])("gives the layer's outputs nearer than pruning and then rounding (layer %i)", (seed) => {
    const { weight, hessian, error } = layer(seed, rows, columns, 400);
    const joint = error(sparseGpt(weight, hessian, rows, { sparsity: 0.5, bits: 4, groupSize: 32 }));
    const sequential = error(nearest(sparseGpt(weight, hessian, rows, { sparsity: 0.5 }), rows, 4, 32));
    expect(joint).toBeLessThan(sequential);
  });

  it("keeps the zeros of the pattern, and at most 15 values for each row and group", () => {
    const { weight, hessian } = layer(5, rows, columns, 400);
    const made = sparseGpt(weight, hessian, rows, { sparsity: 0, pattern: { n: 2, m: 4 }, bits: 4, groupSize: 32 });
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c += 4) expect([...made.subarray(r * columns + c, r * columns + c + 4)].filter((x) => x !== 0).length).toBeLessThanOrEqual(2);
      for (let c = 0; c < columns; c += 32) {
        const group = [...made.subarray(r * columns + c, r * columns + c + 32)];
        expect(new Set(group).size).toBeLessThanOrEqual(15);
      }
    }
  });
});
