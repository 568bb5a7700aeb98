/** One attempt: makes the task of a job, runs it in a child and publishes what came out. */
import { join } from "node:path";
import { one, type Db, type Sql } from "../db/db.ts";
import { gatewayErrors } from "../errors.ts";
import type { BlobStore } from "../store/blobs.ts";
import { insertArtifact, insertModel, modelFiles, type ArtifactRow, type FileRef, type Manifest, type ModelRow } from "../store/models.ts";
import { outputs, type DataFile, type Lent, type ModelFiles, type TaskResult } from "../task/protocol.ts";
import type { NewTask } from "./children.ts";
import type { BenchmarkSpec, JobResult, JobRow, OptimizeSpec } from "./model.ts";

export interface AttemptHost {
  readonly db: Db;
  readonly blobs: BlobStore;
  readonly modules: readonly string[];
}

/** @throws NOT_FOUND when what the job works on was deleted meanwhile */
export async function taskOf({ db, blobs, modules }: AttemptHost, job: JobRow): Promise<NewTask> {
  if (job.kind === "OPTIMIZE") {
    const { model, steps, seed } = job.spec as OptimizeSpec;
    return { kind: "optimize", model: await filesOf(db, blobs, model), modules, steps, seed, lent: await lentFiles(db, blobs, job.spec as OptimizeSpec) };
  }
  const { models, rounds, data, batch } = job.spec as BenchmarkSpec;
  return { kind: "benchmark", models: await Promise.all(models.map(async (id) => ({ id, files: await filesOf(db, blobs, id) }))), rounds, data: await dataOf(db, blobs, data, batch) };
}

/** Files of what a job names beside its model. @throws NOT_FOUND */
export async function lentFiles(db: Db, blobs: BlobStore, { data, batch, evaluation, teacher }: Omit<OptimizeSpec, "model" | "steps" | "seed" | "name">): Promise<Lent> {
  return {
    data: await dataOf(db, blobs, data, batch),
    ...(evaluation ? { evaluation: { ...evaluation, data: await dataOf(db, blobs, evaluation.data, batch) } } : {}),
    ...(teacher === undefined ? {} : { teacher: await filesOf(db, blobs, teacher) }),
  };
}

async function filesOf(db: Db, blobs: BlobStore, id: string): Promise<ModelFiles> {
  const row = await one<ModelRow>(db, "select * from model where id = $1 and deleted_at is null", [id]);
  if (!row) throw gatewayErrors.NOT_FOUND({ what: "model", id });
  return modelFiles(blobs, row.files);
}

async function dataOf(db: Db, blobs: BlobStore, id: string | undefined, batch: number): Promise<DataFile | undefined> {
  if (id === undefined) return undefined;
  const row = await one<ArtifactRow>(db, "select * from artifact where id = $1 and deleted_at is null", [id]);
  if (!row) throw gatewayErrors.NOT_FOUND({ what: "dataset", id });
  return { path: blobs.path(row.digest), batch };
}

/** Puts the files in place, where nobody sees them yet; what it returns makes them visible, in the transaction that ends the job. */
export async function publisher({ blobs }: AttemptHost, job: JobRow, result: TaskResult, folder: string): Promise<(tx: Sql) => Promise<JobResult>> {
  if (result.kind === "benchmark") return async () => ({ benchmark: result.benchmark });
  if (result.kind !== "optimize") throw new Error(`A job cannot end in a result of kind ${result.kind}.`);
  const { name } = job.spec as OptimizeSpec;
  // Each is flushed to the disk before it has its name; together they wait for the disk once.
  const adopt = (file: string): Promise<FileRef> => blobs.adopt(join(folder, file));
  const [graph, data, nodes, json, html] = await Promise.all([adopt(outputs.model), result.external ? adopt(outputs.data) : undefined, adopt(outputs.graph), adopt(outputs.report), adopt(outputs.html)]);
  const files: Manifest = { graph, data: data ? [{ ...data, name: outputs.data }] : [] };
  return async (tx) => {
    const { owner, id: jobId } = job;
    const model = await insertModel(tx, { owner, name, files, stats: result.stats, graphDigest: nodes.digest, jobId });
    const report = await insertArtifact(tx, { owner, jobId, kind: "REPORT_JSON", name: `${name}.report.json`, ...json });
    const page = await insertArtifact(tx, { owner, jobId, kind: "REPORT_HTML", name: `${name}.report.html`, ...html });
    return { model: model.id, report: report.id, reportHtml: page.id };
  };
}
