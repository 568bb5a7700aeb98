/**
 * Deletes what a user put here. The row is marked under a lock that a new job for it asks for too: either the job is stored first and keeps
 * the thing, or the thing is gone and the job is refused. Files go with the garbage collector.
 */
import type { App } from "../app.ts";
import { one, type Sql } from "../db/db.ts";
import { gatewayErrors } from "../errors.ts";
import type { JobSpec } from "../jobs/model.ts";
import type { ArtifactRow, ModelRow } from "./models.ts";

interface Thing {
  readonly table: "model" | "artifact";
  readonly what: string;
  /** Whether a job's `spec` names the row $1. */
  readonly named: string;
}

const model: Thing = { table: "model", what: "model", named: "(spec->>'model' = $1 or spec->>'teacher' = $1 or spec->'models' ? $1)" };
const dataset: Thing = { table: "artifact", what: "dataset", named: "(spec->>'data' = $1 or spec->'evaluation'->>'data' = $1)" };

/** @throws IN_USE, NOT_FOUND */
export const deleteModel = (app: App, { id }: ModelRow): Promise<void> => remove(app, model, id);
/** @throws IN_USE, NOT_FOUND */
export const deleteDataset = (app: App, { id }: ArtifactRow): Promise<void> => remove(app, dataset, id);

async function remove({ db, rows }: App, { table, what, named }: Thing, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    // Another gateway may have deleted it a moment ago.
    if (!(await one(tx, `select id from ${table} where id = $1 and deleted_at is null for update`, [id]))) throw gatewayErrors.NOT_FOUND({ what, id });
    if (await one(tx, `select 1 from job where state in ('QUEUED', 'RUNNING', 'CANCELLING') and ${named} limit 1`, [id])) throw gatewayErrors.IN_USE({ what: `The ${what}`, reason: "an unfinished job works on it" });
    await tx.query(`update ${table} set deleted_at = now() where id = $1`, [id]);
  });
  rows.forget(id);
}

/** Keeps what a job names until the transaction that stores the job ends. @throws NOT_FOUND */
export async function holdNamed(tx: Sql, spec: JobSpec): Promise<void> {
  const models = "models" in spec ? spec.models : [spec.model, spec.teacher];
  const datasets = [spec.data, "evaluation" in spec ? spec.evaluation?.data : undefined];
  for (const [{ table, what }, ids] of [[model, models], [dataset, datasets]] as const) {
    for (const id of new Set(ids)) {
      if (id !== undefined && !(await one(tx, `select id from ${table} where id = $1 and deleted_at is null for share`, [id]))) throw gatewayErrors.NOT_FOUND({ what, id });
    }
  }
}
