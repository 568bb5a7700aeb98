/** Wanda (Sun et al. 2023): weights scored by |W_ij| · ‖X_j‖₂ and compared within each output row; nothing is updated. */
import type { Pattern } from "../sparse/pattern.ts";

/** Mask of [rows, columns]: in each row the share `sparsity` of lowest scores goes, or all but N of every M. `norms` are of the inputs. */
export function wandaMask(weight: Float64Array, norms: Float64Array, rows: number, sparsity: number, pattern?: Pattern): Uint8Array {
  const columns = norms.length;
  const mask = new Uint8Array(rows * columns).fill(1);
  for (let r = 0; r < rows; r++) {
    const score = Float64Array.from(norms, (norm, c) => Math.abs(weight[r * columns + c]!) * norm);
    for (const c of lowest(score, sparsity, pattern)) mask[r * columns + c] = 0;
  }
  return mask;
}

/** Columns that go: the lowest of the row, or the lowest M - N of every M. */
function lowest(score: Float64Array, sparsity: number, pattern?: Pattern): number[] {
  const order = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i).sort((a, b) => score[a]! - score[b]! || a - b);
  if (!pattern) return order(0, score.length).slice(0, Math.floor(score.length * sparsity));
  const gone: number[] = [];
  for (let from = 0; from < score.length; from += pattern.m) {
    const group = order(from, Math.min(score.length, from + pattern.m));
    gone.push(...group.slice(0, Math.max(0, group.length - pattern.n)));
  }
  return gone;
}
