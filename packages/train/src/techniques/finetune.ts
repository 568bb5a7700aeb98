import { defineTechnique, floatWeights, verified, type Json, type TechniqueContext } from "@lathe/core";
import * as z from "zod";
import { trainErrors } from "../errors.ts";
import { trainingData, type TrainingData } from "../loop/data.ts";
import type { FitEvent } from "../loop/events.ts";
import type { FitOptions, FitResult } from "../loop/fit.ts";
import { withTeacher, type Taught } from "../loop/teacher.ts";
import type { TrainerService } from "../service.ts";
import { fitOptionsOf, lossOf, trainingOptions } from "./options.ts";

/** Trains all float parameters further on the user's data; what pruning and other lossy steps are followed by. */
export const finetune = defineTechnique({
  name: "finetune",
  summary: "Trains the model further on labelled data.",
  options: z.strictObject(trainingOptions),
  needs: ["data", "trainer"],
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    const { trainer } = ctx.services;
    const data = await trainingData(ctx.services.data, model);
    const taught = options.distill ? await teach(data, trainer, ctx.signal) : undefined;
    try {
      const result = await follow(trainer, {
        ...fitOptionsOf(options, ctx.seed), model, data: taught?.data ?? data, loss: lossOf(options),
      }, ctx);
      return { model: result.model, metrics: metricsOf(result), details: { epochs: epochsOf(result) } };
    } finally {
      await taught?.dispose();
    }
  },
});

async function teach(data: TrainingData, { teacher, runtime }: TrainerService, signal: AbortSignal): Promise<Taught> {
  if (!teacher) throw trainErrors.TRAIN_OPTION({ option: "distill", expected: "used with a trainer that has a teacher", received: "given without one" });
  return withTeacher(data, teacher, runtime ?? (await import("@lathe/ort")).ortRuntime(), { signal });
}

/** Runs a fit, passing progress and aborts on. */
export async function follow(trainer: TrainerService, options: FitOptions, ctx: Pick<TechniqueContext, "signal" | "progress">): Promise<FitResult> {
  const tell = (event: FitEvent): void => {
    if (event.type === "step") ctx.progress({ done: event.step, total: event.totalSteps, message: `epoch ${event.epoch + 1}, loss ${event.loss.toPrecision(4)}` });
  };
  return trainer.fit({ ...options, signal: ctx.signal, onEvent: tell }).result;
}

/** Figures of the first and last epoch; scores by name for the epoch that was kept. */
export function metricsOf({ history, epoch, steps }: FitResult): Record<string, number> {
  const [first, last] = [history[0], history.at(-1)];
  return { steps, firstEpochLoss: first?.loss ?? NaN, lastEpochLoss: last?.loss ?? NaN, ...history[epoch]?.scores };
}

/** The epochs as a report lists them. */
export const epochsOf = ({ history }: FitResult): Json[] => history.map(({ epoch, loss, scores }) => ({ epoch, loss, scores }));
