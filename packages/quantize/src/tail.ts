/**
 * Parts of a graph that lose much and gain nothing when quantized: what stands between the last weighted layers and the outputs
 * (decoding of boxes, final Softmax, concatenation of boxes in pixels with scores below 1), and concatenations of tensors whose ranges
 * are far apart.
 */
import type { Graph, Node, Value } from "@lathe/core";
import type { Range } from "./spec.ts";

/** Operators that hold the weights and most of the work. */
const weightedOps = new Set(["Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "Attention"]);
export const isWeighted = (node: Node): boolean => weightedOps.has(node.opType) && (node.opType !== "MatMul" || node.input(1)?.constant !== undefined);

/** Clips that a quantizer behind a weighted layer does for free; they are no tail. */
const freeOps = new Set(["Relu", "Clip"]);

/** Nodes that no weighted layer reads from, directly or through others. */
export function tailNodes(graph: Graph): Set<Node> {
  const inner = new Set<Node>();
  const pending: Node[] = [];
  const visit = (value: Value | null): void => {
    const producer = value?.producer;
    if (!producer || producer.graph !== graph || inner.has(producer)) return;
    inner.add(producer);
    pending.push(producer);
  };
  for (const node of graph.nodes) {
    if (!isWeighted(node)) continue;
    inner.add(node);
    node.inputs.forEach(visit);
  }
  for (let node = pending.pop(); node; node = pending.pop()) node.inputs.forEach(visit);
  const tail = new Set<Node>();
  for (const node of graph.nodes) {
    if (inner.has(node)) continue;
    const producer = node.input(0)?.producer;
    if (freeOps.has(node.opType) && producer && isWeighted(producer)) continue;
    tail.add(node);
  }
  // A model without weighted layers, or one whose every output comes from them, has no tail to speak of.
  return inner.size === 0 ? new Set() : tail;
}

/** How much wider one input of a Concat may be than another before they stop sharing a scale. */
const MAX_RATIO = 16;

/** Concat nodes whose inputs are too far apart for one scale. */
export function mismatchedConcats(graph: Graph, ranges: ReadonlyMap<string, Range>): Set<Node> {
  const found = new Set<Node>();
  for (const node of graph.nodes) {
    if (node.opType !== "Concat") continue;
    const widths = node.inputs.flatMap((v) => (v && ranges.get(v.name)) ?? []).map((r) => Math.max(-r.min, r.max)).filter((w) => w > 0);
    if (widths.length > 1 && Math.max(...widths) / Math.min(...widths) > MAX_RATIO) found.add(node);
  }
  return found;
}
