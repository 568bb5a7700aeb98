/** Embedding tables as uint8: Gather on integers, then DequantizeLinear; a MatMul behind it takes the integers as they are. */
import { Node, Value, tensorType, type Graph } from "@lathe/core";
import type { DynamicScope } from "./scope.ts";

export function quantizeGather(node: Node, graph: Graph, scope: DynamicScope): void {
  const table = scope.weight(node.input(0)!, { dtype: "uint8", axis: undefined, symmetric: false, reduceRange: false });
  const { name, shape, type } = node.out;
  const gathered = new Node({
    opType: "Gather", name: node.name && `${node.name}_quant`, inputs: [table.values, node.input(1)!],
    outputs: [new Value(`${name}_quantized`, tensorType("uint8", shape))], attributes: node.attributes,
  });
  graph.insertBefore(node, gathered);
  const restored = new Node({
    opType: "DequantizeLinear", name: `${name}_DequantizeLinear`, inputs: [gathered.out, table.scale, table.zeroPoint], outputs: [new Value("", type)],
  });
  graph.replaceNode(node, restored);
  scope.remember(restored.out, graph, { values: gathered.out, scale: table.scale, zeroPoint: table.zeroPoint });
}
