/** Sparsity as a function of the training step. */

export interface PolynomialDecay {
  readonly initial: number;
  readonly final: number;
  readonly begin: number;
  readonly end: number;
  /** Default 3. */
  readonly power?: number;
  /** Masks change every this many steps. Default 100. */
  readonly frequency?: number;
}

/** final + (initial - final) (1 - (t - begin) / (end - begin))^power between begin and end (Zhu & Gupta 2017). */
export const polynomialDecay = ({ initial, final, begin, end, power = 3 }: PolynomialDecay) => (step: number): number => {
  const t = Math.min(1, Math.max(0, (step - begin) / (end - begin)));
  return final + (initial - final) * (1 - t) ** power;
};

/** The same sparsity from `begin` on. */
export const constantSparsity = (sparsity: number, begin = 0) => (step: number): number => (step < begin ? 0 : sparsity);

/** Each of `times` rounds removes the same share of what is left: 1 - (1 - final)^(round / times). */
export const iterativeSparsity = (final: number, times: number) => (round: number): number => 1 - (1 - final) ** (Math.min(round, times) / times);

/** True when the masks are updated at this step: between begin and end, every `frequency` steps (end < 0: without end). */
export const updatesAt = ({ begin, end, frequency = 100 }: Pick<PolynomialDecay, "begin" | "end" | "frequency">) => (step: number): boolean =>
  step >= begin && (end < 0 || step <= end) && (step - begin) % frequency === 0;

/** 1 - (1 - initial) ((1 - final) / (1 - initial))^(t / end): the same share of what is left goes at each step. */
export const exponentialDecay = ({ initial, final, end }: { initial: number; final: number; end: number }) => (step: number): number =>
  1 - (1 - initial) * ((1 - final) / (1 - initial)) ** Math.min(1, Math.max(0, step / end));
