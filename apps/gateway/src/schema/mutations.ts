import { demand } from "../app.ts";
import { gatewayErrors } from "../errors.ts";
import { isFinal, type JobRow } from "../jobs/model.ts";
import { checkName, completeDataset, completeModel } from "../store/complete.ts";
import { deleteDataset, deleteModel, holdNamed } from "../store/delete.ts";
import { find } from "../store/find.ts";
import { createUploads } from "../store/uploads.ts";
import { type Builder } from "./builder.ts";
import { datasetId, findDataset, givenBy, lentSpec, positive } from "./lent.ts";
import { settle } from "./problems.ts";
import type { SchemaParts } from "./queries.ts";
import { demandRunnable, recipeOf } from "./recipe-of.ts";
import { completeInput, filesInput, uploadTypes } from "./uploads.ts";

const MAX_FILES = 50;
const MAX_MODELS = 8;

export function mutationType(builder: Builder, parts: SchemaParts): void {
  const { upload, complete } = uploadTypes(builder, parts);
  const { step, jobs, union, evaluation } = parts;
  const jobPayload = builder.objectRef<{ readonly __typename: "JobPayload"; readonly job: JobRow }>("JobPayload").implement({
    description: "The job, as it stands now.",
    fields: (t) => ({ job: t.field({ type: jobs.job, description: "The job.", resolve: (p) => p.job }) }),
  });
  const jobResult = union("JobResult", "A job, or why there is none.", jobPayload);
  const deleted = builder.objectRef<{ readonly __typename: "Deleted"; readonly id: string }>("Deleted").implement({
    description: "It is gone.",
    fields: (t) => ({ id: t.id({ description: "Global id of what was deleted.", resolve: (d) => d.id }) }),
  });
  const deleteResult = union("DeleteResult", "Done, or why not.", deleted);
  const files = filesInput(builder);
  const completed = completeInput(builder);
  const payload = (job: JobRow) => ({ __typename: "JobPayload" as const, job });
  builder.mutationType({
    description: "What can be done. Expected failures are part of the result; ask for `... on UserError { code message remedy }`.",
    fields: (t) => ({
      uploadCreate: t.field({
        type: upload, description: `Asks for addresses to send files to, ${MAX_FILES} at most.`, args: { files: t.arg({ type: [files], required: true, description: "What will be sent." }) },
        resolve: (_, { files: wanted }, ctx) => settle(async () => {
          if (wanted.length < 1 || wanted.length > MAX_FILES) throw gatewayErrors.INVALID_INPUT({ at: "files", expected: `1 to ${MAX_FILES} files`, received: String(wanted.length) });
          return { __typename: "UploadsCreated" as const, uploads: await createUploads(ctx, wanted) };
        }),
      }),
      uploadComplete: t.field({
        type: complete, description: "Says what the bytes that were sent are.", args: { input: t.arg({ type: completed, required: true, description: "Exactly one of its fields." }) },
        complexity: 100,
        resolve: (_, { input: { model, dataset } }, ctx) => settle(async () => {
          if (model) return { __typename: "ModelCreated" as const, model: await completeModel(ctx, { name: model.name, graph: model.graph, data: model.data ?? [] }) };
          return { __typename: "DatasetCreated" as const, dataset: await completeDataset(ctx, dataset!) };
        }),
      }),
      optimize: t.field({
        type: jobResult, description: "Runs steps on a model, as a job that makes a new model and a report.",
        args: {
          model: t.arg.id({ required: true, description: "Global id of the model." }),
          steps: t.arg({ type: [step], required: true, description: "In order." }),
          data: t.arg.id({ description: "Global id of a dataset artifact, for steps that need data. Steps that train or judge models find labels in it." }),
          batch: t.arg.int({ description: "Samples of the dataset in one run of the model; default 1." }),
          seed: t.arg.int({ description: "Seed of everything random; default 0. The same seed, model and steps give the same bytes." }),
          evaluation: t.arg({ type: evaluation, description: "How steps that judge models do it; default: accuracy on the data." }),
          teacher: t.arg.id({ description: "Global id of the model whose answers training may match; default: the model itself, as it came in." }),
          name: t.arg.string({ description: "Name of the new model; default: the old one's with the steps added." }),
          idempotencyKey: idempotencyArg(t.arg),
        },
        resolve: (_, args, ctx) => settle(async () => {
          demand(ctx, "write");
          const model = await find(ctx, "Model", args.model);
          const lent = await lentSpec(ctx, args);
          const recipe = recipeOf(ctx, args.steps);
          demandRunnable(ctx, recipe, givenBy(lent));
          const name = args.name ? checkName("The name of a model", args.name) : `${model.name.replace(/\.onnx$/, "")}.${recipe.map((s) => s.use).join(".")}`.slice(0, 200);
          const spec = { model: model.id, steps: recipe, name, ...lent };
          return payload(await ctx.app.engine.enqueue({ owner: ctx.principal.owner, kind: "OPTIMIZE", spec, ...limitsOf(ctx), hold: holdNamed, idempotencyKey: keyOf(args.idempotencyKey) }));
        }),
      }),
      benchmark: t.field({
        type: jobResult, description: `Times models against each other, as a job; ${MAX_MODELS} at most, the first is the baseline.`,
        args: {
          models: t.arg.idList({ required: true, description: "Global ids." }),
          rounds: t.arg.int({ description: "Timed samples of each model; default 30, at most 1000." }),
          data: t.arg.id({ description: "Global id of a dataset artifact whose first sample is fed; default: random values." }),
          idempotencyKey: idempotencyArg(t.arg),
        },
        resolve: (_, args, ctx) => settle(async () => {
          demand(ctx, "write");
          if (args.models.length < 1 || args.models.length > MAX_MODELS) throw gatewayErrors.INVALID_INPUT({ at: "models", expected: `1 to ${MAX_MODELS} models`, received: String(args.models.length) });
          const models = (await Promise.all(args.models.map((id) => find(ctx, "Model", id)))).map((m) => m.id);
          if (new Set(models).size < models.length) throw gatewayErrors.INVALID_INPUT({ at: "models", expected: "each model once", received: "one twice" });
          const data = args.data ? await datasetId(ctx, "data", args.data) : undefined;
          const spec = { models, rounds: positive("rounds", args.rounds ?? 30, 1000), threads: ctx.app.limits.threads, batch: 1, ...(data ? { data } : {}) };
          return payload(await ctx.app.engine.enqueue({ owner: ctx.principal.owner, kind: "BENCHMARK", spec, ...limitsOf(ctx), hold: holdNamed, idempotencyKey: keyOf(args.idempotencyKey) }));
        }),
      }),
      cancelJob: t.field({
        type: jobResult, description: "Asks a job to stop: at once when it waits; else its process is ended.", args: { id: t.arg.id({ required: true, description: "Global id of the job." }) },
        resolve: (_, { id }, ctx) => settle(async () => {
          demand(ctx, "write");
          return payload(await ctx.app.engine.cancel((await find(ctx, "Job", id)).id));
        }),
      }),
      retryJob: t.field({
        type: jobResult, description: "Runs a failed or cancelled job again, as a new job.",
        args: { id: t.arg.id({ required: true, description: "Global id of the job." }), idempotencyKey: idempotencyArg(t.arg) },
        resolve: (_, { id, idempotencyKey }, ctx) => settle(async () => {
          demand(ctx, "write");
          const { id: retryOf, owner, kind, spec, state } = await find(ctx, "Job", id);
          if (!isFinal(state) || state === "SUCCEEDED") throw gatewayErrors.JOB_STATE({ action: "retried", state });
          return payload(await ctx.app.engine.enqueue({ owner, kind, spec, retryOf, ...limitsOf(ctx), hold: holdNamed, idempotencyKey: keyOf(idempotencyKey) }));
        }),
      }),
      deleteModel: t.field({
        type: deleteResult, description: "Deletes a model; its files go when nothing else refers to them.", args: { id: t.arg.id({ required: true, description: "Global id of the model." }) },
        resolve: (_, { id }, ctx) => settle(async () => {
          demand(ctx, "write");
          await deleteModel(ctx.app, await find(ctx, "Model", id));
          return { __typename: "Deleted" as const, id };
        }),
      }),
      deleteDataset: t.field({
        type: deleteResult, description: "Deletes a dataset; its file goes when nothing else refers to it.", args: { id: t.arg.id({ required: true, description: "Global id of the dataset artifact." }) },
        resolve: (_, { id }, ctx) => settle(async () => {
          demand(ctx, "write");
          await deleteDataset(ctx.app, await findDataset(ctx, "id", id));
          return { __typename: "Deleted" as const, id };
        }),
      }),
    }),
  });
}

type Context = Parameters<typeof find>[0];

const limitsOf = ({ app: { limits } }: Context): { attempts: number; openJobs: number } => ({ attempts: limits.attempts, openJobs: limits.openJobs });

const idempotencyArg = <A extends { string: (options: { description: string }) => unknown }>(arg: A) =>
  arg.string({ description: "Any text of your own, 200 characters at most: a second request with the same key gives the first one's job." }) as ReturnType<A["string"]>;

function keyOf(key: string | null | undefined): string | undefined {
  if (key === null || key === undefined) return undefined;
  if (key.length < 1 || key.length > 200) throw gatewayErrors.INVALID_INPUT({ at: "idempotencyKey", expected: "1 to 200 characters", received: String(key.length) });
  return key;
}
