import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeModel, type Model, type ModelSource, type Node } from "@lathe/core";
import { ortRuntime } from "../runtime.ts";
import type { OrtLoadOptions } from "../options.ts";
import { withFolder } from "./temporary.ts";

export interface GraphNode {
  readonly name: string;
  /** "Conv" or "com.microsoft.QGemm". */
  readonly op: string;
}

export interface FloatNode extends GraphNode {
  /** Quantized inputs were there, but ONNX Runtime dequantizes them and computes in float. */
  readonly dequantized: boolean;
}

export interface OptimizedGraph {
  /** The graph as ONNX Runtime runs it. Only for reading: it may use internal operators of this machine's processor. */
  readonly model: Model;
  readonly opCounts: Readonly<Record<string, number>>;
  /** Nodes that compute on integers or on packed weights. */
  readonly integer: readonly GraphNode[];
  /** Nodes of the operators that matter for speed (convolutions, matrix products, recurrent layers) that compute in floating point. */
  readonly float: readonly FloatNode[];
}

/** What ONNX Runtime makes of the model: which nodes it fused, and which of them run on integer kernels. */
export async function optimizedGraph(source: ModelSource, options: OrtLoadOptions = {}): Promise<OptimizedGraph> {
  const model = await withFolder(async (folder) => {
    const path = join(folder, "optimized.onnx");
    const session = await ortRuntime().load(source, { ...options, optimizedModelPath: path });
    await session.dispose();
    return decodeModel(await readFile(path));
  });
  const nodes = [...model.graph.allNodes()];
  return {
    model,
    opCounts: countOps(nodes),
    integer: nodes.filter(isInteger).map(named),
    float: nodes.filter(isHeavyFloat).map((node) => ({ ...named(node), dequantized: node.inputs.some((v) => v?.producer?.opType === "DequantizeLinear") })),
  };
}

const named = (node: Node): GraphNode => ({ name: node.label, op: node.op });

/** QLinearConv, QGemm, QAttention ...; ConvInteger, MatMulIntegerToFloat ...; weights packed to few bits. */
const integerOps = /^(QLinear\w+|QGemm|QAttention|QEmbedLayerNormalization|QMoE|QOrdered\w+|\w+Integer\w*|DynamicQuantize(MatMul|LSTM)|MatMulNBits|MatMulBnb4|GatherBlockQuantized)$/;
const isInteger = (node: Node): boolean => integerOps.test(node.opType);

/** Also under the names that ONNX Runtime gives them when it fuses an activation or changes the layout. */
const heavyOps = /^(Fused|Nhwc(Fused)?)?(Conv|ConvTranspose|MatMul|Gemm|LSTM|GRU|RNN|Attention|MultiHeadAttention|GroupQueryAttention)(WithDynamicPads)?$/;
const isHeavyFloat = (node: Node): boolean => heavyOps.test(node.opType);

function countOps(nodes: Iterable<Node>): Record<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) counts.set(node.op, (counts.get(node.op) ?? 0) + 1);
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
}
