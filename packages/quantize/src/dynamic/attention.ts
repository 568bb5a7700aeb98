/** com.microsoft.Attention -> QAttention. */
import { Node, type Graph } from "@lathe/core";
import type { DynamicOptions } from "./options.ts";
import type { DynamicScope } from "./scope.ts";

/** False when the node stays float: weight not constant, or hidden sizes that differ (QAttention has no such attribute). */
export function quantizeAttention(node: Node, graph: Graph, scope: DynamicScope, options: DynamicOptions): boolean {
  if (node.domain !== "com.microsoft" || !node.input(1)?.constant || node.attributes.has("qkv_hidden_sizes") || node.input(5) || node.input(6)) return false;
  const x = scope.activation(node.input(0)!, graph);
  const w = scope.weight(node.input(1)!, { dtype: options.weightType, axis: options.perChannel ? -1 : undefined, symmetric: options.symmetricWeights, reduceRange: options.reduceRange });
  const inputs = [x.values, w.values, node.input(2) ?? null, x.scale, w.scale, node.input(3) ?? null, x.zeroPoint, w.zeroPoint, node.input(4) ?? null];
  const made = new Node({ opType: "QAttention", domain: "com.microsoft", name: node.name && `${node.name}_quant`, inputs, outputs: node.outputs.length, attributes: node.attributes });
  node.outputs.forEach((output, i) => output === null && made.dropOutput(i));
  graph.replaceNode(node, made);
  return true;
}
