import { normalizeDomain, type Node } from "../ir/node.ts";
import type { OpDef, OpRules, OpSchema, OpTable } from "./op.ts";

const keyOf = (domain: string, name: string): string => `${normalizeDomain(domain)}:${name}`;

/** Makes an operator table from definitions; later ones replace or complete earlier ones. */
export function opTable(ops: readonly (OpDef | OpRules)[], base: ReadonlyMap<string, OpDef> = new Map()): OpTable {
  const byKey = new Map(base);
  for (const op of ops) {
    const key = keyOf(op.domain, op.name);
    const known = byKey.get(key);
    const schemas = op.schemas ?? known?.schemas ?? [];
    byKey.set(key, op.schemas === undefined ? { ...known, ...op, schemas } : op);
  }
  const all = [...byKey.values()];
  const get = (domain: string, opType: string): OpDef | undefined => byKey.get(keyOf(domain, opType));
  return {
    all,
    get,
    of: (node: Node) => get(node.domain, node.opType),
    schema: (domain, opType, opset) => schemaAt(get(domain, opType), opset),
    extend: (more) => opTable(more, byKey),
  };
}

function schemaAt(op: OpDef | undefined, opset: number): OpSchema | undefined {
  let found: OpSchema | undefined;
  for (const schema of op?.schemas ?? []) if (schema.since <= opset) found = schema;
  return found;
}
