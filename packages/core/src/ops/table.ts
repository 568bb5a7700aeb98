import { normalizeDomain, type Node } from "../ir/node.ts";
import type { OpDef, OpRules, OpSchema, OpTable } from "./op.ts";

const keyOf = (domain: string, name: string): string => `${normalizeDomain(domain)}:${name}`;

/** Makes an operator table from definitions; later ones replace or complete earlier ones. */
export function opTable(ops: readonly (OpDef | OpRules)[], base: ReadonlyMap<string, OpDef> = new Map()): OpTable {
  const byKey = new Map(base);
  for (const op of ops) {
    const key = keyOf(op.domain, op.name);
    const known = byKey.get(key);
    byKey.set(key, isDefinition(op) ? op : complete(known, op));
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

/** Signatures may be computed on first use: tell definitions from bare rules without asking for them. */
function isDefinition(op: OpDef | OpRules): op is OpDef {
  const schemas = Object.getOwnPropertyDescriptor(op, "schemas");
  return schemas?.get !== undefined || schemas?.value !== undefined;
}

function complete(known: OpDef | undefined, rules: OpRules): OpDef {
  const descriptors = { ...(known && Object.getOwnPropertyDescriptors(known)), ...Object.getOwnPropertyDescriptors(rules) };
  descriptors.schemas = { enumerable: true, get: () => known?.schemas ?? [] };
  return Object.defineProperties({}, descriptors) as OpDef;
}

function schemaAt(op: OpDef | undefined, opset: number): OpSchema | undefined {
  let found: OpSchema | undefined;
  for (const schema of op?.schemas ?? []) if (schema.since <= opset) found = schema;
  return found;
}
