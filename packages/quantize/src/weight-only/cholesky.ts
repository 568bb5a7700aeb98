/** Factor of the inverse of a symmetric positive definite matrix, in float64. */

/**
 * Upper triangular U with H^-1 = U^T U, for H [k, k]. With H = R R^T (R upper triangular, the Cholesky factor counted from the end),
 * U is R^-1. Undefined when H is not positive definite.
 */
export function inverseFactor(h: Float64Array, k: number): Float64Array | undefined {
  const r = upperFactor(h, k);
  return r && invertUpper(r, k);
}

function upperFactor(h: Float64Array, k: number): Float64Array | undefined {
  const r = new Float64Array(k * k);
  for (let j = k - 1; j >= 0; j--) {
    let d = h[j * k + j]!;
    for (let c = j + 1; c < k; c++) d -= r[j * k + c]! ** 2;
    if (!(d > 0) || d === Infinity) return undefined;
    const pivot = Math.sqrt(d);
    r[j * k + j] = pivot;
    for (let i = 0; i < j; i++) {
      let sum = h[i * k + j]!;
      for (let c = j + 1; c < k; c++) sum -= r[i * k + c]! * r[j * k + c]!;
      r[i * k + j] = sum / pivot;
    }
  }
  return r;
}

/** Row by row from the last: row i of the inverse needs the rows below it. */
function invertUpper(r: Float64Array, k: number): Float64Array {
  const u = new Float64Array(k * k);
  for (let i = k - 1; i >= 0; i--) {
    const row = i * k;
    const pivot = 1 / r[row + i]!;
    for (let c = i + 1; c < k; c++) {
      const factor = -r[row + c]! * pivot;
      for (let j = c; j < k; j++) u[row + j]! += factor * u[c * k + j]!;
    }
    u[row + i] = pivot;
  }
  return u;
}
