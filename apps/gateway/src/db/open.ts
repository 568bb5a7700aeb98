import { gatewayErrors } from "../errors.ts";
import { one, type Db } from "./db.ts";
import { migrations } from "./migrations.ts";
import { openPglite } from "./pglite.ts";
import { openPostgres } from "./postgres.ts";

export interface DatabaseChoice {
  /** Address of a Postgres server (13 or newer); the embedded database otherwise. */
  readonly url?: string | undefined;
  /** Folder of the embedded database; in memory without it. */
  readonly folder?: string | undefined;
  /** A dump of an empty embedded database to begin from: a fraction of the time that making one takes. */
  readonly image?: Blob | undefined;
}

/** Opens the database and brings its schema up to date. @throws STORE_IN_USE, STORE_VERSION, MIGRATION_AHEAD */
export async function openDb({ url, folder, image }: DatabaseChoice): Promise<Db> {
  const db = url === undefined ? await openPglite(folder, image) : await openPostgres(url);
  try {
    await migrate(db);
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** Any number: gateways that start together on one Postgres migrate one after another. */
const MIGRATION_LOCK = 7243001;

export async function migrate(db: Db): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    await tx.query("create table if not exists schema_version (version int not null)");
    const found = (await one<{ version: number }>(tx, "select coalesce(max(version), 0) as version from schema_version"))!.version;
    if (found > migrations.length) throw gatewayErrors.MIGRATION_AHEAD({ found, known: migrations.length });
    for (const [i, text] of migrations.entries()) {
      if (i < found) continue;
      for (const statement of statements(text)) await tx.query(statement);
      await tx.query("insert into schema_version values ($1)", [i + 1]);
    }
  });
}

/** Parts of a migration, which end with a semicolon at the end of a line, function bodies kept whole. */
function statements(text: string): string[] {
  const parts: string[] = [];
  let current = "";
  let quoted = false;
  for (const line of text.split("\n")) {
    current += `${line}\n`;
    if ((line.split("$$").length - 1) % 2 === 1) quoted = !quoted;
    if (quoted || !line.trimEnd().endsWith(";")) continue;
    parts.push(current);
    current = "";
  }
  return parts;
}
