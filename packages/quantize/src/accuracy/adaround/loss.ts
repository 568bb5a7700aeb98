/**
 * The objective of AdaRound (Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization"): each weight becomes
 * lower + step * h(V), between the two codes around it, with the rectified sigmoid h(V) = clip(sigmoid(V)(zeta - gamma) + gamma, 0, 1)
 * (Louizos et al. 2018). The error of the layer's outputs is quadratic in the weights, so the second moments of its inputs are all it
 * takes: for a row w of the weight, with d its change, E|d x|^2 = d G d^T where G = E[x x^T]. When the inputs are those of the quantized
 * network, x + e in place of x, the aim E|(w + d)(x + e) - w x|^2 adds the linear term 2 d (w E[e (x + e)^T])^T.
 */

const ZETA = 1.1;
const GAMMA = -0.1;

/** One matrix [rows, columns] whose rounding is sought, row-major. */
export interface RoundingProblem {
  readonly rows: number;
  readonly columns: number;
  readonly weight: Float64Array;
  /** Real value of the code at or below each weight. */
  readonly lower: Float64Array;
  /** Distance to the code above; 0 where the range of codes leaves no choice. */
  readonly step: Float64Array;
  /** G [columns, columns]. */
  readonly gram: Float64Array;
  /** w E[e (x + e)^T] [rows, columns]; undefined when the inputs are exact. */
  readonly linear?: Float64Array | undefined;
  /** Sum over rows of w E[e e^T] w^T: the error of the outputs before any rounding. Default 0. */
  readonly constant?: number;
}

/** d -> d G, for d [rows, columns]. */
export type TimesGram = (d: Float64Array) => Float64Array | Promise<Float64Array>;

/** The rectified sigmoid. */
export const soft = (v: number): number => rectified(1 / (1 + Math.exp(-v)));

const rectified = (s: number): number => Math.min(1, Math.max(0, (ZETA - GAMMA) * s + GAMMA));

/** The V whose h is `share`, for 0 <= share <= 1. */
export const inverseSoft = (share: number): number => -Math.log((ZETA - GAMMA) / (share - GAMMA) - 1);

/** What weights d away from the float ones give: mean squared error of the outputs, summed over rows. */
export function reconstruction(problem: RoundingProblem, d: Float64Array, dg: Float64Array): number {
  let sum = problem.constant ?? 0;
  for (let i = 0; i < d.length; i++) sum += d[i]! * (dg[i]! + 2 * (problem.linear?.[i] ?? 0));
  return sum;
}

/** Change of the weights for given h. */
export function change({ weight, lower, step }: RoundingProblem, h: ArrayLike<number>): Float64Array {
  const d = new Float64Array(h.length);
  for (let i = 0; i < d.length; i++) d[i] = lower[i]! + step[i]! * h[i]! - weight[i]!;
  return d;
}

export interface SoftLoss {
  readonly value: number;
  /** By V. */
  readonly gradient: Float64Array;
}

export interface LossSettings {
  /** Makes flipping a weight cost about 1, whatever the size of the outputs. */
  readonly unit: number;
  /** Weight of the regulariser. */
  readonly lambda: number;
  /** Exponent of the regulariser 1 - |2h - 1|^beta, which pulls h to 0 or 1; large: only those near are pulled. */
  readonly beta: number;
}

/** Mean cost of moving one weight by a step, alone. */
export function unitOf({ columns, step, gram }: RoundingProblem): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < step.length; i++) {
    if (step[i] === 0) continue;
    const k = i % columns;
    sum += step[i]! ** 2 * gram[k * columns + k]!;
    count++;
  }
  return sum > 0 ? sum / count : 1;
}

/** reconstruction / unit + lambda * sum(1 - |2h - 1|^beta), and its gradient by V. */
export async function softLoss(problem: RoundingProblem, v: Float64Array, { unit, lambda, beta }: LossSettings, timesGram: TimesGram): Promise<SoftLoss> {
  const { step, linear } = problem;
  const sigmoid = new Float64Array(v.length);
  const h = new Float64Array(v.length);
  for (let i = 0; i < v.length; i++) {
    const s = 1 / (1 + Math.exp(-v[i]!));
    sigmoid[i] = s;
    h[i] = rectified(s);
  }
  const d = change(problem, h);
  const product = timesGram(d);
  const dg = product instanceof Promise ? await product : product;
  const gradient = new Float64Array(v.length);
  let pull = 0;
  for (let i = 0; i < v.length; i++) {
    const own = h[i]!;
    if (step[i] === 0 || own === 0 || own === 1) continue;
    let byH = (2 * step[i]! * (dg[i]! + (linear?.[i] ?? 0))) / unit;
    if (lambda > 0) {
      const away = 2 * own - 1;
      const near = Math.abs(away) ** (beta - 1);
      pull += 1 - near * Math.abs(away);
      byH -= lambda * beta * near * Math.sign(away) * 2;
    }
    // The slope of the rectified sigmoid.
    gradient[i] = byH * (ZETA - GAMMA) * sigmoid[i]! * (1 - sigmoid[i]!);
  }
  return { value: reconstruction(problem, d, dg) / unit + lambda * pull, gradient };
}
