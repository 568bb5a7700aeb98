import type { Attribute } from "../ir/attribute.ts";
import type { Graph } from "../ir/graph.ts";
import type { FunctionDef } from "../ir/model.ts";
import type { Node } from "../ir/node.ts";

/** Replaces references to function attributes by the call's values or the function's defaults; absent ones are dropped. */
export function bindAttributes(body: Graph, call: Node, fn: FunctionDef): void {
  for (const node of body.allNodes()) {
    for (const [name, attribute] of node.attributes) {
      if (attribute.ref === undefined) continue;
      const value: Attribute | undefined = call.attributes.get(attribute.ref) ?? fn.attributeDefaults.get(attribute.ref);
      if (value) node.setAttribute(name, value);
      else node.attributes.delete(name);
    }
  }
}
