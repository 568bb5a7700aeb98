/**
 * The search of llama.cpp's k-quants as ONNX Runtime's tool does it: twenty candidate ranges; for each the scale and offset that
 * minimise the squared error weighted by sqrt(mean x^2) + |x|. All in float32 with numpy's order of summation, so that codes agree.
 */
import { kernel } from "../kernel/instance.ts";
import { BLOCK, FOUND, kQuantFunctions, LONGEST, NUMERATORS } from "../kernel/k-quant.ts";
import { encodeEven, ROUND, type Bits, type BlockFit, type Fitted } from "./fitted.ts";

const STEPS = 20;
const f32 = Math.fround;
const open = kernel(kQuantFunctions, 1);
/** Bits whose numerators lie in the kernel's memory, which all fits share. */
let loaded: Bits | undefined;

/** Numerator of a candidate's factor. */
const numerator = (step: number, top: number): number => f32(-1 + 0.1 * step + top);

export function kQuantFit(bits: Bits): BlockFit {
  const found = open();
  const plain = plainKQuantFit(bits);
  if (!found) return plain;
  const top = 2 ** bits - 1;
  const buffer = found.buffer(0);
  const block = new Float32Array(buffer, BLOCK, LONGEST);
  const result = new Float32Array(buffer, FOUND, 3);
  const numerators = Array.from({ length: STEPS }, (_, step) => numerator(step, top));
  return (x, from, out) => {
    const size = out.codes.length;
    if (size > LONGEST || size % 8 !== 0) return plain(x, from, out);
    if (loaded !== bits) {
      new Float32Array(buffer, NUMERATORS, STEPS).set(numerators);
      loaded = bits;
    }
    for (let i = 0; i < size; i++) block[i] = x[from + i]!;
    found.run.fit(4 * size, top, 4 * STEPS);
    finish(x, from, out, result[0]!, result[1]!, top);
    out.check = result[2]!;
  };
}

/** Zero point and codes from scale and lowest value. */
function finish(x: Float32Array, from: number, out: Fitted, scale: number, low: number, top: number): void {
  const zero = Math.max(0, Math.min(top, f32(-low / scale) + ROUND - ROUND));
  encodeEven(x, from, out.codes, scale, zero, top);
  out.scale = scale;
  out.zero = zero;
}

/** The same in plain loops, for blocks of any length and hosts without WebAssembly. */
export function plainKQuantFit(bits: Bits): BlockFit {
  const top = 2 ** bits - 1;
  let size = 0;
  let weights = new Float32Array(0);
  let q = weights;
  let best = weights;
  let work = weights;
  let work2 = weights;
  let work3 = weights;

  /** Sum of weights * (scale * codes + low - x)^2. */
  const error = (x: Float32Array, from: number, codes: Float32Array, scale: number, low: number): number => {
    for (let i = 0; i < size; i++) {
      const d = f32(f32(f32(scale * codes[i]!) + low) - x[from + i]!);
      work[i] = f32(weights[i]! * f32(d * d));
    }
    return pairwise(work, 0, size);
  };
  const encode = (x: Float32Array, from: number, inverse: number, low: number, into: Float32Array): void => {
    for (let i = 0; i < size; i++) {
      const code = f32(inverse * f32(x[from + i]! - low)) + ROUND - ROUND;
      into[i] = code < 0 ? 0 : code > top ? top : code;
    }
  };

  return (x, from, out) => {
    if (size !== out.codes.length) {
      size = out.codes.length;
      weights = new Float32Array(size);
      q = new Float32Array(size);
      best = new Float32Array(size);
      work = new Float32Array(size);
      work2 = new Float32Array(size);
      work3 = new Float32Array(size);
    }
    let min = Infinity;
    let max = -Infinity;
    let check = 0;
    for (let i = 0; i < size; i++) {
      const v = x[from + i]!;
      check += v - v;
      if (v < min) min = v;
      if (v > max) max = v;
      work[i] = v * v;
    }
    out.check = check;
    const mean = f32(Math.sqrt(f32(pairwise(work, 0, size) / size)));
    for (let i = 0; i < size; i++) {
      weights[i] = mean + Math.abs(x[from + i]!);
      work[i] = weights[i]! * x[from + i]!;
    }
    const sumX = pairwise(work, 0, size);
    const sumW = pairwise(weights, 0, size);
    const inverse = min === max ? 1 : f32(top / f32(max - min));
    let scale = f32(1 / inverse);
    let low = min;
    encode(x, from, inverse, min, best);
    let least = error(x, from, best, scale, low);
    for (let step = 0; step < STEPS; step++) {
      // The tool searches from the best offset so far, not from the smallest value.
      const candidate = low === max ? 1 : f32(numerator(step, top) / f32(max - low));
      encode(x, from, candidate, low, q);
      for (let i = 0; i < size; i++) {
        const l = f32(weights[i]! * q[i]!);
        work[i] = l;
        work2[i] = l * q[i]!;
        work3[i] = l * x[from + i]!;
      }
      const sumL = pairwise(work, 0, size);
      const sumL2 = pairwise(work2, 0, size);
      const sumXL = pairwise(work3, 0, size);
      const determinant = f32(f32(sumW * sumL2) - f32(sumL * sumL));
      const newScale = f32(f32(f32(sumW * sumXL) - f32(sumX * sumL)) / determinant);
      const newLow = f32(f32(f32(sumL2 * sumX) - f32(sumL * sumXL)) / determinant);
      const found = error(x, from, q, newScale, newLow);
      if (!(found < least)) continue;
      least = found;
      scale = newScale;
      low = newLow;
    }
    finish(x, from, out, scale, low, top);
  };
}

/** numpy's pairwise summation in float32: eight running sums for up to 128 values, halves beyond. */
function pairwise(x: Float32Array, from: number, count: number): number {
  if (count < 8) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum = i === 0 ? x[from]! : f32(sum + x[from + i]!);
    return sum;
  }
  if (count > 128) {
    const half = Math.floor(count / 2) - (Math.floor(count / 2) % 8);
    return f32(pairwise(x, from, half) + pairwise(x, from + half, count - half));
  }
  let a = x[from + 0]!;
  let b = x[from + 1]!;
  let c = x[from + 2]!;
  let d = x[from + 3]!;
  let e = x[from + 4]!;
  let f = x[from + 5]!;
  let g = x[from + 6]!;
  let h = x[from + 7]!;
  let i = 8;
  for (const end = count - (count % 8); i < end; i += 8) {
    a = f32(a + x[from + i]!);
    b = f32(b + x[from + i + 1]!);
    c = f32(c + x[from + i + 2]!);
    d = f32(d + x[from + i + 3]!);
    e = f32(e + x[from + i + 4]!);
    f = f32(f + x[from + i + 5]!);
    g = f32(g + x[from + i + 6]!);
    h = f32(h + x[from + i + 7]!);
  }
  let sum = f32(f32(f32(a + b) + f32(c + d)) + f32(f32(e + f) + f32(g + h)));
  for (; i < count; i++) sum = f32(sum + x[from + i]!);
  return sum;
}
