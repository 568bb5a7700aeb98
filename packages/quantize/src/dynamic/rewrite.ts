/** Dynamic quantization of a graph and its subgraphs: integer weights in the file, activations quantized while the model runs. */
import type { Graph, Node, Value } from "@lathe/core";
import { isFloatValue } from "../plan.ts";
import { selectNodes, type NodeSelection } from "../select.ts";
import { quantizeAttention } from "./attention.ts";
import { convInteger } from "./conv.ts";
import { quantizeGather } from "./gather.ts";
import { quantizeLstm } from "./lstm.ts";
import { matMulInteger, splitGemm } from "./matmul.ts";
import { dynamicOpTypes, type DynamicOptions } from "./options.ts";
import { DynamicScope } from "./scope.ts";

export interface DynamicResult {
  /** Nodes that became integer, by operator. */
  readonly quantized: Readonly<Record<string, number>>;
  readonly activations: number;
  readonly weights: number;
}

/** Rewrites in place, subgraphs too. */
export function rewriteDynamic(root: Graph, selection: NodeSelection, options: DynamicOptions): DynamicResult {
  const scope = new DynamicScope();
  const quantized: Record<string, number> = {};
  for (const graph of Array.from(root.allGraphs())) {
    for (const node of selectNodes(graph, selection, dynamicOpTypes)) {
      const { opType } = node;
      if (rewriteNode(node, graph, scope, options)) quantized[opType] = (quantized[opType] ?? 0) + 1;
    }
  }
  for (const graph of root.allGraphs()) dropUnused(graph);
  return { quantized, activations: scope.activations, weights: scope.weights };
}

function rewriteNode(node: Node, graph: Graph, scope: DynamicScope, options: DynamicOptions): boolean {
  switch (node.opType) {
    case "MatMul":
      return rewriteMatMul(node, graph, scope, options);
    case "Gemm": {
      if (!isFloatValue(node.input(0)!) || (options.constantOnly && !node.input(1)?.constant)) return false;
      const matMul = splitGemm(node, graph);
      return matMul !== undefined && rewriteMatMul(matMul, graph, scope, options);
    }
    case "Conv":
      if (!isFloatConstant(node.input(1)) || (node.int("group", 1) !== 1 && !options.groupedConv)) return false;
      convInteger(node, graph, scope, options);
      return true;
    case "Gather":
      if (!isFloatConstant(node.input(0)) || node.input(0)!.constant!.dims.length < 2) return false;
      quantizeGather(node, graph, scope);
      return true;
    case "LSTM":
      return quantizeLstm(node, graph, options);
    case "Attention":
      return quantizeAttention(node, graph, scope, options);
    default:
      return false;
  }
}

function rewriteMatMul(node: Node, graph: Graph, scope: DynamicScope, options: DynamicOptions): boolean {
  const [a, b] = [node.input(0)!, node.input(1)!];
  if (!isFloatValue(a) || !isFloatValue(b) || (options.constantOnly && !b.constant) || a.constant) return false;
  if (b.constant && b.constant.dims.length < 2) return false;
  matMulInteger(node, graph, scope, options);
  return true;
}

const isFloatConstant = (value: Value | undefined): boolean => value?.constant !== undefined && isFloatValue(value);

function dropUnused(graph: Graph): void {
  for (const node of graph.nodesBackward) if (node.is("Constant") || node.is("DequantizeLinear")) if (node.outputs.every((o) => !o || o.isUnused)) graph.remove(node);
  for (const value of Array.from(graph.initializers)) if (value.isUnused) graph.removeInitializer(value);
}
