/** One attempt: makes the task of a job, runs it in a child and publishes what came out. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { one, type Db, type Sql } from "../db/db.ts";
import { gatewayErrors } from "../errors.ts";
import type { BlobStore } from "../store/blobs.ts";
import { insertArtifact, insertModel, modelFiles, putJson, type ArtifactRow, type Manifest, type ModelRow } from "../store/models.ts";
import { outputs, type DataFile, type ModelFiles, type TaskResult } from "../task/protocol.ts";
import type { NewTask } from "./children.ts";
import type { BenchmarkSpec, JobResult, JobRow, OptimizeSpec } from "./model.ts";

export interface AttemptHost {
  readonly db: Db;
  readonly blobs: BlobStore;
  readonly modules: readonly string[];
}

/** @throws NOT_FOUND when what the job works on was deleted meanwhile */
export async function taskOf({ db, blobs, modules }: AttemptHost, job: JobRow): Promise<NewTask> {
  const data = await dataOf(db, blobs, job);
  if (job.kind === "OPTIMIZE") {
    const { model, steps, seed } = job.spec as OptimizeSpec;
    return { kind: "optimize", model: await filesOf(db, blobs, model), modules, steps, seed, data };
  }
  const { models, rounds } = job.spec as BenchmarkSpec;
  return { kind: "benchmark", models: await Promise.all(models.map(async (id) => ({ id, files: await filesOf(db, blobs, id) }))), rounds, data };
}

async function filesOf(db: Db, blobs: BlobStore, id: string): Promise<ModelFiles> {
  const row = await one<ModelRow>(db, "select * from model where id = $1 and deleted_at is null", [id]);
  if (!row) throw gatewayErrors.NOT_FOUND({ what: "model", id });
  return modelFiles(blobs, row.files);
}

async function dataOf(db: Db, blobs: BlobStore, { spec }: JobRow): Promise<DataFile | undefined> {
  if (spec.data === undefined) return undefined;
  const row = await one<ArtifactRow>(db, "select * from artifact where id = $1 and deleted_at is null", [spec.data]);
  if (!row) throw gatewayErrors.NOT_FOUND({ what: "dataset", id: spec.data });
  return { path: blobs.path(row.digest), batch: spec.batch };
}

/** Puts the files in place, where nobody sees them yet; what it returns makes them visible, in the transaction that ends the job. */
export async function publisher({ blobs }: AttemptHost, job: JobRow, result: TaskResult, folder: string): Promise<(tx: Sql) => Promise<JobResult>> {
  if (result.kind === "benchmark") return async () => ({ benchmark: result.benchmark });
  if (result.kind !== "optimize") throw new Error(`A job cannot end in a result of kind ${result.kind}.`);
  const { name } = job.spec as OptimizeSpec;
  const graph = await blobs.adopt(join(folder, outputs.model));
  const data = result.external ? [{ ...(await blobs.adopt(join(folder, outputs.data))), name: outputs.data }] : [];
  const files: Manifest = { graph, data };
  const nodes = await putJson(blobs, result.graph);
  const json = await putJson(blobs, result.report);
  const html = await blobs.putBytes(new TextEncoder().encode(result.html));
  return async (tx) => {
    const { owner, id: jobId } = job;
    const model = await insertModel(tx, { owner, name, files, stats: result.stats, graphDigest: nodes.digest, jobId });
    const report = await insertArtifact(tx, { owner, jobId, kind: "REPORT_JSON", name: `${name}.report.json`, ...json });
    const page = await insertArtifact(tx, { owner, jobId, kind: "REPORT_HTML", name: `${name}.report.html`, ...html });
    return { model: model.id, report: report.id, reportHtml: page.id };
  };
}

export async function readJsonBlob<T>(blobs: BlobStore, digest: string): Promise<T> {
  await blobs.bring(digest);
  return JSON.parse(await readFile(blobs.path(digest), "utf8")) as T;
}
