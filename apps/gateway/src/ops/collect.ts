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
  const jobs = await db.query("delete from job where finished_at < $1 and id not in (select retry_of from job where retry_of is not null) returning id", [age]);
  await db.query("delete from idempotency_key where created_at < $1", [age]);
  const uploads = await db.query("delete from upload where expires_at < $1 returning id", [new Date(Date.now() - graceMs)]);
  let files = 0;
  for await (const { digest, at } of blobs.list()) {
    if (at > Date.now() - graceMs) continue;
    const used = await db.query(`
      select 1 from model where deleted_at is null and (graph_digest = $1 or files->'graph'->>'digest' = $1 or files->'data' @> jsonb_build_array(jsonb_build_object('digest', $1::text)))
      union all select 1 from artifact where deleted_at is null and digest = $1
      union all select 1 from upload where digest = $1 and received limit 1`, [digest]);
    if (used.length > 0) continue;
    await blobs.remove(digest);
    files++;
  }
  await blobs.tidy();
  await clearScratch(blobs.scratch, Math.max(DAY_MS, limits.attemptMs, limits.inspectMs, limits.urlMs) + graceMs);
  app.log.info("collected", { jobs: jobs.length, uploads: uploads.length, files });
  return { jobs: jobs.length, uploads: uploads.length, files };
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
