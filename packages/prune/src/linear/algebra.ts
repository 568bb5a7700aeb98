/** Dense linear algebra in float64, row-major, for matrices of a few thousand rows at most. */
import { pruneErrors } from "../errors.ts";

/**
 * Lower Cholesky factor of a symmetric positive definite matrix [n, n], in place (the upper half is cleared).
 * False when the matrix is not positive definite.
 */
export function cholesky(a: Float64Array, n: number): boolean {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j]!;
      for (let k = 0, p = i * n, q = j * n; k < j; k++) sum -= a[p + k]! * a[q + k]!;
      if (i === j) {
        if (!(sum > 0)) return false;
        a[j * n + j] = Math.sqrt(sum);
      } else a[i * n + j] = sum / a[j * n + j]!;
    }
    a.fill(0, j * n + j + 1, (j + 1) * n);
  }
  return true;
}

/** Factor of a matrix after adding `damping` times its mean diagonal, ten times more after each failure. @throws PRUNE_SINGULAR */
export function dampedCholesky(a: Float64Array, n: number, damping: number, what: string): Float64Array {
  let mean = 0;
  for (let i = 0; i < n; i++) mean += a[i * n + i]! / n;
  for (let factor = damping, tries = 0; tries < 6; tries++, factor = Math.max(factor * 10, 1e-8)) {
    const copy = a.slice();
    for (let i = 0; i < n; i++) copy[i * n + i]! += factor * mean;
    if (cholesky(copy, n)) return copy;
  }
  throw pruneErrors.PRUNE_SINGULAR({ layer: what });
}

/** Solves L Lᵀ x = b in place, for each of the `count` right sides that lie behind one another in `b` ([count, n]). */
export function solve(l: Float64Array, n: number, b: Float64Array, count: number): void {
  for (let r = 0; r < count; r++) {
    const at = r * n;
    for (let i = 0; i < n; i++) {
      let sum = b[at + i]!;
      for (let k = 0, p = i * n; k < i; k++) sum -= l[p + k]! * b[at + k]!;
      b[at + i] = sum / l[i * n + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      const x = b[at + i]! / l[i * n + i]!;
      b[at + i] = x;
      for (let k = 0, p = i * n; k < i; k++) b[at + k]! -= l[p + k]! * x;
    }
  }
}

/** Inverse of L Lᵀ, given L. */
export function inverse(l: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) out[i * n + i] = 1;
  solve(l, n, out, n);
  return out;
}

/** Rows that one sweep over a Gram matrix takes in: the matrix is read and written that much less often. */
const AT_ONCE = 4;

/** Adds Aᵀ B to `sum`, whose rows are `stride` apart: A [count, m], B [count, n], both row-major. `lower` leaves out what lies above the diagonal. */
export function addProducts(sum: Float64Array, stride: number, a: Float64Array, m: number, b: Float64Array, n: number, lower = false): void {
  const count = a.length / m;
  let row = 0;
  for (; row + AT_ONCE <= count; row += AT_ONCE) {
    const [a0, b0, b1, b2, b3] = [row * m, row * n, (row + 1) * n, (row + 2) * n, (row + 3) * n];
    for (let i = 0; i < m; i++) {
      const [w, x, y, z] = [a[a0 + i]!, a[a0 + m + i]!, a[a0 + 2 * m + i]!, a[a0 + 3 * m + i]!];
      if (w === 0 && x === 0 && y === 0 && z === 0) continue;
      for (let j = 0, at = i * stride, end = lower ? i + 1 : n; j < end; j++) sum[at + j]! += w * b[b0 + j]! + x * b[b1 + j]! + y * b[b2 + j]! + z * b[b3 + j]!;
    }
  }
  for (; row < count; row++) {
    for (let i = 0; i < m; i++) {
      const w = a[row * m + i]!;
      if (w !== 0) for (let j = 0, at = i * stride, end = lower ? i + 1 : n; j < end; j++) sum[at + j]! += w * b[row * n + j]!;
    }
  }
}

/** Copies the lower half to the upper. */
export function mirror(gram: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) gram[j * n + i] = gram[i * n + j]!;
}
