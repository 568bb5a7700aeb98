/**
 * ONNX Runtime fuses Add -> LayerNormalization to SkipLayerNormalization. On its CPU that kernel adds up one value at a time and takes
 * several times as long as the two nodes that it replaces (bench/quantize-kernels.ts). Sum computes what Add does,
 * with the same kernel, and is not fused.
 */
import { Node, type Graph, type Value } from "@lathe/core";

/** Writes Adds that stand before a LayerNormalization as Sum, subgraphs too. Gives their number. */
export function residualSums(root: Graph): number {
  let changed = 0;
  for (const graph of root.allGraphs()) {
    for (const node of graph.nodes) {
      if (!node.is("Add") || !isResidual(node) || !feedsOnlyNorm(node.out)) continue;
      graph.replaceNode(node, new Node({ opType: "Sum", name: node.name, inputs: node.inputs, outputs: node.outputs.length }));
      changed++;
    }
  }
  return changed;
}

/** Two activations: the Add of a bias is worth more fused into its matrix product. */
const isResidual = (node: Node): boolean => node.inputs.every((v) => v && !v.constant && v.dtype === "float32");

/** A LayerNormalization, or the mean and the difference that one of an older opset begins with. */
function feedsOnlyNorm(value: Value): boolean {
  const readers = value.consumers.map((node) => node.opType).sort().join();
  return !value.isGraphOutput && (readers === "LayerNormalization" || readers === "ReduceMean,Sub");
}
