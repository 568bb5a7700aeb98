/** Training as a service that hosts lend to techniques: `pipeline(prune(...), finetune(...)).run(model, { data, trainer: trainer() })`. */
import type { Model, Runtime } from "@lathe/core";
import { fit, type FitOptions, type FitRun } from "./loop/fit.ts";

export interface TrainerService {
  fit(options: FitOptions): FitRun;
  /** A model whose outputs techniques may ask to be matched, usually the one before compression. */
  readonly teacher?: Model | undefined;
  /** Where the teacher runs, and models that are validated. */
  readonly runtime?: Runtime | undefined;
}

export interface TrainerOptions {
  /** Default: ONNX Runtime in this thread. */
  readonly runtime?: Runtime;
  readonly teacher?: Model;
  /** Judges the model after each epoch; the best epoch's weights are kept. */
  readonly validate?: FitOptions["validate"];
  readonly checkpoint?: FitOptions["checkpoint"];
}

/** The service over {@link fit}; what a technique gives explicitly goes before these defaults. */
export function trainer({ runtime, teacher, ...defaults }: TrainerOptions = {}): TrainerService {
  return { teacher, runtime, fit: (options) => fit({ ...(runtime ? { runtime } : {}), ...defaults, ...options }) };
}

declare module "@lathe/core" {
  interface Services {
    /** Trains models; see `trainer()` of @lathe/train. */
    trainer: TrainerService;
  }
}
