/** Options that techniques which train share. */
import * as z from "zod";
import type { FitOptions } from "../loop/fit.ts";
import { adam, adamW, rmsProp, sgd, type Optimizer } from "../step/optimizers.ts";
import { constant, cosine, linear, oneCycle, warmup, type Schedule } from "../step/schedules.ts";
import { binaryCrossEntropy, combine, cosineDistance, crossEntropy, distillation, meanAbsoluteError, meanSquaredError, type Loss } from "../step/losses.ts";

export const trainingOptions = {
  epochs: z.int().min(1).max(10_000).default(1).describe("passes over the data"),
  batchSize: z.int().min(1).default(32).describe("examples in a step"),
  learningRate: z.number().positive().default(1e-3).describe("learning rate at its highest"),
  optimizer: z.enum(["sgd", "adam", "adamw", "rmsprop"]).default("adamw").describe("rule by which parameters change"),
  momentum: z.number().min(0).max(1).default(0.9).describe("momentum of sgd"),
  weightDecay: z.number().min(0).default(0).describe("weight decay; biases and norm scales are left out"),
  schedule: z.enum(["constant", "cosine", "linear", "one-cycle"]).default("cosine").describe("how the learning rate changes"),
  warmupSteps: z.int().min(0).default(0).describe("steps over which the learning rate grows from 0"),
  clipNorm: z.number().positive().optional().describe("largest norm of all gradients together"),
  loss: z.enum(["cross-entropy", "squared-error", "absolute-error", "binary-cross-entropy", "cosine"]).default("cross-entropy").describe("what is made small"),
  output: z.string().optional().describe("output that the loss reads; default: the first"),
  labels: z.string().default("labels").describe("name of the labels or targets in the data"),
  labelSmoothing: z.number().min(0).max(1).default(0).describe("share of probability spread over all classes"),
  freeze: z.array(z.string()).default([]).describe("beginnings of names of parameters to leave alone"),
  keepZeros: z.boolean().default(false).describe("zeros of kernels and matrices stay zero: a pruned model keeps its sparsity"),
  batchNorm: z.enum(["train", "frozen"]).default("train").describe("statistics of BatchNormalization: of the batch, or as they are"),
  distill: z.strictObject({
    weight: z.number().min(0).max(1).default(0.5).describe("share of the teacher's loss, the rest is the task's"),
    temperature: z.number().positive().default(4).describe("softens both distributions"),
  }).optional().describe("also match the teacher that the trainer service was given"),
};

type TrainingOptions = z.output<z.ZodObject<typeof trainingOptions>>;
type FittingOptions = Omit<TrainingOptions, "distill">;

/** What `fit` is given for these options, beside the model, the data and the loss. */
export const fitOptionsOf = (options: FittingOptions, seed: number): Omit<FitOptions, "model" | "data"> => ({
  optimizer: optimizerOf(options), schedule: scheduleOf(options), seed,
  epochs: options.epochs, batchSize: options.batchSize, clipNorm: options.clipNorm, keepZeros: options.keepZeros, batchNorm: options.batchNorm,
  trainable: (name) => !options.freeze.some((beginning) => name.startsWith(beginning)),
});

export function optimizerOf({ optimizer, momentum, weightDecay }: FittingOptions): Optimizer {
  switch (optimizer) {
    case "sgd": return sgd({ momentum, weightDecay });
    case "adam": return adam({ weightDecay });
    case "adamw": return adamW({ weightDecay });
    case "rmsprop": return rmsProp({ weightDecay });
  }
}

export function scheduleOf({ schedule, learningRate, warmupSteps }: FittingOptions): Schedule {
  const shapes = { constant, cosine, linear, "one-cycle": oneCycle };
  const shape = shapes[schedule](learningRate);
  return warmupSteps === 0 ? shape : warmup(warmupSteps, shape);
}

export function lossOf({ loss, output, labels, labelSmoothing, distill }: FittingOptions & Partial<TrainingOptions>): Loss {
  const target = { ...(output === undefined ? {} : { output }), target: labels };
  const logits = output === undefined ? {} : { logits: output };
  const regressions = { "squared-error": meanSquaredError, "absolute-error": meanAbsoluteError, "binary-cross-entropy": binaryCrossEntropy, cosine: cosineDistance };
  const task = loss === "cross-entropy" ? crossEntropy({ ...logits, labels, labelSmoothing }) : regressions[loss](target);
  if (!distill) return task;
  const teacher = distillation({ ...logits, temperature: distill.temperature });
  return distill.weight === 1 ? teacher : combine([[1 - distill.weight, task], [distill.weight, teacher]]);
}
