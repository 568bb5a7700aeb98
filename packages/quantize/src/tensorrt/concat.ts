/**
 * One scale for everything that meets in a Concat whose result is quantized: then the Concat copies integers. Without it each input is
 * scaled anew. Concats that share an input, or follow one another, have one scale together.
 */
import type { Graph, Node, Value } from "@lathe/core";
import type { Planner } from "../plan.ts";

export function shareConcats(graph: Graph, nodes: ReadonlySet<Node>, plan: Planner): void {
  const groups = new Map<Value, Set<Value>>();
  const order = [...graph.allNodes()].filter((node) => nodes.has(node) && node.opType === "Concat");
  // From the last to the first, so that a Concat that feeds another is wanted by it.
  for (const node of order.toReversed()) {
    if (!plan.isPlanned(node.out)) continue;
    const inputs = [...new Set(node.inputs.filter((v): v is Value => v !== null && !v.constant && v.dtype === "float32"))];
    for (const value of inputs) plan.read(value, node);
    const group = new Set([node.out, ...inputs].flatMap((v) => [...(groups.get(v) ?? [v])]));
    for (const value of group) groups.set(value, group);
  }
  for (const group of new Set(groups.values())) {
    const [owner, ...others] = [...group].filter((v) => v.producer?.opType === "Concat" && plan.isPlanned(v));
    // What comes out of the Concats holds whatever goes in.
    if (owner) plan.together(owner, others, group);
  }
}
