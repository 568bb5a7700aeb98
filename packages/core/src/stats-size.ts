import type { DType } from "./dtype.ts";
import type { Graph } from "./ir/graph.ts";
import type { Model } from "./ir/model.ts";
import type { Tensor } from "./tensor.ts";

/** Size of a model by counting alone: no shapes are inferred and no tensor is read. */
export interface ModelSize {
  /** Nodes of all graphs, subgraphs and function bodies. */
  readonly nodes: number;
  /** Elements of all initializers and `Constant` tensors, strings left out. */
  readonly parameters: number;
  /** Bytes of those tensors. */
  readonly bytes: number;
  readonly bytesByDtype: Readonly<Partial<Record<DType, number>>>;
}

/** The main graph and the bodies of local functions. */
export const topGraphs = (model: Model): readonly Graph[] => [model.graph, ...[...model.functions.values()].map((fn) => fn.body)];

/** Every stored tensor of a graph (not of its subgraphs): initializers, defaults of inputs, `Constant` nodes. */
export function* storedTensors(graph: Graph): Iterable<Tensor> {
  for (const value of [...graph.inputs, ...graph.initializers]) if (value.tensor) yield value.tensor;
  for (const node of graph.nodes) {
    const tensor = node.constantOutput(0);
    if (tensor) yield tensor;
  }
}

export function modelSize(model: Model): ModelSize {
  let nodes = 0;
  let parameters = 0;
  let bytes = 0;
  const bytesByDtype: Partial<Record<DType, number>> = {};
  for (const top of topGraphs(model)) {
    for (const graph of top.allGraphs()) {
      nodes += graph.nodeCount;
      for (const tensor of storedTensors(graph)) {
        if (tensor.dtype !== "string") parameters += tensor.size;
        bytes += tensor.byteLength;
        bytesByDtype[tensor.dtype] = (bytesByDtype[tensor.dtype] ?? 0) + tensor.byteLength;
      }
    }
  }
  return { nodes, parameters, bytes, bytesByDtype };
}
