/** Distillation as a step of a pipeline: the model at hand is the student, the trainer's teacher the teacher. */
import { defineTechnique, floatWeights, verified } from "@lathe/core";
import { epochsOf, fitOptionsOf, follow, lossOf, metricsOf, trainingData, trainingOptions } from "@lathe/train";
import * as z from "zod";
import { distillErrors } from "./errors.ts";
import { attentionMaps, attentionTransfer, hiddenCosine, hint } from "./losses/features.ts";
import { correlation, relational, similarity } from "./losses/relations.ts";
import { decoupled } from "./losses/decoupled.ts";
import { hardTargets, matchLogits, softTargets } from "./losses/soft-targets.ts";
import { initializeFrom } from "./student.ts";
import { taughtData } from "./teacher.ts";
import { task, tensorsRead, termLosses, type Term } from "./term.ts";

const { distill: _, ...training } = trainingOptions;

const options = z.strictObject({
  ...training,
  targets: z.enum(["soft", "decoupled", "correlation", "hard", "logits", "none"]).default("soft").describe("how the teacher's answers are matched"),
  targetWeight: z.number().min(0).default(0.9).describe("weight of matching the teacher's answers"),
  taskWeight: z.number().min(0).default(0.1).describe("weight of the task's own loss; 0 needs no labels"),
  temperature: z.number().positive().default(4).describe("softens both distributions"),
  features: z.array(z.strictObject({
    student: z.string().describe("tensor of the student"),
    teacher: z.string().describe("tensor of the teacher"),
    match: z.enum(["hint", "attention-transfer", "hidden-cosine", "attention-maps", "similarity", "relational"]).default("hint").describe("how they are compared"),
    weight: z.number().min(0).default(1).describe("weight of this pair"),
  })).default([]).describe("tensors inside the models to be matched"),
  initialize: z.boolean().default(false).describe("begin with the teacher's weights where names and shapes are equal"),
});

type Options = z.output<typeof options>;

/** Trains the model to do as the trainer's teacher does. */
export const distillation = defineTechnique({
  name: "distill",
  summary: "Trains the model to answer as a larger teacher does.",
  options,
  needs: ["data", "trainer"],
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, given, ctx) {
    const { trainer, data } = ctx.services;
    const { teacher } = trainer;
    if (!teacher) throw distillErrors.DISTILL_NO_TEACHER({});
    const begun = given.initialize ? initializeFrom(model, teacher) : undefined;
    const terms = termsOf(given);
    const read = tensorsRead(teacher, terms);
    const runtime = trainer.runtime ?? (await import("@lathe/ort")).ortRuntime();
    const taught = await taughtData(await trainingData(data, model), teacher, { runtime, tensors: [...read.shapes.keys()], signal: ctx.signal });
    try {
      const result = await follow(trainer, { ...fitOptionsOf(given, ctx.seed), ...termLosses(terms, read), model: begun?.model ?? model, data: taught.data }, ctx);
      const { hits, misses } = taught.cache;
      return {
        model: result.model,
        metrics: { ...metricsOf(result), teacherAsked: misses, teacherRemembered: hits },
        details: { epochs: epochsOf(result), ...(begun ? { initialized: Object.keys(begun.copied).length, fresh: [...begun.kept] } : {}) },
      };
    } finally {
      await taught.dispose();
    }
  },
});

/** @throws DISTILL_OPTION when nothing is to be matched */
function termsOf(given: Options): Term[] {
  const { targets, targetWeight: weight, temperature, taskWeight, output, labels } = given;
  const logits = output === undefined ? {} : { student: output };
  const answers: Record<Exclude<Options["targets"], "none">, () => Term> = {
    soft: () => softTargets({ ...logits, weight, temperature }),
    decoupled: () => decoupled({ ...logits, weight, temperature, labels }),
    correlation: () => correlation({ ...logits, weight, temperature }),
    hard: () => hardTargets({ ...logits, weight }),
    logits: () => matchLogits({ ...logits, weight }),
  };
  const matches = { hint, "attention-transfer": attentionTransfer, "hidden-cosine": hiddenCosine, "attention-maps": attentionMaps, similarity, relational };
  const taught = [...(targets === "none" || weight === 0 ? [] : [answers[targets]()]), ...given.features.map(({ match, ...pair }) => matches[match](pair))];
  if (taught.length === 0) throw distillErrors.DISTILL_OPTION({ option: "targets", expected: 'other than "none", or features', received: "nothing of the teacher to match" });
  return taskWeight === 0 ? taught : [...taught, task(lossOf(given), taskWeight)];
}
