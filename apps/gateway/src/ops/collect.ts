/** Retention: what nobody can need any more goes, an hour apart. Files go by reference, never by a name from outside. */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { App } from "../app.ts";

const EVERY_MS = 3_600_000;
/** Files this young may belong to something that is just being stored. */
const GRACE_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface Collector {
  stop(): void;
}

export function startCollector(app: App): Collector {
  const timer = setInterval(() => void collect(app).catch((error: unknown) => app.log.error("collecting failed", { error })), EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** @returns how many rows and files went */
export async function collect(app: App, graceMs = GRACE_MS): Promise<{ jobs: number; uploads: number; files: number }> {
  const { db, blobs, limits } = app;
  const age = new Date(Date.now() - limits.retentionMs);
  const jobs = await db.query<{ id: string }>("delete from job where finished_at < $1 and id not in (select retry_of from job where retry_of is not null) returning id", [age]);
  // Reports are found by their job; the models that it made are the user's.
  for (const { id } of jobs) await db.query("update artifact set deleted_at = now() where job_id = $1 and deleted_at is null", [id]);
  await db.query("delete from idempotency_key where created_at < $1", [age]);
  const uploads = await db.query("delete from upload where expires_at < $1 returning id", [new Date(Date.now() - graceMs)]);
  for (const table of ["model", "artifact"]) await db.query(`delete from ${table} where deleted_at < $1`, [age]);
  const files = await collectFiles(app, graceMs);
  await blobs.tidy();
  await clearScratch(blobs.scratch, Math.max(DAY_MS, limits.attemptMs, limits.inspectMs, limits.urlMs) + graceMs);
  app.log.info("collected", { jobs: jobs.length, uploads: uploads.length, files });
  return { jobs: jobs.length, uploads: uploads.length, files };
}

/** Digests that rows refer to. */
const referred = (only: string): string => `
  select digest from (
    select graph_digest as digest from model where deleted_at is null
    union all select files->'graph'->>'digest' from model where deleted_at is null
    union all select d->>'digest' from model, jsonb_array_elements(files->'data') d where deleted_at is null
    union all select digest from artifact where deleted_at is null
    union all select digest from upload where received
  ) referred ${only}`;

async function collectFiles({ db, blobs }: App, graceMs: number): Promise<number> {
  const used = new Set((await db.query<{ digest: string }>(referred("group by digest"))).map(({ digest }) => digest));
  let files = 0;
  for await (const { digest, at } of blobs.list()) {
    if (at > Date.now() - graceMs || used.has(digest)) continue;
    // Somebody may have sent the same bytes again meanwhile.
    if ((await db.query(referred("where digest = $1 limit 1"), [digest])).length > 0) continue;
    await blobs.remove(digest);
    files++;
  }
  return files;
}

/** Parts of uploads that were given up, and files and task folders of processes that died: what was not touched for longer than anybody may be at work on it, here or on another machine. */
async function clearScratch(scratch: string, ageMs: number): Promise<void> {
  for (const name of await readdir(scratch)) {
    const path = join(scratch, name);
    const found = await stat(path).catch(() => undefined);
    const old = found !== undefined && found.mtimeMs < Date.now() - ageMs;
    if (old) await rm(path, { force: true, recursive: true });
  }
}
