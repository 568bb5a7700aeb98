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

/** Adds x xᵀ to the lower half of [n, n]. */
export function addOuter(gram: Float64Array, n: number, x: Float64Array): void {
  for (let i = 0; i < n; i++) {
    const xi = x[i]!;
    if (xi === 0) continue;
    for (let j = 0, at = i * n; j <= i; j++) gram[at + j]! += xi * x[j]!;
  }
}

/** Copies the lower half to the upper. */
export function mirror(gram: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) gram[j * n + i] = gram[i * n + j]!;
}
