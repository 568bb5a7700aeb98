/** A Postgres server, shared by any number of gateways and workers. */
import type { Client, Pool, PoolClient } from "pg";
import type { Db, Row, Sql, SqlValue } from "./db.ts";

const INT8 = 20;
const POOL = 10;
const RECONNECT_MS = 500;

export async function openPostgres(url: string): Promise<Db> {
  const { default: pg } = await import("pg");
  const types = {
    getTypeParser: (oid: number, format?: "text" | "binary") =>
      oid === INT8 ? Number : (pg.types.getTypeParser as (oid: number, format?: string) => (value: string) => unknown)(oid, format),
  };
  const pool: Pool = new pg.Pool({ connectionString: url, max: POOL, types: types as never });
  // A connection that breaks while idle is replaced by the pool.
  pool.on("error", () => {});
  const ears = new Set<() => Promise<void>>();
  return {
    ...sqlOf(pool),
    tier: "postgres",
    exec: async (text) => void (await pool.query(text)),
    transaction: (work) => transaction(pool, work),
    async listen(channel, take) {
      const stop = await ear(() => new pg.Client({ connectionString: url }), channel, take);
      ears.add(stop);
      return stop;
    },
    async close() {
      for (const stop of ears) await stop();
      await pool.end();
    },
  };
}

const sqlOf = (client: Pool | PoolClient): Sql => ({
  async query<T extends object = Row>(text: string, values: readonly SqlValue[] = []) {
    return (await client.query(text, [...values])).rows as T[];
  },
});

async function transaction<T>(pool: Pool, work: (tx: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const result = await work(sqlOf(client));
    await client.query("commit");
    client.release();
    return result;
  } catch (error) {
    await client.query("rollback").then(() => client.release(), (broken: Error) => client.release(broken));
    throw error;
  }
}

/** A connection of its own for LISTEN, made again when it breaks. What was missed meanwhile is found by the readers' own polling. */
async function ear(make: () => Client, channel: string, take: (payload: string) => void): Promise<() => Promise<void>> {
  let open = true;
  let client: Client;
  const start = async (): Promise<void> => {
    const mine = (client = make());
    let lost = false;
    // A connection that fails says so twice, as an error and as its end: only one takes its place.
    const again = (): void => {
      if (open && !lost) setTimeout(() => void start().catch(() => undefined), RECONNECT_MS).unref();
      lost = true;
    };
    mine.on("notification", (message) => take(message.payload ?? ""));
    mine.on("error", () => {});
    mine.on("end", again);
    try {
      await mine.connect();
      // The channel is a name of our own, never from outside.
      await mine.query(`listen ${channel}`);
    } catch (error) {
      again();
      await mine.end().catch(() => undefined);
      throw error;
    }
  };
  await start().catch((error: unknown) => {
    open = false;
    throw error;
  });
  return async () => {
    open = false;
    await client.end().catch(() => undefined);
  };
}
