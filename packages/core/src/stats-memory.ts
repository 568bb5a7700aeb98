import type { Graph } from "./ir/graph.ts";
import { valueBytes, type Node } from "./ir/node.ts";
import type { Value } from "./ir/value.ts";

/** Memory for inputs and intermediate results when nodes run in graph order; weights are not in it. */
export interface ActivationMemory {
  /** Largest number of bytes alive at once. A lower bound when `unsized` is not 0. */
  readonly peakBytes: number;
  /** The node at which that happens; undefined for an empty graph. */
  readonly peakNode: string | undefined;
  /** Values whose size is not known (no static shape, strings, sequences): counted as 0. */
  readonly unsized: number;
}

/**
 * Peak by liveness: a result lives from its node to its last reader (graph outputs to the end). Nodes that `isView` names pass their
 * first input's bytes on; no other node is taken to work in place, so an engine that does may need less. Inside a subgraph the peak
 * comes on top of what is alive outside.
 */
export function activationMemory(graph: Graph, isView: (node: Node) => boolean): ActivationMemory {
  const order = new Map<Node, number>([...graph.nodes].map((node, i) => [node, i]));
  const nodes = [...order.keys()];
  const root = viewRoots(graph, isView);
  const ends = lastReads(graph, order, root);
  const freedAt = nodes.map((): Value[] => []);
  for (const [value, at] of ends) freedAt[at]?.push(value);

  let unsized = 0;
  let alive = 0;
  let peakBytes = 0;
  let peakNode: string | undefined;
  const size = (value: Value): number => valueSize(value) ?? 0;
  const begin = (value: Value): void => {
    alive += size(value);
    if (valueSize(value) === undefined) unsized++;
  };
  for (const input of graph.inputs) begin(input);
  for (const [i, node] of nodes.entries()) {
    for (const output of node.outputs) if (output && root(output) === output && !output.constant) begin(output);
    const inside = Math.max(0, ...node.subgraphs.map(({ graph: inner }) => {
      const nested = activationMemory(inner, isView);
      unsized += nested.unsized;
      return nested.peakBytes;
    }));
    if (alive + inside > peakBytes || peakNode === undefined) {
      peakBytes = alive + inside;
      peakNode = node.label;
    }
    for (const value of freedAt[i]!) alive -= size(value);
  }
  return { peakBytes, peakNode, unsized };
}

const valueSize = (value: Value): number | undefined => (value.dtype === "string" ? undefined : valueBytes(value));

/** The value whose bytes a view shows; any other value is its own root. */
function viewRoots(graph: Graph, isView: (node: Node) => boolean): (value: Value) => Value {
  const roots = new Map<Value, Value>();
  const root = (value: Value): Value => roots.get(value) ?? value;
  for (const node of graph.nodes) {
    const [source] = node.inputs;
    const target = node.output(0);
    if (source && target && !source.constant && source.graph === graph && isView(node)) roots.set(target, root(source));
  }
  return root;
}

/** For each root value of this graph that has bytes of its own: the index of the last node that reads it, also from a subgraph. */
function lastReads(graph: Graph, order: ReadonlyMap<Node, number>, root: (value: Value) => Value): Map<Value, number> {
  const ends = new Map<Value, number>();
  const extend = (value: Value, at: number): void => void ends.set(root(value), Math.max(ends.get(root(value)) ?? -1, at));
  const readerIndex = (node: Node): number => {
    let current = node;
    while (current.graph !== graph) {
      const parent = current.graph?.parent;
      if (!parent) return -1;
      current = parent;
    }
    return order.get(current) ?? -1;
  };
  const values = [...graph.inputs, ...[...order.keys()].flatMap((node) => node.outputs.filter((v) => v !== null))];
  for (const value of values) {
    if (value.constant) continue;
    const made = value.producer ? order.get(value.producer)! : -1;
    extend(value, value.isGraphOutput ? order.size : Math.max(made, ...value.consumers.map(readerIndex)));
  }
  return ends;
}
