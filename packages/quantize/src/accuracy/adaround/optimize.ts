/** Learns the rounding of one matrix: Adam on V with the regulariser annealed, then single flips as long as one helps. */
import { change, inverseSoft, reconstruction, soft, softLoss, unitOf, type RoundingProblem, type TimesGram } from "./loss.ts";

export interface OptimizeOptions {
  readonly iterations: number;
  readonly learningRate: number;
  /** Weight of the regulariser, in units of what flipping one weight costs. */
  readonly regularization: number;
  /** Share of the iterations before the regulariser sets in. */
  readonly warmStart: number;
}

export interface Rounding {
  /** 1: the code above, 0: the one below. */
  readonly bits: Uint8Array;
  /** Mean squared error of the layer's outputs, summed over outputs: with rounding to nearest, and with the bits. */
  readonly nearest: number;
  readonly learned: number;
}

const [BETA_START, BETA_END] = [20, 2];
const [M, V, EPSILON] = [0.9, 0.999, 1e-8];

/** `tick` is awaited after each iteration. The result is never worse than rounding to nearest. */
export async function optimizeRounding(problem: RoundingProblem, options: OptimizeOptions, timesGram: TimesGram, tick: () => void | Promise<void>): Promise<Rounding> {
  const near = nearestBits(problem);
  const v = await anneal(problem, options, timesGram, tick);
  const found = Uint8Array.from(v, (x, i) => (problem.step[i]! > 0 && soft(x) >= 0.5 ? 1 : 0));
  const [nearest, learned] = [await judge(problem, near, timesGram), await judge(problem, found, timesGram)];
  const better = learned.error < nearest.error ? { bits: found, ...learned } : { bits: near, ...nearest };
  const bits = better.bits.slice();
  const gained = flipWhileBetter(problem, bits, better.d, better.dg);
  return { bits, nearest: nearest.error, learned: better.error - gained };
}

/** Rounding to nearest: 1 where the code above is nearer. */
export const nearestBits = ({ weight, lower, step }: RoundingProblem): Uint8Array => Uint8Array.from(weight, (w, i) => (step[i]! > 0 && w - lower[i]! > step[i]! / 2 ? 1 : 0));

async function judge(problem: RoundingProblem, bits: Uint8Array, timesGram: TimesGram): Promise<{ error: number; d: Float64Array; dg: Float64Array }> {
  const d = change(problem, bits);
  const dg = await timesGram(d);
  return { error: reconstruction(problem, d, dg), d, dg };
}

async function anneal(problem: RoundingProblem, { iterations, learningRate, regularization, warmStart }: OptimizeOptions, timesGram: TimesGram, tick: () => void | Promise<void>): Promise<Float64Array> {
  const { weight, lower, step } = problem;
  const v = Float64Array.from(weight, (w, i) => inverseSoft(step[i]! > 0 ? Math.min(1, Math.max(0, (w - lower[i]!) / step[i]!)) : 0.5));
  const [first, second] = [new Float64Array(v.length), new Float64Array(v.length)];
  const unit = unitOf(problem);
  for (let t = 1; t <= iterations; t++) {
    const past = (t / iterations - warmStart) / (1 - warmStart);
    const beta = BETA_END + ((BETA_START - BETA_END) * (1 + Math.cos(Math.max(0, past) * Math.PI))) / 2;
    const { gradient } = await softLoss(problem, v, { unit, lambda: past > 0 ? regularization : 0, beta }, timesGram);
    const rate = (learningRate * Math.sqrt(1 - V ** t)) / (1 - M ** t);
    for (let i = 0; i < v.length; i++) {
      const g = gradient[i]!;
      first[i] = M * first[i]! + (1 - M) * g;
      second[i] = V * second[i]! + (1 - V) * g * g;
      v[i]! -= (rate * first[i]!) / (Math.sqrt(second[i]!) + EPSILON);
    }
    const wait = tick();
    if (wait) await wait;
  }
  return v;
}

/** Most rounds of flips over a row. */
const ROUNDS = 50;

/** Flips single bits, the best one of a row first, as long as the error falls. Gives what was gained. */
function flipWhileBetter({ rows, columns, step, gram, linear }: RoundingProblem, bits: Uint8Array, d: Float64Array, dg: Float64Array): number {
  let gained = 0;
  for (let r = 0; r < rows; r++) {
    for (let round = 0; round < ROUNDS * columns; round++) {
      let [best, gain] = [-1, 0];
      for (let k = 0, i = r * columns; k < columns; k++, i++) {
        const move = bits[i] === 1 ? -step[i]! : step[i]!;
        const change = 2 * move * (dg[i]! + (linear?.[i] ?? 0)) + move * move * gram[k * columns + k]!;
        if (change < gain - 1e-15) [best, gain] = [k, change];
      }
      if (best < 0) break;
      const at = r * columns + best;
      const move = bits[at] === 1 ? -step[at]! : step[at]!;
      bits[at]! ^= 1;
      d[at]! += move;
      for (let k = 0; k < columns; k++) dg[r * columns + k]! += move * gram[best * columns + k]!;
      gained -= gain;
    }
  }
  return gained;
}
