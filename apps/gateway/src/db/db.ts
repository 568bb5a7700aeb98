/** What the gateway asks of a database: parametrised SQL, transactions and notifications. Embedded and server Postgres both give it. */
export type Row = Readonly<Record<string, unknown>>;
export type SqlValue = string | number | boolean | null | Date;

export interface Sql {
  /** Values travel beside the text, never inside it. JSON goes in as text with a `::jsonb` cast. */
  query<T extends object = Row>(text: string, values?: readonly SqlValue[]): Promise<T[]>;
}

export interface Db extends Sql {
  readonly tier: "memory" | "embedded" | "postgres";
  /** Runs several statements without values. */
  exec(text: string): Promise<void>;
  /** All or nothing. */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>;
  /** Calls `take` with the payload of each notification, also after the connection was lost and made again. */
  listen(channel: string, take: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** The one row that a statement gives. */
export async function one<T extends object>(sql: Sql, text: string, values?: readonly SqlValue[]): Promise<T | undefined> {
  return (await sql.query<T>(text, values))[0];
}
