/**
 * A whole gateway as a folder: every table as lines of JSON, every file by its digest, and a manifest, written last, with the hash of each.
 * It is how a gateway moves between tiers: embedded, Postgres, files in a folder or a bucket.
 */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, open, readFile, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { one, type Db, type Sql } from "../db/db.ts";
import { migrations } from "../db/migrations.ts";
import { gatewayErrors } from "../errors.ts";
import { sha256OfFile } from "../hash.ts";
import { openBlobs, type BlobStore } from "./blobs.ts";

/** Tables with what orders their rows; a table comes after those it refers to. */
export const tables: Readonly<Record<string, string>> = {
  setting: "name", api_key: "id", upload: "id", model: "no", artifact: "no", job: "no", attempt: "job_id, number", job_event: "job_id, seq", idempotency_key: "owner, key",
};
/** Those whose rows are numbered by the database. */
const numbered = ["model", "artifact", "job"];

interface DumpManifest {
  readonly format: "lathe-gateway-dump 1";
  readonly schemaVersion: number;
  readonly at: string;
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly sha256: string }[];
  readonly files: readonly { readonly digest: string; readonly size: number }[];
}

export interface DumpSummary {
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
}

interface Stores {
  readonly db: Db;
  readonly blobs: BlobStore;
}

const FETCH = 500;
const tableFile = (folder: string, name: string): string => join(folder, "tables", `${name}.ndjson`);
const manifestFile = (folder: string): string => join(folder, "manifest.json");

/** All at one moment; a Postgres may be at work meanwhile. The folder holds hashes of keys and the secret that signs addresses: it is for nobody else. @throws DUMP_TARGET, DUMP_INVALID */
export async function exportDump({ db, blobs }: Stores, folder: string): Promise<DumpSummary> {
  if (existsSync(folder) && (await readdir(folder)).length > 0) throw gatewayErrors.DUMP_TARGET({ what: `The folder "${folder}"` });
  await mkdir(join(folder, "tables"), { recursive: true, mode: 0o700 });
  const { written, digests } = await db.transaction(async (tx) => {
    if (db.tier === "postgres") await tx.query("set transaction isolation level repeatable read, read only");
    const done = [];
    for (const [name, order] of Object.entries(tables)) done.push({ name, ...(await writeTable(tx, name, order, tableFile(folder, name))) });
    return { written: done, digests: await digestsOf(tx) };
  });
  const target = await openBlobs(folder);
  const files = [];
  for (const { digest, wanted } of digests) {
    const size = await blobs.size(digest);
    if (size !== undefined) files.push(await copyFile(blobs, target, digest, size));
    else if (wanted) throw gatewayErrors.DUMP_INVALID({ folder, reason: `the store does not have the file ${digest}, to which the database refers` });
  }
  await rm(target.scratch, { recursive: true });
  const manifest: DumpManifest = { format: "lathe-gateway-dump 1", schemaVersion: migrations.length, at: new Date().toISOString(), tables: written, files };
  await writeWhole(manifestFile(folder), `${JSON.stringify(manifest, undefined, 1)}\n`);
  return summaryOf(manifest);
}

/** Everything or nothing, into a database that is empty. @throws DUMP_INVALID, DUMP_TARGET, UPLOAD_MISMATCH */
export async function importDump({ db, blobs }: Stores, folder: string): Promise<DumpSummary> {
  const manifest = await readManifest(folder);
  for (const { name, sha256 } of manifest.tables) {
    const file = tableFile(folder, name);
    if (!existsSync(file) || (await sha256OfFile(file)) !== sha256) throw gatewayErrors.DUMP_INVALID({ folder, reason: `the table ${name} is not what was exported` });
  }
  await demandEmpty(db);
  const source = await openBlobs(folder);
  for (const { digest, size } of manifest.files) {
    if ((await source.size(digest)) !== size) throw gatewayErrors.DUMP_INVALID({ folder, reason: `the file ${digest} is not there, or not as long as it was` });
    await copyFile(source, blobs, digest, size);
  }
  await rm(source.scratch, { recursive: true });
  await db.transaction(async (tx) => {
    await demandEmpty(tx);
    await tx.query("delete from setting");
    for (const { name, rows } of manifest.tables) await readTable(tx, name, rows, folder);
    const brought = new Set(manifest.files.map(({ digest }) => digest));
    const lacking = (await digestsOf(tx)).find(({ digest, wanted }) => wanted && !brought.has(digest));
    if (lacking) throw gatewayErrors.DUMP_INVALID({ folder, reason: `it lacks the file ${lacking.digest}, to which its rows refer` });
    for (const name of numbered) await tx.query(`select setval(pg_get_serial_sequence('${name}', 'no'), (select max(no) from ${name})) from ${name} limit 1`);
  });
  return summaryOf(manifest);
}

async function writeTable(tx: Sql, name: string, order: string, file: string): Promise<{ rows: number; sha256: string }> {
  const hash = createHash("sha256");
  let rows = 0;
  async function* lines(): AsyncGenerator<string> {
    await tx.query(`declare dump_${name} cursor for select to_jsonb(t)::text as line from ${name} t order by ${order}`);
    for (;;) {
      const page = await tx.query<{ line: string }>(`fetch ${FETCH} from dump_${name}`);
      if (page.length === 0) break;
      rows += page.length;
      const text = page.map(({ line }) => `${line}\n`).join("");
      hash.update(text);
      yield text;
    }
    await tx.query(`close dump_${name}`);
  }
  await pipeline(Readable.from(lines()), createWriteStream(file, { flags: "wx", mode: 0o600, flush: true }));
  return { rows, sha256: hash.digest("hex") };
}

/** Postgres itself turns the JSON back into the types of the columns. */
async function readTable(tx: Sql, name: string, rows: number, folder: string): Promise<void> {
  let read = 0;
  let page: string[] = [];
  const flush = async (): Promise<void> => {
    await tx.query(`insert into ${name} overriding system value select r.* from jsonb_array_elements($1::jsonb) e, jsonb_populate_record(null::${name}, e) r`, [`[${page.join(",")}]`]);
    page = [];
  };
  for await (const line of createInterface({ input: createReadStream(tableFile(folder, name)), crlfDelay: Infinity })) {
    page.push(line);
    read++;
    if (page.length === FETCH) await flush();
  }
  if (page.length > 0) await flush();
  if (read !== rows) throw gatewayErrors.DUMP_INVALID({ folder, reason: `the table ${name} has ${read} rows, not ${rows}` });
}

/** What rows refer to. Of uploads that nobody has used yet the bytes may be gone already. */
const digestsOf = (tx: Sql): Promise<{ digest: string; wanted: boolean }[]> =>
  tx.query(`
    select digest, bool_or(wanted) as wanted from (
      select graph_digest as digest, true as wanted from model where deleted_at is null
      union all select files->'graph'->>'digest', true from model where deleted_at is null
      union all select d->>'digest', true from model, jsonb_array_elements(files->'data') d where deleted_at is null
      union all select digest, true from artifact where deleted_at is null
      union all select digest, false from upload where received
    ) referred group by digest order by digest`);

async function demandEmpty(sql: Sql): Promise<void> {
  for (const name of Object.keys(tables)) {
    if (name !== "setting" && (await one(sql, `select 1 from ${name} limit 1`))) throw gatewayErrors.DUMP_TARGET({ what: `The database, whose table ${name} has rows,` });
  }
}

async function copyFile(from: BlobStore, to: BlobStore, digest: string, size: number): Promise<{ digest: string; size: number }> {
  const file = join(to.scratch, `${randomBytes(12).toString("hex")}.tmp`);
  await pipeline(from.read(digest), createWriteStream(file, { flags: "wx", mode: 0o600 }));
  await to.adopt(file, digest);
  return { digest, size };
}

async function readManifest(folder: string): Promise<DumpManifest> {
  const text = await readFile(manifestFile(folder), "utf8").catch(() => {
    throw gatewayErrors.DUMP_INVALID({ folder, reason: "it has no manifest.json, which an export writes last" });
  });
  const manifest = parseManifest(folder, text);
  if (manifest.format !== "lathe-gateway-dump 1") throw gatewayErrors.DUMP_INVALID({ folder, reason: `its format is ${JSON.stringify(manifest.format)}` });
  if (manifest.schemaVersion !== migrations.length) throw gatewayErrors.DUMP_INVALID({ folder, reason: `it has schema version ${manifest.schemaVersion}, this program ${migrations.length}` });
  const names = manifest.tables.map(({ name }) => name);
  if (names.join() !== Object.keys(tables).join()) throw gatewayErrors.DUMP_INVALID({ folder, reason: `it has the tables ${names.join(", ")}` });
  return manifest;
}

function parseManifest(folder: string, text: string): DumpManifest {
  try {
    return JSON.parse(text) as DumpManifest;
  } catch (cause) {
    throw gatewayErrors.DUMP_INVALID({ folder, reason: "its manifest.json is no JSON" }, cause);
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const handle = await open(temporary, "wx", 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await handle.close();
  await rename(temporary, path);
  const folder = await open(dirname(path), "r");
  await folder.sync();
  await folder.close();
}

const summaryOf = ({ tables: list, files }: DumpManifest): DumpSummary => ({
  rows: list.reduce((sum, { rows }) => sum + rows, 0), files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0),
});
