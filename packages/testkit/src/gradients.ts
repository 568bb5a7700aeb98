/**
 * The gradient of a scalar function by central differences, (f(x + h) - f(x - h)) / 2h for each element, with h = step * max(1, |x|).
 * The truncation error falls with the square of `step`, the rounding error grows with its inverse: 1e-5 suits functions computed in
 * double precision, 1e-2 functions computed in float32.
 */
export async function finiteDifferences(f: (x: Float64Array) => number | Promise<number>, x: ArrayLike<number>, step = 1e-5): Promise<Float64Array> {
  const at = Float64Array.from(x);
  const gradient = new Float64Array(at.length);
  for (let i = 0; i < at.length; i++) {
    const middle = at[i]!;
    const h = step * Math.max(1, Math.abs(middle));
    at[i] = middle + h;
    const above = await f(at);
    at[i] = middle - h;
    const below = await f(at);
    at[i] = middle;
    gradient[i] = (above - below) / (2 * h);
  }
  return gradient;
}
