/** Reads rows. Models and artifacts never change, so they are remembered for a moment; a deletion elsewhere shows after that. */
import { one, type Db } from "../db/db.ts";
import type { JobRow } from "../jobs/model.ts";
import type { GraphJson } from "../task/facts.ts";
import type { BlobStore } from "./blobs.ts";
import { openGraphs } from "./graphs.ts";
import type { ArtifactRow, ModelRow } from "./models.ts";

/** A page of a list: `count` entries between two places, from the front or, `backward`, from the back. */
export interface Page {
  readonly count: number;
  readonly after: number | undefined;
  readonly before: number | undefined;
  readonly backward: boolean;
}

export interface Rows {
  model(id: string): Promise<ModelRow | undefined>;
  artifact(id: string): Promise<ArtifactRow | undefined>;
  job(id: string): Promise<JobRow | undefined>;
  graph(digest: string): Promise<GraphJson>;
  /** Newest first; one more than asked for, to know whether there are more. `owner` undefined: everybody's; `kind` undefined: every kind. */
  page<T extends object>(table: "model" | "artifact" | "job", owner: string | undefined, page: Page, kind?: string): Promise<(T & { readonly no: number })[]>;
  forget(id: string): void;
}

const REMEMBERED_MS = 3000;

export function openRows(db: Db, blobs: BlobStore): Rows {
  const models = remember<ModelRow | undefined>(2000, REMEMBERED_MS, (id) => one<ModelRow>(db, "select * from model where id = $1 and deleted_at is null", [id]));
  const artifacts = remember<ArtifactRow | undefined>(2000, REMEMBERED_MS, (id) => one<ArtifactRow>(db, "select * from artifact where id = $1 and deleted_at is null", [id]));
  return {
    model: models.get,
    artifact: artifacts.get,
    graph: openGraphs(blobs),
    job: (id) => one<JobRow>(db, "select * from job where id = $1", [id]),
    async page<T extends object>(table: "model" | "artifact" | "job", owner: string | undefined, { count, after, before, backward }: Page, kind?: string) {
      const rows = await db.query<T & { readonly no: number }>(
        `select * from ${table} where ($1::text is null or owner = $1) and ($2::bigint is null or no < $2) and ($3::bigint is null or no > $3) ${table === "job" ? "" : "and deleted_at is null"} ${kind === undefined ? "" : "and kind = $5"} order by no ${backward ? "asc" : "desc"} limit $4`,
        [owner ?? null, after ?? null, before ?? null, count + 1, ...(kind === undefined ? [] : [kind])],
      );
      return backward ? rows.reverse() : rows;
    },
    forget(id) {
      models.drop(id);
      artifacts.drop(id);
    },
  };
}

interface Memory<T> {
  get(key: string): Promise<T>;
  drop(key: string): void;
}

/** The promise is what is kept: requests that come together read once. */
function remember<T>(most: number, ms: number, read: (key: string) => Promise<T>): Memory<T> {
  const kept = new Map<string, { value: Promise<T>; at: number }>();
  return {
    get(key) {
      const known = kept.get(key);
      if (known && Date.now() - known.at < ms) return known.value;
      const value = read(key);
      if (kept.size >= most) kept.delete(kept.keys().next().value!);
      kept.set(key, { value, at: Date.now() });
      value.catch(() => kept.delete(key));
      return value;
    },
    drop: (key) => void kept.delete(key),
  };
}
