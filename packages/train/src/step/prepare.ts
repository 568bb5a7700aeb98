/** What training does to a copy of a model before it writes the loss and the backward pass behind it. */
import { convertOpset, inferShapes, isInteger, type Graph, type Model, type OpTable, type Value } from "@lathe/core";
import { unrollRecurrent } from "../grad/unroll.ts";

export const LOSS = "lathe/loss";

/** The oldest operator set in which the backward pass is written: axes are inputs, ScatterND adds. */
const OPSET = 18;

/**
 * A copy with inferred types, in opset 18 or later, whose parameters are all initializers (exporters also write them as Constant nodes).
 * @throws OPSET_CANNOT_CONVERT naming the node.
 */
export function prepared(model: Model, ops: OpTable): Model {
  const copy = model.clone();
  hoistConstants(copy.graph);
  foldIndices(copy, ops);
  inferShapes(copy, { ops });
  if (copy.opset < OPSET && copy.opset > 0) {
    convertOpset(copy, OPSET, { ops });
    hoistConstants(copy.graph);
    inferShapes(copy, { ops });
  }
  return copy;
}

/** {@link prepared}, and operators written out that are differentiated in parts. Such a copy is for running steps, not for export. */
export function preparedForGradient(model: Model, ops: OpTable): Model {
  const copy = prepared(model, ops);
  if (unrollRecurrent(copy.graph)) inferShapes(copy, { ops });
  return copy;
}

/** Largest tensor of indices that is computed beforehand. */
const MAX_INDICES = 4096;

/**
 * Integers computed from integer constants (pads, shapes, axes, which exporters like to put together) become constants: rules need to
 * see them. Integers made of floats stay: those are quantized weights, which training changes.
 */
function foldIndices({ graph, opset }: Model, ops: OpTable): void {
  for (const node of [...graph.nodes]) {
    const inputs = node.inputs.map((v) => v?.constant);
    if (inputs.length === 0 || inputs.some((t, i) => node.inputs[i] && (!t || !isInteger(t.dtype) || t.size > MAX_INDICES))) continue;
    const results = ops.of(node)?.evaluate?.(node, inputs, opset);
    if (!results || node.outputs.some((v) => v?.isGraphOutput) || results.some((t) => !isInteger(t.dtype) || t.size > MAX_INDICES)) continue;
    const names = node.outputs.map((v) => v?.name ?? "");
    const values = results.slice(0, names.length).map((tensor, i) => graph.addInitializer(names[i]!, tensor));
    values.forEach((value, i) => node.output(i) && graph.replaceUses(node.output(i)!, value));
    graph.remove(node);
    for (const value of values) if (value.isUnused) graph.removeInitializer(value);
  }
}

function hoistConstants(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    const tensor = node.constantOutput(0);
    if (!tensor || node.out.isGraphOutput) continue;
    const { name } = node.out;
    const value = graph.addInitializer(name, tensor);
    graph.replaceUses(node.out, value);
    graph.remove(node);
    value.name = name;
  }
}

/** Makes a value a graph output of this name; one that must keep its own name goes through an Identity. */
export function expose(graph: Graph, value: Value, name: string): void {
  const fresh = value.producer && !value.isGraphOutput ? value : graph.add({ opType: "Identity", inputs: [value] }).out;
  fresh.name = name;
  fresh.type ??= value.type;
  graph.addOutput(fresh);
}

/** Removes what no output needs. */
export function dropDead(graph: Graph): void {
  for (const node of graph.nodesBackward) if (node.outputs.every((v) => !v || v.isUnused)) graph.remove(node);
  for (const value of [...graph.initializers]) if (value.isUnused) graph.removeInitializer(value);
}
