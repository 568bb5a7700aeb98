/** What jobs and plans are given beside a model: data, a way to judge, a teacher. */
import { labelledMetrics, type LabelledMetric } from "@lathe/core";
import type { Ctx } from "../app.ts";
import { gatewayErrors } from "../errors.ts";
import type { Evaluation, OptimizeSpec } from "../jobs/model.ts";
import { find } from "../store/find.ts";
import type { ArtifactRow } from "../store/models.ts";
import type { Builder } from "./builder.ts";
import type { Given } from "./recipe-of.ts";
import { choiceNames } from "./step-input.ts";

const metrics = Object.keys(labelledMetrics) as LabelledMetric[];
const meanings: Record<LabelledMetric, string> = {
  accuracy: "Share of examples whose label is the highest score.",
  top5: "Share of examples whose label is among the five highest scores.",
  "negative-mse": "Mean squared difference of output and label, negated.",
};

export function evaluationInput(builder: Builder) {
  const metric = builder.enumType("EvaluationMetric", {
    description: "How outputs and labels make a score; higher is better.",
    values: Object.fromEntries(choiceNames(metrics)!.map((name, i) => [name, { value: metrics[i]!, description: meanings[metrics[i]!] }])),
  });
  return builder.inputType("EvaluationInput", {
    description: "How steps that judge models do it: on labelled data, by one figure.",
    fields: (t) => ({
      data: t.id({ description: "Global id of a dataset with labels; default: the job's own." }),
      metric: t.field({ type: metric, description: "The figure; default ACCURACY." }),
      labels: t.string({ description: 'Name of the labels in the data; default: the only array that the model does not take, or "labels".' }),
      output: t.string({ description: 'Output to judge; default: the only one, or "logits".' }),
    }),
  });
}

export type EvaluationInputRef = ReturnType<typeof evaluationInput>;

/** As the arguments come. */
export interface LentArgs {
  readonly data?: string | null | undefined;
  readonly batch?: number | null | undefined;
  readonly seed?: number | null | undefined;
  readonly teacher?: string | null | undefined;
  readonly evaluation?: { readonly data?: string | null | undefined; readonly metric?: LabelledMetric | null | undefined; readonly labels?: string | null | undefined; readonly output?: string | null | undefined } | null | undefined;
}

/** As a job keeps it. */
export type LentSpec = Omit<OptimizeSpec, "model" | "steps" | "name">;

/** @throws NOT_FOUND, INVALID_INPUT */
export async function lentSpec(ctx: Ctx, { data, batch, seed, teacher, evaluation }: LentArgs): Promise<LentSpec> {
  return {
    ...(data ? { data: await datasetId(ctx, "data", data) } : {}),
    batch: positive("batch", batch ?? 1),
    seed: seed ?? 0,
    ...(teacher ? { teacher: (await find(ctx, "Model", teacher)).id } : {}),
    ...(evaluation ? { evaluation: await evaluationSpec(ctx, evaluation) } : {}),
  };
}

async function evaluationSpec(ctx: Ctx, { data, metric, labels, output }: NonNullable<LentArgs["evaluation"]>): Promise<Evaluation<string>> {
  return {
    ...(data ? { data: await datasetId(ctx, "evaluation.data", data) } : {}),
    ...(metric ? { metric } : {}),
    ...(labels ? { labels } : {}),
    ...(output ? { output } : {}),
  };
}

export const givenBy = ({ data, evaluation }: LentSpec): Given => ({ data: data !== undefined, labelled: data !== undefined || evaluation?.data !== undefined });

export const datasetId = async (ctx: Ctx, at: string, id: string): Promise<string> => (await findDataset(ctx, at, id)).id;

/** The row of a dataset by its global id. @throws NOT_FOUND, INVALID_INPUT */
export async function findDataset(ctx: Ctx, at: string, id: string): Promise<ArtifactRow> {
  const artifact = await find(ctx, "Artifact", id);
  if (artifact.kind !== "DATASET") throw gatewayErrors.INVALID_INPUT({ at, expected: "an artifact of kind DATASET", received: artifact.kind });
  return artifact;
}

export function positive(at: string, value: number, most = 1_000_000): number {
  if (value < 1 || value > most) throw gatewayErrors.INVALID_INPUT({ at, expected: `1 to ${most}`, received: String(value) });
  return value;
}
