/** Postgres inside this process (PGlite). One process per folder: see lock.ts. Survives the end of the process, not a power cut: it does not fsync. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { PGlite } from "@electric-sql/pglite";
import { gatewayErrors } from "../errors.ts";
import type { Db, Row, Sql, SqlValue } from "./db.ts";
import { lockFolder } from "./lock.ts";

/** The folder format follows the major version of the Postgres inside. */
const FORMAT = "pglite 0.5 (PostgreSQL 18)";
const INT8 = 20;

/** `undefined` for a database in memory. @throws STORE_IN_USE, STORE_VERSION */
export async function openPglite(folder: string | undefined, image?: Blob): Promise<Db> {
  if (folder === undefined) return wrap(await create(undefined, image), "memory", async () => {});
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(folder);
  try {
    await checkVersion(folder);
    return wrap(await create(join(folder, "pg"), image), "embedded", lock.release);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** The buffers that Postgres takes by itself (128 MB) are more than these tables ever fill. */
const SMALL = ["-c", "shared_buffers=8MB", "-c", "wal_buffers=1MB"];

async function create(dataDir: string | undefined, image: Blob | undefined): Promise<PGlite> {
  const { PGlite } = await import("@electric-sql/pglite");
  const empty = dataDir === undefined || !existsSync(dataDir);
  if (dataDir !== undefined && empty && image === undefined) await makeCluster(dataDir);
  const begin = image && empty ? { loadDataDir: image } : {};
  return PGlite.create({ ...(dataDir === undefined ? {} : { dataDir }), ...begin, startParams: [...PGlite.defaultStartParams, ...SMALL], parsers: { [INT8]: Number } });
}

/** In a process of its own, since making a cluster takes 400 MB that a process does not give back; and under another name, so that a half made one is not taken for one. */
async function makeCluster(dataDir: string): Promise<void> {
  const fresh = `${dataDir}.new`;
  await rm(fresh, { recursive: true, force: true });
  const make = "const { PGlite } = await import(process.argv[1]); await (await PGlite.create(process.argv[2])).close();";
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", make, import.meta.resolve("@electric-sql/pglite"), fresh]);
  await rename(fresh, dataDir);
}

async function checkVersion(folder: string): Promise<void> {
  const sidecar = join(folder, "VERSION");
  if (!existsSync(sidecar)) {
    if (existsSync(join(folder, "pg"))) throw gatewayErrors.STORE_VERSION({ folder, found: "an unknown version", expected: FORMAT });
    await writeFile(sidecar, `${FORMAT}\n`);
    return;
  }
  const found = (await readFile(sidecar, "utf8")).trim();
  if (found !== FORMAT) throw gatewayErrors.STORE_VERSION({ folder, found, expected: FORMAT });
}

function wrap(pg: PGlite, tier: Db["tier"], release: () => Promise<void>): Db {
  const sqlOf = (client: Pick<PGlite, "query">): Sql => ({
    async query<T extends object = Row>(text: string, values: readonly SqlValue[] = []) {
      return (await client.query<T>(text, [...values])).rows;
    },
  });
  return {
    ...sqlOf(pg),
    tier,
    exec: async (text) => void (await pg.exec(text)),
    transaction: async <T>(work: (tx: Sql) => Promise<T>) => (await pg.transaction((tx) => work(sqlOf(tx as unknown as PGlite)))) as T,
    listen: async (channel, take) => pg.listen(channel, take),
    async close() {
      await pg.close();
      await release();
    },
  };
}
