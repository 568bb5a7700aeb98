/** Small edits that respect names of outputs and the rules for subgraphs. */
import type { Graph } from "../ir/graph.ts";
import { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import type { Tensor } from "../tensor.ts";
import { makeConstant, type Site } from "./scope.ts";

/**
 * Redirects the readers of `from` to `to`; true when anything changed.
 * A graph output is handed over only where the result is legal ONNX and keeps its public name: `to` must be made by a node of the
 * same graph and not be an output already. Otherwise `from` (and the node that makes it) stays for the sake of the output.
 */
export function redirect(from: Value, to: Value): boolean {
  const { graph } = from;
  if (!graph || from === to) return false;
  if (from.isGraphOutput && to.producer && to.graph === graph && !to.isGraphOutput) {
    const type = from.type;
    graph.replaceUses(from, to);
    // The declared type of an output is part of the model's signature.
    to.type = type ?? to.type;
    return true;
  }
  to.type ??= from.type;
  const { uses } = from;
  for (const { node, index } of uses) node.setInput(index, to);
  return uses.length > 0;
}

/** Redirects the node's first output to `to` and removes the node when nothing reads it any more. */
export function bypass(node: Node, to: Value): boolean {
  const changed = redirect(node.out, to);
  removeUnused(node);
  return changed || node.graph === undefined;
}

/** Removes a node that nothing reads. */
export function removeUnused(node: Node): void {
  if (node.graph && node.outputs.every((o) => !o || o.isUnused)) node.graph.remove(node);
}

/** Like {@link redirect}, but where `from` would have to stay an Identity takes its place, so that the old producer becomes free. */
export function redirectAll(from: Value, to: Value, anchor: Node): void {
  redirect(from, to);
  if (!from.isGraphOutput) return;
  const graph: Graph = anchor.graph!;
  const identity = graph.insertBefore(anchor, new Node({ opType: "Identity", inputs: [to] }));
  identity.out.type = from.type;
  graph.replaceUses(from, identity.out);
}

/** The only reader of a value that is no graph output; undefined when there are more or none. */
export function onlyConsumer(value: Value): Node | undefined {
  return value.isGraphOutput || value.useCount !== 1 ? undefined : value.uses[0]!.node;
}

/** The node that makes `value` when it is `opType` of the default domain and only one node, of the same graph, reads its output. */
export function soleProducer(value: Value | undefined, opType: string): Node | undefined {
  const node = value?.producer;
  return node?.is(opType) && onlyConsumer(value!)?.graph === node.graph ? node : undefined;
}

/** Puts a constant in the place of a computed value: for its readers, and for a graph output where that may be a constant. */
export function redirectConstant(value: Value, tensor: Tensor, site: Site): boolean {
  const { node, graph, scope } = site;
  // What a subgraph returns has to be made in it.
  if (value.isGraphOutput && (scope.isFunction || graph.parent)) return false;
  const constant = makeConstant(tensor, value.name || node.name || "constant", node, graph, scope.isFunction);
  graph.replaceUses(value, constant);
  return true;
}
