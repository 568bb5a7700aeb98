/** Learning-rate schedules: pure functions of the step number (from 0). */

/** Learning rate at a step; `total` is the number of steps of the whole run. */
export type Schedule = (step: number, total: number) => number;

export const constant = (rate: number): Schedule => () => rate;

/** Half a cosine from `rate` to `final` (Loshchilov & Hutter 2017). */
export const cosine = (rate: number, final = 0): Schedule => (step, total) => final + ((rate - final) * (1 + Math.cos((Math.PI * Math.min(step, total)) / Math.max(1, total)))) / 2;

/** Multiplies by `gamma` every `every` steps. */
export const stepDecay = (rate: number, every: number, gamma = 0.1): Schedule => (step) => rate * gamma ** Math.floor(step / every);

/** Straight line from `rate` to `final`. */
export const linear = (rate: number, final = 0): Schedule => (step, total) => rate + (final - rate) * Math.min(1, step / Math.max(1, total));

/** (1 - t/T)^power from `rate` to `final`. */
export const polynomial = (rate: number, final = 0, power = 2): Schedule => (step, total) => final + (rate - final) * (1 - Math.min(1, step / Math.max(1, total))) ** power;

/** Grows from 0 over `steps`, then follows `then`, which sees the remaining steps. */
export const warmup = (steps: number, then: Schedule): Schedule => (step, total) =>
  step < steps ? (then(0, total - steps) * (step + 1)) / steps : then(step - steps, total - steps);

/** Up to `rate` over the first `rise` of the run, then down to nearly 0, both along cosines (Smith & Topin 2018). */
export const oneCycle = (rate: number, rise = 0.3, start = rate / 25, final = start / 1e4): Schedule => (step, total) => {
  const peak = Math.max(1, Math.floor(rise * total) - 1);
  const ease = (from: number, to: number, t: number): number => to + ((from - to) * (1 + Math.cos(Math.PI * Math.min(1, t)))) / 2;
  return step <= peak ? ease(start, rate, step / peak) : ease(rate, final, (step - peak) / Math.max(1, total - 1 - peak));
};
