/** Models as rows: an owner's name for a manifest (the graph and its external data, by digest) with the figures that belong to it. */
import { one, type Sql } from "../db/db.ts";
import { gatewayErrors } from "../errors.ts";
import { newId } from "../ids.ts";
import type { StatsJson } from "../task/facts.ts";
import type { ModelFiles } from "../task/protocol.ts";
import { digestOf, type BlobStore } from "./blobs.ts";

export interface FileRef {
  readonly digest: string;
  readonly size: number;
}

/** What a model consists of. Its digest names the model's content, external data included. */
export interface Manifest {
  readonly graph: FileRef;
  readonly data: readonly (FileRef & { readonly name: string })[];
}

export interface ModelRow {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly digest: string;
  readonly files: Manifest;
  readonly stats: StatsJson;
  readonly graph_digest: string;
  readonly job_id: string | null;
  readonly created_at: Date;
}

export const artifactKinds = ["DATASET", "REPORT_JSON", "REPORT_HTML"] as const;
export type ArtifactKind = (typeof artifactKinds)[number];

export interface ArtifactRow {
  readonly id: string;
  readonly owner: string;
  readonly kind: ArtifactKind;
  readonly name: string;
  readonly digest: string;
  readonly size: number;
  readonly job_id: string | null;
  readonly created_at: Date;
}

export const manifestDigest = ({ graph, data }: Manifest): string =>
  digestOf(JSON.stringify([graph.digest, ...[...data].sort((a, b) => (a.name < b.name ? -1 : 1)).map((d) => [d.name, d.digest])]));

export interface NewModel {
  readonly owner: string;
  readonly name: string;
  readonly files: Manifest;
  readonly stats: StatsJson;
  readonly graphDigest: string;
  readonly jobId?: string;
}

export async function insertModel(sql: Sql, { owner, name, files, stats, graphDigest, jobId }: NewModel): Promise<ModelRow> {
  return (await one<ModelRow>(sql, "insert into model (id, owner, name, digest, files, stats, graph_digest, job_id) values ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8) returning *", [
    newId(), owner, name, manifestDigest(files), JSON.stringify(files), JSON.stringify(stats), graphDigest, jobId ?? null,
  ]))!;
}

export interface NewArtifact extends FileRef {
  readonly owner: string;
  readonly kind: ArtifactKind;
  readonly name: string;
  readonly jobId?: string;
}

export async function insertArtifact(sql: Sql, { owner, kind, name, digest, size, jobId }: NewArtifact): Promise<ArtifactRow> {
  return (await one<ArtifactRow>(sql, "insert into artifact (id, owner, kind, name, digest, size, job_id) values ($1, $2, $3, $4, $5, $6, $7) returning *", [newId(), owner, kind, name, digest, size, jobId ?? null]))!;
}

/** Files by their places. Names are looked at here too: rows may have come with a dump. @throws INVALID_INPUT */
export const modelFiles = (blobs: BlobStore, { graph, data }: Manifest): ModelFiles => ({
  graph: blobs.path(graph.digest),
  data: data.map(({ name, digest }) => ({ name: checkDataName(name), path: blobs.path(digest) })),
});

/** Names of data files come from inside models, so they must be plain: no folders, no leading dot. @throws INVALID_INPUT */
export function checkDataName(name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/.test(name)) throw gatewayErrors.INVALID_INPUT({ at: "The name of a data file", expected: "letters, digits, dots, dashes and underscores, not beginning with a dot", received: JSON.stringify(name.slice(0, 80)) });
  return name;
}
