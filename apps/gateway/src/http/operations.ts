/** Operations that are known ahead: with a file of them, keys without the scope admin run these alone. */
import { readFile } from "node:fs/promises";
import { gatewayErrors } from "../errors.ts";
import { sha256 } from "../hash.ts";
import type { Yoga } from "./yoga.ts";

/** By id, and by the SHA-256 of the text in hexadecimal digits. */
export type Operations = ReadonlyMap<string, string>;

/**
 * A JSON file: either a list of texts, or an object of texts by id, as tools that persist operations write it.
 * @throws OPERATIONS_FILE, also for an operation that the schema or the limits refuse
 */
export async function loadOperations(file: string, yoga: Pick<Yoga, "check">): Promise<Operations> {
  const known = new Map<string, string>();
  for (const [id, text] of await entriesOf(file)) {
    const problem = typeof text === "string" ? yoga.check(text) : "it is not a text";
    if (problem !== undefined) throw gatewayErrors.OPERATIONS_FILE({ file, reason: `the operation ${id} cannot run: ${problem}` });
    known.set(id, text as string).set(sha256(text as string), text as string);
  }
  return known;
}

async function entriesOf(file: string): Promise<[string, unknown][]> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    throw gatewayErrors.OPERATIONS_FILE({ file, reason: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
  if (typeof content !== "object" || content === null) throw gatewayErrors.OPERATIONS_FILE({ file, reason: "it holds neither a list nor an object" });
  return Object.entries(content);
}

export interface Params {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: unknown;
  readonly [name: string]: unknown;
}

/** The request with the text of its operation; undefined when that may not run. `free`: unknown ones may. */
export function known(operations: Operations, params: Params, free: boolean): Params | undefined {
  const { documentId, ...rest } = params;
  const id = documentId ?? (params.extensions as { persistedQuery?: { sha256Hash?: unknown } } | undefined)?.persistedQuery?.sha256Hash;
  if (id !== undefined && id !== null) {
    const text = operations.get(String(id).replace(/^sha256:/, ""));
    return text === undefined || (params.query !== undefined && params.query !== text) ? undefined : { ...rest, query: text };
  }
  return free || (typeof params.query === "string" && operations.has(sha256(params.query))) ? params : undefined;
}
