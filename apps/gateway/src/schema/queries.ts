import { demand, mayRead, type Ctx } from "../app.ts";
import type { JobRow } from "../jobs/model.ts";
import { inChild } from "../store/complete.ts";
import { find, findNode, lookUp } from "../store/find.ts";
import type { ArtifactRow, ModelRow } from "../store/models.ts";
import type { PlannedStep } from "../task/protocol.ts";
import { modelFiles } from "../store/models.ts";
import { badInput, connect, pageCost, pageOf, type connections, type Builder, type PageArgs } from "./builder.ts";
import type { fileTypes, nodeInterface } from "./files.ts";
import type { JobTypes } from "./job.ts";
import { pageArgs, type ModelTypes } from "./model.ts";
import type { problems } from "./problems.ts";
import { settle } from "./problems.ts";
import { recipeOf } from "./recipe-of.ts";
import type { StepInputRef } from "./step-input.ts";
import { techniqueType } from "./technique.ts";

const MAX_COMPARED = 10;

interface Compared {
  readonly model: ModelRow;
  readonly base: ModelRow;
}

export interface SchemaParts {
  readonly node: ReturnType<typeof nodeInterface>;
  readonly files: ReturnType<typeof fileTypes>;
  readonly models: ModelTypes;
  readonly jobs: JobTypes;
  readonly step: StepInputRef;
  readonly connect: ReturnType<typeof connections>;
  readonly union: ReturnType<typeof problems>;
}

export function queryType(builder: Builder, { node, files, models, jobs, step, connect: connection, union }: SchemaParts): void {
  const technique = techniqueType(builder);
  const modelPage = connection("Model", models.model);
  const artifactPage = connection("Artifact", files.artifact);
  const jobPage = connection("Job", jobs.job);
  const compared = comparedType(builder, models.model);
  const plan = planTypes(builder, union);
  builder.queryType({
    description: "What can be read.",
    fields: (t) => ({
      node: t.field({
        type: node, nullable: true, description: "Anything by its global id.", args: { id: t.arg.id({ required: true, description: "Global id." }) },
        resolve: (_, { id }, ctx) => findNode(ctx, id),
      }),
      model: t.field({
        type: models.model, nullable: true, description: "A model by its global id.", args: { id: t.arg.id({ required: true, description: "Global id." }) },
        resolve: (_, { id }, ctx) => lookUp(ctx, "Model", id),
      }),
      job: t.field({
        type: jobs.job, nullable: true, description: "A job by its global id.", args: { id: t.arg.id({ required: true, description: "Global id." }) },
        resolve: (_, { id }, ctx) => lookUp(ctx, "Job", id),
      }),
      models: t.field({ type: modelPage, description: "Your models, newest first.", args: pageArgs(t.arg), complexity: pageCost, resolve: (_, args, ctx) => own<ModelRow>("model", args, ctx) }),
      artifacts: t.field({ type: artifactPage, description: "Your datasets and reports, newest first.", args: pageArgs(t.arg), complexity: pageCost, resolve: (_, args, ctx) => own<ArtifactRow>("artifact", args, ctx) }),
      jobs: t.field({ type: jobPage, description: "Your jobs, newest first.", args: pageArgs(t.arg), complexity: pageCost, resolve: (_, args, ctx) => own<JobRow>("job", args, ctx) }),
      techniques: t.field({ type: [technique], description: "What can be done to models here.", resolve: (_, _args, ctx) => [...ctx.app.offer.techniques] }),
      compare: t.field({
        type: [compared], description: `Models side by side, ${MAX_COMPARED} at most; the first is the base of the ratios.`,
        args: { models: t.arg.idList({ required: true, description: "Global ids." }) },
        resolve: async (_, { models: ids }, ctx) => {
          if (ids.length < 1 || ids.length > MAX_COMPARED) throw badInput(`"models" must name 1 to ${MAX_COMPARED} models, not ${ids.length}.`);
          const rows = await Promise.all(ids.map((id) => lookUp(ctx, "Model", id)));
          const missing = rows.findIndex((row) => row === undefined);
          if (missing >= 0) throw badInput(`There is no model with the id "${ids[missing]!.slice(0, 100)}".`);
          return rows.map((model) => ({ model: model!, base: rows[0]! }));
        },
      }),
      plan: t.field({
        type: plan, description: "Checks steps against a model without running them: options with defaults filled in, what is missing, what would fail.",
        args: {
          model: t.arg.id({ required: true, description: "Global id of the model." }),
          steps: t.arg({ type: [step], required: true, description: "In order." }),
          data: t.arg.id({ description: "Global id of a dataset artifact that would be lent." }),
        },
        complexity: 100,
        resolve: (_, { model: id, steps, data }, ctx) => settle(async () => {
          const model = await find(ctx, "Model", id);
          if (data) await find(ctx, "Artifact", data);
          const recipe = recipeOf(ctx, steps);
          const result = await inChild(ctx.app, { kind: "plan", model: modelFiles(ctx.app.blobs, model.files), modules: ctx.app.offer.modules, steps: recipe, hasData: Boolean(data) }, ctx.signal);
          if (result.kind !== "plan") throw new Error(`The child answered with ${result.kind}.`);
          return { __typename: "Plan" as const, steps: result.steps };
        }),
      }),
    }),
  });
}

async function own<T extends ModelRow | ArtifactRow | JobRow>(table: "model" | "artifact" | "job", args: PageArgs, ctx: Ctx) {
  demand(ctx, "read");
  const page = pageOf(args, ctx);
  const rows = await ctx.app.rows.page<T>(table, ctx.principal.owner, page);
  return connect(rows.filter((row) => mayRead(ctx, row)), page.first, (row) => row.no, page.after !== undefined);
}

function comparedType(builder: Builder, model: ModelTypes["model"]) {
  const ratio = (of: (m: ModelRow) => number) => ({ model: m, base }: Compared): number | null => (of(m) === 0 ? null : of(base) / of(m));
  const fileBytes = (m: ModelRow): number => [m.files.graph, ...m.files.data].reduce((sum, f) => sum + f.size, 0);
  return builder.objectRef<Compared>("ComparedModel").implement({
    description: "A model beside the first one of a comparison. Ratios say how many times smaller it is.",
    fields: (t) => ({
      model: t.field({ type: model, description: "The model.", resolve: (c) => c.model }),
      fileRatio: t.float({ nullable: true, description: "Bytes of files: first model's divided by this one's.", resolve: ratio(fileBytes) }),
      parameterRatio: t.float({ nullable: true, description: "Parameters: first model's divided by this one's.", resolve: ratio((m) => m.stats.parameters) }),
      macRatio: t.float({ nullable: true, description: "Multiply-accumulates: first model's divided by this one's; null when none are known.", resolve: ratio((m) => m.stats.macs) }),
    }),
  });
}

function planTypes(builder: Builder, union: SchemaParts["union"]) {
  const planned = builder.objectRef<PlannedStep>("PlannedStep");
  planned.implement({
    description: "A step as it would run.",
    fields: (t) => ({
      technique: t.string({ description: "Its technique.", resolve: (s) => s.use }),
      options: t.field({ type: "JSON", description: "Its options, defaults filled in.", resolve: (s) => s.options }),
      needs: t.stringList({ description: "What it must be lent.", resolve: (s) => [...s.needs] }),
      problem: t.string({ nullable: true, description: "Why it would not run on this model as it is; steps before it may change that.", resolve: (s) => s.problem }),
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

