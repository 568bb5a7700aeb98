/** Chains of elementary operators that one standard operator stands for. Only operators of the model's own operator set are written. */
import type { Attribute } from "../ir/attribute.ts";
import { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { removeUnused } from "./edit.ts";
import type { Captures } from "./match.ts";
import type { Site } from "./scope.ts";

/** Puts one node in the place of a whole match: its root's readers, name and type go to the new node, the rest is removed. */
export function replaceMatch(site: Site, found: Captures, opType: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}): Node {
  const { node, graph } = site;
  const fused = graph.insertBefore(node, new Node({ opType, name: node.name, inputs, attributes }));
  graph.replaceNode(node, fused);
  for (const inner of found.nodes.slice(1)) removeUnused(inner);
  return fused;
}
