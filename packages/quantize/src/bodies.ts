/**
 * Tensors inside If, Loop and Scan bodies, made visible for calibration: each leaves its body through an additional output and stands in
 * the main graph under its own name. A branch that was not taken, or a loop without a step, gives a zero, which no range minds (all hold 0).
 */
import { Node, Tensor, Value, attr, tensorType, type Graph, type Model } from "@lathe/core";
import { claim } from "./prepare.ts";

/** Inside a Loop or Scan tensors may differ in shape from step to step: only their extremes get out. */
export function insideLoop(value: Value): boolean {
  for (let node = value.graph?.parent; node; node = node.graph?.parent) if (node.opType !== "If") return true;
  return false;
}

/** Values of all bodies, by name. */
export const innerValues = (model: Model): Map<string, Value> =>
  new Map([...model.graph.allGraphs()].filter((graph) => graph !== model.graph).flatMap((graph) => [...graph.values()].map((value) => [value.name, value] as const)));

/** Gives all values and nodes of all graphs names of their own, so that ranges and options can point at them. */
export function uniqueAcrossBodies(graph: Graph): void {
  const [values, nodes] = [new Set<string>(), new Set<string>()];
  for (const each of graph.allGraphs()) {
    for (const value of each.values()) value.name = claim(values, value.name);
    for (const node of each.nodes) node.name = claim(nodes, node.name);
  }
}

/** A copy in which the named tensors of bodies are values of the main graph; those of the main graph stay as they are. */
export function exposeBodies(model: Model, names: ReadonlySet<string>): Model {
  const copy = model.clone();
  const { graph } = copy;
  for (const [name, exposed] of exposeIn(graph, names)) {
    const result = new Value(name, tensorType("float32"));
    graph.append(new Node({ opType: "Identity", inputs: [exposed], outputs: [result] }));
  }
  return copy;
}

/** Values of `graph` (one-dimensional) that stand for named tensors of the bodies in it. */
function exposeIn(graph: Graph, names: ReadonlySet<string>): Map<string, Value> {
  const found = new Map<string, Value>();
  for (const node of Array.from(graph.nodes)) {
    if (node.subgraphs.length === 0) continue;
    for (const { graph: body } of node.subgraphs) {
      const inner = exposeIn(body, names);
      for (const value of Array.from(body.values())) {
        if (!names.has(value.name)) continue;
        inner.set(value.name, insideLoop(value) ? extremes(body, value) : flat(body, value));
        value.name = `${value.name}__inside`;
      }
      for (const [name, value] of inner) found.set(name, leave(node, body, value, graph));
    }
  }
  return found;
}

/** Takes a value of a body out through a new output of its node. */
function leave(node: Node, body: Graph, value: Value, graph: Graph): Value {
  const looped = insideLoop(value);
  body.addOutput(value);
  const out = new Value(`${value.name}__out`, tensorType("float32"));
  node.addOutput(out);
  if (node.opType === "If") {
    for (const { graph: other } of node.subgraphs) if (other !== body) other.addOutput(zeros(other, `${value.name}__none`, looped ? 2 : 1));
    return out;
  }
  // A Scan may say something of each of its results.
  for (const name of ["scan_output_axes", "scan_output_directions"]) if (node.attributes.has(name)) node.setAttribute(name, attr.ints([...node.ints(name, []), 0]));
  // Steps are stacked; there may be none.
  const all = insertAll(graph, node, out, value.name);
  return graph.parent && looped ? extremes(graph, all) : all;
}

function insertAll(graph: Graph, node: Node, stacked: Value, name: string): Value {
  const line = graph.insertAfter(node, flattening(graph, stacked, name));
  const zero = graph.addInitializer(`${name}__zero`, Tensor.from("float32", [1], [0]));
  return graph.insertAfter(line, new Node({ opType: "Concat", inputs: [line.out, zero], outputs: [new Value(`${name}__all`, tensorType("float32", [null]))], attributes: { axis: attr.int(0) } })).out;
}

/** A node's output, so that a branch does not end in a bare constant. */
function zeros(graph: Graph, name: string, count: number): Value {
  const zero = graph.addInitializer(`${name}__zero`, Tensor.from("float32", [count], new Float32Array(count)));
  return graph.append(new Node({ opType: "Identity", inputs: [zero], outputs: [new Value(name, tensorType("float32", [count]))] })).out;
}

const flat = (graph: Graph, value: Value): Value => graph.append(flattening(graph, value, value.name)).out;

/** A node, not yet in the graph, that makes a vector of a value. */
function flattening(graph: Graph, value: Value, name: string): Node {
  const shape = graph.addInitializer(`${name}__shape`, Tensor.int64([-1]));
  return new Node({ opType: "Reshape", inputs: [value, shape], outputs: [new Value(`${name}__flat`, tensorType("float32", [null]))] });
}

/** [least, greatest] of a value. */
function extremes(graph: Graph, value: Value): Value {
  const line = flat(graph, value);
  const reduce = (opType: string): Value =>
    graph.append(new Node({ opType, inputs: [line], outputs: [new Value(`${value.name}__${opType}`, tensorType("float32", [1]))], attributes: { keepdims: attr.int(1) } })).out;
  const inputs = [reduce("ReduceMin"), reduce("ReduceMax")];
  return graph.append(new Node({ opType: "Concat", inputs, outputs: [new Value(`${value.name}__extremes`, tensorType("float32", [2]))], attributes: { axis: attr.int(0) } })).out;
}
