/** Which nodes the caller wants quantized. */
import type { Graph, Node } from "@lathe/core";
import { quantizeErrors } from "./errors.ts";

export interface NodeSelection {
  readonly opTypes?: readonly string[] | undefined;
  readonly nodes?: readonly string[] | undefined;
  readonly excludeNodes?: readonly string[] | undefined;
}

/**
 * Nodes of one graph that the options select, by operator type and by name.
 * @throws QUANT_UNKNOWN_NAME when an option names a node that is nowhere in the model.
 */
export function selectNodes(graph: Graph, selection: NodeSelection, defaults: readonly string[]): Set<Node> {
  const types = new Set(selection.opTypes ?? defaults);
  const only = selection.nodes && selection.nodes.length > 0 ? new Set(selection.nodes) : undefined;
  const excluded = new Set(selection.excludeNodes ?? []);
  const picked = new Set<Node>();
  for (const node of graph.nodes) {
    if (!types.has(node.opType) || excluded.has(node.name)) continue;
    if (only && !only.has(node.name)) continue;
    picked.add(node);
  }
  return picked;
}

/** @throws QUANT_UNKNOWN_NAME for a node name or tensor name that the model does not have: a typing error would go unseen. */
export function checkNames(graph: Graph, selection: NodeSelection, tensors: Iterable<string> = []): void {
  const nodes = new Set<string>();
  const values = new Set<string>();
  for (const each of graph.allGraphs()) {
    for (const node of each.nodes) nodes.add(node.name);
    for (const value of each.values()) values.add(value.name);
  }
  for (const option of ["nodes", "excludeNodes"] as const) {
    for (const name of selection[option] ?? []) if (!nodes.has(name)) throw quantizeErrors.QUANT_UNKNOWN_NAME({ option, name });
  }
  for (const name of tensors) if (!values.has(name)) throw quantizeErrors.QUANT_UNKNOWN_NAME({ option: "overrides", name });
}
