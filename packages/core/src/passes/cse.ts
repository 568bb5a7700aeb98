import type { Attribute } from "../ir/attribute.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { calledFunction } from "../ir/verify-functions.ts";
import type { Tensor } from "../tensor.ts";
import { redirect, removeUnused } from "./edit.ts";
import type { Pass, PassContext } from "./pass.ts";
import { scopes, type Scope } from "./scope.ts";

/**
 * Common subexpressions: of two nodes of one graph that compute the same from the same, the later one goes. QuantizeLinear and
 * DequantizeLinear stay: where they stand decides what an engine fuses.
 */
export const commonSubexpressions: Pass = {
  name: "common-subexpressions",
  summary: "Merges nodes that compute the same from the same inputs.",
  run(model, ctx) {
    let modified = false;
    const ids = new Ids();
    for (const scope of scopes(model)) {
      for (const graph of scope.graph.allGraphs()) {
        const seen = new Map<string, Node>();
        for (const node of graph.nodes) {
          if (!isPure(node, scope, ctx)) continue;
          const key = keyOf(node, ids);
          const first = seen.get(key);
          if (!first) seen.set(key, node);
          else modified = merge(node, first) || modified;
        }
      }
    }
    return { modified };
  },
};

function isPure(node: Node, scope: Scope, ctx: PassContext): boolean {
  const op = ctx.ops.of(node);
  const quantizes = node.opType === "QuantizeLinear" || node.opType === "DequantizeLinear";
  return op !== undefined && !quantizes && !op.nondeterministic && !calledFunction(scope.model, node) && node.subgraphs.length === 0;
}

function merge(node: Node, first: Node): boolean {
  let modified = false;
  node.outputs.forEach((output, i) => {
    const other = first.output(i);
    if (output && other) modified = redirect(output, other) || modified;
  });
  removeUnused(node);
  return modified;
}

/** Numbers for objects, so that identity can stand in a key. */
class Ids {
  readonly #ids = new Map<object, number>();

  of(thing: Value | Tensor): number {
    const known = this.#ids.get(thing);
    if (known !== undefined) return known;
    this.#ids.set(thing, this.#ids.size);
    return this.#ids.size - 1;
  }
}

function keyOf(node: Node, ids: Ids): string {
  const attributes = [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, attribute]) => [name, attributeKey(attribute, ids)]);
  const inputs = node.inputs.map((v) => (v ? ids.of(v) : -1));
  const outputs = node.outputs.map((v) => (v ? 1 : 0));
  return JSON.stringify([node.domain, node.opType, node.overload, inputs, outputs, attributes]);
}

const SMALL = 256;

function attributeKey(attribute: Attribute, ids: Ids): unknown {
  if (attribute.ref !== undefined) return ["ref", attribute.ref];
  const { kind, value } = attribute;
  switch (kind) {
    case "tensor":
      return value.byteLength <= SMALL && value.dtype !== "string" ? [kind, value.dtype, value.dims, [...value.bytes()]] : [kind, ids.of(value)];
    case "float":
    case "int":
    case "string":
    case "strings":
      return [kind, String(value)];
    case "floats":
    case "ints":
      return [kind, value.map(String)];
    default:
      // Rare kinds are compared by identity: at worst something equal is not merged.
      return [kind, typeof value === "object" ? ids.of(value as unknown as Tensor) : value];
  }
}
