/** The dry run: what steps would do, found out on a copy in a child process. */
import type { QueryFieldBuilder } from "@pothos/core";
import { demand } from "../app.ts";
import { lentFiles } from "../jobs/attempt.ts";
import { inChild } from "../store/complete.ts";
import { find } from "../store/find.ts";
import { modelFiles } from "../store/models.ts";
import { REHEARSED_SAMPLES, type PlannedStep, type Predicted } from "../task/protocol.ts";
import { NAMED, type NodeNames, type Touched } from "../task/touched.ts";
import type { Builder, Types } from "./builder.ts";
import { lentSpec } from "./lent.ts";
import type { ModelTypes } from "./model.ts";
import { settle } from "./problems.ts";
import type { SchemaParts } from "./queries.ts";
import { recipeOf } from "./recipe-of.ts";

type Parts = Pick<SchemaParts, "step" | "union" | "evaluation"> & { readonly stats: ModelTypes["stats"] };

export function planField(t: QueryFieldBuilder<Types, Types["Root"]>, builder: Builder, parts: Parts) {
  const { step, evaluation } = parts;
  return t.field({
    type: planTypes(builder, parts),
    description: "What steps would do to a model, without keeping the result: what is missing, what would fail, and, of steps that can be rehearsed, sizes and the nodes touched. Needs the scope write, since it is work as a job is.",
    args: {
      model: t.arg.id({ required: true, description: "Global id of the model." }),
      steps: t.arg({ type: [step], required: true, description: "In order." }),
      data: t.arg.id({ description: `Global id of a dataset that would be lent; its first ${REHEARSED_SAMPLES} samples are used.` }),
      batch: t.arg.int({ description: "Samples of the dataset in one run of the model; default 1." }),
      seed: t.arg.int({ description: "Seed of everything random; default 0." }),
      evaluation: t.arg({ type: evaluation, description: "How steps that judge models would do it." }),
    },
    complexity: 100,
    resolve: (_, { model: id, steps, ...given }, ctx) => settle(async () => {
      // It changes nothing, but it is work, as a job is.
      demand(ctx, "write");
      const { app } = ctx;
      const model = await find(ctx, "Model", id);
      const { seed, ...lent } = await lentSpec(ctx, given);
      const recipe = recipeOf(ctx, steps);
      const { steps: planned } = await inChild(ctx, "planning", {
        kind: "plan", model: modelFiles(app.blobs, model.files), modules: app.offer.modules, steps: recipe, seed, lent: await lentFiles(app.db, app.blobs, lent), rehearsalMs: app.limits.rehearsalMs,
      });
      return { __typename: "Plan" as const, steps: planned };
    }),
  });
}

function planTypes(builder: Builder, { union, stats }: Parts) {
  const names = builder.objectRef<NodeNames>("NodeNames").implement({
    description: "Nodes by name.",
    fields: (t) => ({
      count: t.exposeInt("count", { description: "How many there are." }),
      names: t.stringList({ description: `The first ${NAMED} of them.`, resolve: ({ names: list }) => [...list] }),
    }),
  });
  const touched = builder.objectRef<Touched>("TouchedNodes").implement({
    description: "Nodes of the main graph that a step would touch, compared by name.",
    fields: (t) => ({
      added: t.field({ type: names, description: "There only afterwards.", resolve: (n) => n.added }),
      removed: t.field({ type: names, description: "There only before.", resolve: (n) => n.removed }),
      changed: t.field({ type: names, description: "There before and after, with another operator, attribute, connection or weight.", resolve: (n) => n.changed }),
    }),
  });
  const basis = builder.enumType("PredictionBasis", {
    description: "What a prediction rests on. There are no estimates.",
    values: {
      EXACT: { description: "The steps were run on a copy, in order and with the seeds of a job: a job gives the same." },
      SAMPLED: { description: `The steps were run with the first ${REHEARSED_SAMPLES} samples of the dataset: what the whole dataset decides can come out differently.` },
    },
  });
  const predicted = builder.objectRef<Predicted>("Prediction").implement({
    description: "The model as it was after a step in the rehearsal.",
    fields: (t) => ({
      basis: t.field({ type: basis, description: "What this rests on.", resolve: (p) => p.basis }),
      stats: t.field({ type: stats, description: "Figures of the model after the step.", resolve: (p) => p.stats }),
      fileBytes: t.field({ type: "Long", description: "Bytes of its files.", resolve: (p) => p.fileBytes }),
      touched: t.field({ type: touched, description: "Nodes that the step touches.", resolve: (p) => p.touched }),
      metrics: t.field({ type: "JSON", description: "What the step tells of itself.", resolve: (p) => p.metrics }),
    }),
  });
  const planned = builder.objectRef<PlannedStep>("PlannedStep");
  planned.implement({
    description: "A step as it would run.",
    fields: (t) => ({
      technique: t.string({ description: "Its technique.", resolve: (s) => s.use }),
      options: t.field({ type: "JSON", description: "Its options, defaults filled in.", resolve: (s) => s.options }),
      needs: t.stringList({ description: "What it must be lent.", resolve: (s) => [...s.needs] }),
      problem: t.string({ nullable: true, description: "Why it would not run. Of steps that were not rehearsed: on the model as it is; steps before may change that.", resolve: (s) => s.problem }),
      predicted: t.field({ type: predicted, nullable: true, description: "What came out of it; null when it was not rehearsed or failed.", resolve: (s) => s.predicted }),
      unpredictedReason: t.string({ nullable: true, description: "Why it was not rehearsed: it judges or trains models, takes too long, or follows such a step.", resolve: (s) => s.unknown }),
      steps: t.field({ type: [planned], description: "Steps inside.", resolve: (s) => [...s.steps] }),
    }),
  });
  const plan = builder.objectRef<{ readonly __typename: "Plan"; readonly steps: readonly PlannedStep[] }>("Plan").implement({
    description: "What would be done.",
    fields: (t) => ({
      steps: t.field({ type: [planned], description: "In order.", resolve: (p) => [...p.steps] }),
      runnable: t.boolean({ description: "Whether nothing speaks against it.", resolve: (p) => p.steps.every(fine) }),
    }),
  });
  return union("PlanResult", "A plan, or why there is none.", plan);
}

const fine = (step: PlannedStep): boolean => step.problem === null && step.steps.every(fine);
