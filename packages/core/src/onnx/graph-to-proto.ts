/** `Graph` to `GraphProto`. */
import type { Graph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { attributeToProto } from "./attribute-to-proto.ts";
import { mapToEntries, unknownOf } from "./entries.ts";
import type { Names } from "./names.ts";
import type { GraphProto, NodeProto, ValueInfoProto } from "./proto.ts";
import { sparseOf } from "./sparse.ts";
import { sparseToProto, tensorToProto, type ExternalPlacement } from "./tensor-proto.ts";
import { typeToProto } from "./type-proto.ts";

export interface GraphWriting {
  readonly names: Names;
  readonly place: ExternalPlacement | undefined;
}

export function graphToProto(graph: Graph, writing: GraphWriting): GraphProto {
  const { names, place } = writing;
  return names.within(graph, () => {
    const constants = [...graph.inputs, ...graph.initializers].flatMap((value) => (value.tensor ? [{ tensor: value.tensor, name: names.of(value, "An initializer", graph) }] : []));
    return {
      node: nodesToProto(graph, writing),
      name: graph.name,
      initializer: constants.filter(({ tensor }) => !sparseOf(tensor)).map(({ tensor, name }) => tensorToProto(tensor, name, place)),
      docString: graph.docString,
      input: graph.inputs.map((value) => infoToProto(value, names.of(value, "An input", graph))),
      output: graph.outputs.map((value) => infoToProto(value, names.of(value, "An output", graph))),
      valueInfo: valueInfo(graph, names, innerValues(graph)),
      quantizationAnnotation: annotations(graph, names),
      sparseInitializer: constants.flatMap(({ tensor, name }) => {
        const sparse = sparseOf(tensor);
        return sparse ? [sparseToProto(sparse, name, place)] : [];
      }),
      metadataProps: mapToEntries(graph.metadata),
      unknown: unknownOf(graph.unknown),
    };
  });
}

export function nodesToProto(graph: Graph, writing: GraphWriting): NodeProto[] {
  const nodeNames = uniqueNames(graph.nodes);
  return Array.from(graph.nodes, (node) => nodeToProto(node, nodeNames.get(node), graph, writing));
}

/** Names of nodes are optional, but different within a graph: ONNX Runtime refuses repeated ones. The first node keeps its name. */
function uniqueNames(nodes: Iterable<Node>): ReadonlyMap<Node, string> {
  const names = new Map<Node, string>();
  const all = new Set(Array.from(nodes, (node) => node.name));
  const taken = new Set<string>();
  const next = new Map<string, number>();
  for (const node of nodes) {
    if (node.name === "") continue;
    let { name } = node;
    for (let i = next.get(node.name) ?? 1; taken.has(name) || (name !== node.name && all.has(name)); i++) {
      name = `${node.name}_${i}`;
      next.set(node.name, i + 1);
    }
    taken.add(name);
    names.set(node, name);
  }
  return names;
}

function nodeToProto(node: Node, name: string | undefined, graph: Graph, writing: GraphWriting): NodeProto {
  const { names, place } = writing;
  const reader = `Node "${node.label}"`;
  const nameOf = (value: Value | null): string => (value === null ? "" : names.of(value, reader, graph));
  const inner = { place, graph: (g: Graph) => graphToProto(g, writing) };
  return {
    input: node.inputs.map(nameOf),
    output: node.outputs.map(nameOf),
    name,
    opType: node.opType,
    attribute: Array.from(node.attributes, ([name, attribute]) => attributeToProto(name, attribute, inner)),
    docString: node.docString,
    domain: node.domain || undefined,
    overload: node.overload || undefined,
    metadataProps: mapToEntries(node.metadata),
    unknown: unknownOf(node.unknown),
  };
}

function infoToProto(value: Value, name: string): ValueInfoProto {
  return { name, type: typeToProto(value.type), docString: value.docString, metadataProps: mapToEntries(value.metadata), unknown: unknownOf(value.unknown) };
}

/** What is known of the given values. The type of an initializer is that of its tensor and not said twice. */
export function valueInfo(graph: Graph, names: Names, values: Iterable<Value>): ValueInfoProto[] {
  const infos: ValueInfoProto[] = [];
  for (const value of values) {
    const type = value.isInitializer ? undefined : value.type;
    if ((type ?? value.docString ?? value.metadata ?? value.unknown) === undefined) continue;
    infos.push({ ...infoToProto(value, names.of(value, "value_info", graph)), type: typeToProto(type) });
  }
  return infos;
}

/** Values that are neither inputs nor outputs. */
function innerValues(graph: Graph): Value[] {
  const outer = new Set([...graph.inputs, ...graph.outputs]);
  return [...graph.values()].filter((value) => !outer.has(value));
}

function annotations(graph: Graph, names: Names): GraphProto["quantizationAnnotation"] {
  const present = graph.quantizationAnnotations.filter(({ value }) => value.graph === graph);
  return present.map(({ value, parameters }) => ({
    tensorName: names.of(value, "A quantization annotation", graph),
    quantParameterTensorNames: mapToEntries(parameters),
  }));
}
