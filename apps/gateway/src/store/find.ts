/** From a global id to a row that the caller may see. Everything that takes an id goes through here. */
import { mayRead, type Ctx } from "../app.ts";
import { gatewayErrors } from "../errors.ts";
import { parseGlobalId } from "../ids.ts";
import type { JobRow } from "../jobs/model.ts";
import type { ArtifactRow, ModelRow } from "./models.ts";

interface Kinds {
  Model: ModelRow;
  Artifact: ArtifactRow;
  Job: JobRow;
}

export type FoundKind = keyof Kinds;

const read: { readonly [K in FoundKind]: (ctx: Ctx, id: string) => Promise<Kinds[K] | undefined> } = {
  Model: ({ app }, id) => app.rows.model(id),
  Artifact: ({ app }, id) => app.rows.artifact(id),
  Job: ({ app }, id) => app.rows.job(id),
};

/** Undefined for what is not there and for what belongs to others: the two cannot be told apart. */
export async function lookUp<K extends FoundKind>(ctx: Ctx, kind: K, text: string): Promise<Kinds[K] | undefined> {
  const parsed = parseGlobalId(text);
  if (parsed?.type !== kind) return undefined;
  const row = await read[kind](ctx, parsed.id);
  return row && mayRead(ctx, row) ? row : undefined;
}

/** @throws NOT_FOUND */
export async function find<K extends FoundKind>(ctx: Ctx, kind: K, text: string): Promise<Kinds[K]> {
  const row = await lookUp(ctx, kind, text);
  if (!row) throw gatewayErrors.NOT_FOUND({ what: kind.toLowerCase(), id: text.slice(0, 100) });
  return row;
}

/** A global id of any type. */
export async function findNode(ctx: Ctx, text: string): Promise<ModelRow | ArtifactRow | JobRow | undefined> {
  const type = parseGlobalId(text)?.type;
  return type !== undefined && Object.hasOwn(read, type) ? lookUp(ctx, type as FoundKind, text) : undefined;
}
