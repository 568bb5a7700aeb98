import type { Dataset } from "../data/dataset.ts";
import type { Model } from "../ir/model.ts";
import type { Runtime } from "../runtime.ts";

/**
 * What hosts may lend to techniques. Open: a package adds its own by module augmentation,
 * `declare module "@lathe/core" { interface Services { trainer: Trainer } }`.
 */
export interface Services {
  /** Samples of the user's data, for calibration, scoring and training. */
  data: Dataset;
  /** An engine that runs models. */
  runtime: Runtime;
  /** Judges a model on the user's task. */
  evaluate: Evaluate;
}

export type ServiceName = keyof Services;

/** Scores by name; the first one (or the only number) is the one that is compared. Higher is better. */
export type Scores = number | Readonly<Record<string, number>>;

export interface EvaluateContext {
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
}

export type Evaluate = (model: Model, ctx: EvaluateContext) => Scores | Promise<Scores>;

/** A share from 0 to 1, or counts and a message. */
export type Progress = number | { readonly done: number; readonly total?: number; readonly message?: string };

/** Services of which `N` are there for certain. */
export type Lent<N extends ServiceName> = { readonly [K in N]: Services[K] } & { readonly [K in ServiceName]?: Services[K] | undefined };
