import { Graph } from "./graph.ts";
import type { Attribute } from "./attribute.ts";
import { Node } from "./node.ts";
import { Value } from "./value.ts";

/** Old value to new value; values that are not in it (captured from outside) stand for themselves. */
export type ValueMap = Map<Value, Value>;

/** Copies a graph. `values` collects the mapping and may be filled beforehand to redirect captured values. */
export function cloneGraph(graph: Graph, values: ValueMap = new Map()): Graph {
  const copy = new Graph(graph.name);
  copy.docString = graph.docString;
  copy.metadata = graph.metadata && new Map(graph.metadata);
  copy.unknown = graph.unknown;
  for (const input of graph.inputs) values.set(input, copyLabels(input, copy.addInput(input.name, input.type, input.tensor)));
  for (const constant of graph.initializers) values.set(constant, copyLabels(constant, copy.addInitializer(constant.name, constant.tensor!)));
  for (const node of graph.nodes) for (const output of node.outputs) if (output) values.set(output, copyLabels(output, new Value(output.name, output.type)));
  for (const node of graph.nodes) copy.append(cloneNode(node, values));
  for (const output of graph.outputs) copy.addOutput(mapped(output, values));
  copy.quantizationAnnotations = graph.quantizationAnnotations.map((a) => ({ ...a, value: mapped(a.value, values) }));
  return copy;
}

/** Copies a node with its subgraphs. Outputs that `values` does not know are made new. */
export function cloneNode(node: Node, values: ValueMap): Node {
  const copy = new Node({
    opType: node.opType,
    domain: node.domain,
    overload: node.overload,
    name: node.name,
    inputs: node.inputs.map((v) => v && mapped(v, values)),
    outputs: node.outputs.map((v) => v && freshOutput(v, values)),
    attributes: new Map([...node.attributes].map(([name, attribute]) => [name, cloneAttribute(attribute, values)])),
  });
  copy.docString = node.docString;
  copy.metadata = node.metadata && new Map(node.metadata);
  copy.unknown = node.unknown;
  return copy;
}

function freshOutput(output: Value, values: ValueMap): Value {
  const known = values.get(output);
  if (known) return known;
  const made = copyLabels(output, new Value(output.name, output.type));
  values.set(output, made);
  return made;
}

function cloneAttribute(attribute: Attribute, values: ValueMap): Attribute {
  if (attribute.ref !== undefined) return attribute;
  if (attribute.kind === "graph") return { ...attribute, value: cloneGraph(attribute.value, values) };
  if (attribute.kind === "graphs") return { ...attribute, value: attribute.value.map((g) => cloneGraph(g, values)) };
  return attribute;
}

function copyLabels(from: Value, to: Value): Value {
  to.type = from.type;
  to.docString = from.docString;
  to.metadata = from.metadata && new Map(from.metadata);
  to.unknown = from.unknown;
  return to;
}

const mapped = (value: Value, values: ValueMap): Value => values.get(value) ?? value;
