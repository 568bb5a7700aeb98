import { defineTechnique, floatWeights, verified } from "@lathe/core";
import { lossOf, optimizerOf, scheduleOf, trainingOptions } from "@lathe/train";
import { z } from "zod";
import { staticOptions } from "../options.ts";
import { quantizeAware } from "./train.ts";

const { batchNorm: _, ...shared } = trainingOptions;

export const qatOptions = z.strictObject({
  ...shared,
  learningRate: shared.learningRate.default(2e-4),
  static: staticOptions.partial().optional().describe("what static quantization would be given"),
  learnScales: z.boolean().default(true).describe("train the scales of weights and activations too"),
  observeEpochs: z.number().int().min(0).default(1).describe("without learned scales: epochs after which ranges are observed anew"),
});

/**
 * Static quantization whose model first learns to live with the rounding.
 * @example pipeline(quantizeAwareTraining({ epochs: 3, static: { weightType: "int4" } })).run(model, { data, runtime, trainer: trainer({ runtime }) })
 */
export const quantizeAwareTraining = defineTechnique({
  name: "quantize-aware",
  summary: "Trains the model with integer rounding in place, then quantizes it statically.",
  options: qatOptions,
  needs: ["data", "runtime", "trainer"],
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    const { data, runtime, trainer } = ctx.services;
    const { distill, epochs, batchSize, learnScales, observeEpochs, clipNorm, keepZeros, freeze } = options;
    const { model: quantized, report, history, steps } = await quantizeAware(model, {
      static: defined(options.static ?? {}), epochs, batchSize, learnScales, observeEpochs, clipNorm, keepZeros, seed: ctx.seed, teach: distill !== undefined,
      loss: lossOf({ ...options, batchNorm: "frozen" }), optimizer: optimizerOf({ ...options, batchNorm: "frozen" }), schedule: scheduleOf({ ...options, batchNorm: "frozen" }),
      trainable: (name) => !freeze.some((beginning) => name.startsWith(beginning)),
    }, {
      runtime, trainer, data, signal: ctx.signal,
      onEvent: (event) => event.type === "step" && ctx.progress({ done: event.step, total: event.totalSteps, message: `loss ${event.loss.toPrecision(4)}` }),
    });
    const { reasons, ...figures } = report;
    return {
      model: quantized,
      metrics: { ...figures, steps, firstEpochLoss: history[0]?.loss ?? NaN, lastEpochLoss: history.at(-1)?.loss ?? NaN },
      details: { reasons, epochs: history.map(({ epoch, loss }) => ({ epoch, loss })) },
    };
  },
});

/** Options that were left out must not hide the target's choices. */
const defined = <T extends object>(options: T): T => Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as T;
