import { demand, mayRead, type Ctx } from "../app.ts";
import type { JobRow } from "../jobs/model.ts";
import { findNode, lookUp } from "../store/find.ts";
import type { ArtifactRow, ModelRow } from "../store/models.ts";
import { badInput, connect, pageCost, pageOf, type connections, type Builder, type PageArgs } from "./builder.ts";
import type { Allowance } from "../http/rate.ts";
import type { fileTypes, nodeInterface } from "./files.ts";
import type { JobTypes } from "./job.ts";
import type { EvaluationInputRef } from "./lent.ts";
import { pageArgs, type ModelTypes } from "./model.ts";
import { planField } from "./plan.ts";
import type { problems } from "./problems.ts";
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
  readonly evaluation: EvaluationInputRef;
}

export function queryType(builder: Builder, { node, files, models, jobs, step, connect: connection, union, evaluation }: SchemaParts): void {
  const technique = techniqueType(builder);
  const modelPage = connection("Model", models.model);
  const artifactPage = connection("Artifact", files.artifact);
  const jobPage = connection("Job", jobs.job);
  const compared = comparedType(builder, models.model);
  const rateLimit = rateLimitType(builder);
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
      artifacts: t.field({
        type: artifactPage, description: "Your datasets and reports, newest first.", complexity: pageCost,
        args: { ...pageArgs(t.arg), kind: t.arg({ type: files.kind, description: "Only those of this kind." }) },
        resolve: (_, { kind, ...args }, ctx) => own<ArtifactRow>("artifact", args, ctx, kind ?? undefined),
      }),
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
      plan: planField(t, builder, { step, union, stats: models.stats, evaluation }),
      rateLimit: t.field({ type: rateLimit, description: "What is left of your request rate; the headers RateLimit and RateLimit-Policy of every reply say the same.", resolve: (_, _args, ctx) => ctx.allowance }),
    }),
  });
}

async function own<T extends ModelRow | ArtifactRow | JobRow>(table: "model" | "artifact" | "job", args: PageArgs, ctx: Ctx, kind?: ArtifactRow["kind"]) {
  demand(ctx, "read");
  const page = pageOf(args, ctx);
  const rows = await ctx.app.rows.page<T>(table, ctx.principal.owner, page, kind);
  return connect(rows.filter((row) => mayRead(ctx, row)), page, (row) => row.no);
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

const rateLimitType = (builder: Builder) =>
  builder.objectRef<Allowance>("RateLimit").implement({
    description: "Requests that this key may send. They are counted in a bucket that is filled steadily.",
    fields: (t) => ({
      limit: t.exposeInt("limit", { description: "Requests when the bucket is full." }),
      perSecond: t.exposeFloat("perSecond", { description: "Requests by which it is filled each second." }),
      remaining: t.exposeInt("remaining", { description: "Requests that may come at once now." }),
      resetSeconds: t.exposeInt("resetSeconds", { description: "Seconds until it is full again." }),
    }),
  });
