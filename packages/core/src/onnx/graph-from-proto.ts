/** `GraphProto` to `Graph`: first every value gets its object, then readers are tied to them. */
import { Graph } from "../ir/graph.ts";
import { Node } from "../ir/node.ts";
import { Value } from "../ir/value.ts";
import type { Tensor } from "../tensor.ts";
import { attributeFromProto, type AttributeReading } from "./attribute-from-proto.ts";
import { encodeProto } from "./encode.ts";
import { entriesToMap, joinBytes } from "./entries.ts";
import { onnxErrors } from "./graph-errors.ts";
import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from "./proto.ts";
import { Scope } from "./scope.ts";
import { denseFromSparse } from "./sparse.ts";
import { sparseFromProto, tensorFromProto, type TensorReading } from "./tensor-proto.ts";
import { typeFromProto } from "./type-proto.ts";

export interface GraphReading extends TensorReading {
  readonly denseBytes: number;
}

export function graphFromProto(proto: GraphProto, reading: GraphReading, outer?: Scope): Graph {
  const graph = new Graph(proto.name ?? "");
  const scope = new Scope(graph.name, outer);
  graph.docString = proto.docString;
  graph.metadata = entriesToMap(proto.metadataProps, `graph "${graph.name}"`, reading.notice);
  graph.unknown = joinBytes(proto.unknown);
  readConstants(proto, graph, scope, reading);
  readNodes(proto.node ?? [], graph, scope, reading);
  for (const info of proto.output ?? []) {
    const value = scope.resolve(info.name ?? "", "An output");
    graph.addOutput(value);
    if (scope.own(value.name)) describe(value, info, reading);
  }
  readValueInfo(proto.valueInfo ?? [], scope, reading);
  readAnnotations(proto, graph, scope, reading);
  return graph;
}

/** Inputs and initializers. An initializer named like an input is that input's default (IR version 3 lists all of them so). */
function readConstants(proto: GraphProto, graph: Graph, scope: Scope, reading: GraphReading): void {
  const tensors = new Map<string, Tensor>();
  const add = (name: string | undefined, tensor: Tensor): void => {
    if (!name) throw onnxErrors.ONNX_NAME_EMPTY({ what: "An initializer", graph: graph.name });
    if (tensors.has(name)) throw onnxErrors.ONNX_NAME_DUPLICATE({ what: "Initializer", name, graph: graph.name });
    tensors.set(name, tensor);
  };
  for (const each of proto.initializer ?? []) add(each.name, tensorFromProto(unnamed(each), each.name ?? "", reading));
  for (const each of proto.sparseInitializer ?? []) {
    const name = each.values?.name;
    const sparse = sparseFromProto(each.values ? { ...each, values: unnamed(each.values) } : each, name ?? "", reading);
    add(name, denseFromSparse(sparse, name ?? "", reading.denseBytes));
  }
  for (const info of proto.input ?? []) {
    const name = info.name ?? "";
    const value = graph.addInput(name, typeFromProto(info.type, name, reading.notice), tensors.get(name));
    describe(value, info, reading);
    scope.define(value, "Input");
    tensors.delete(name);
  }
  for (const [name, tensor] of tensors) scope.define(graph.addInitializer(name, tensor), "Initializer");
}

/** The name of an initializer belongs to its value, not to the tensor. */
const unnamed = (proto: TensorProto): TensorProto => ({ ...proto, name: undefined });

/** Nodes in file order; where that is not an execution order they are sorted, with a notice. */
export function readNodes(protos: readonly NodeProto[], graph: Graph, scope: Scope, reading: GraphReading): void {
  const nodes = protos.map((proto) => new Node(outputsOf(proto)));
  for (const node of nodes) for (const value of node.outputs) if (value) scope.define(value, "Output");
  const pending = new Set(nodes);
  let early: Node | undefined;
  nodes.forEach((node, index) => {
    const proto = protos[index]!;
    readAttributes(proto, node, scope, reading);
    const label = `Node "${node.label}"`;
    for (const name of proto.input ?? []) node.addInput(name === "" ? null : scope.resolve(name, label));
    if (early === undefined && readsFrom(pending, node)) early = node;
    pending.delete(node);
    graph.append(node);
  });
  if (early === undefined) return;
  if (!graph.sort()) throw onnxErrors.ONNX_CYCLE({ graph: graph.name, node: early.label });
  reading.notice({ code: "REORDERED", message: `Nodes of graph "${graph.name}" were not in execution order and have been sorted ("${early.label}" read a later value).` });
}

function outputsOf(proto: NodeProto): ConstructorParameters<typeof Node>[0] {
  return {
    opType: proto.opType ?? "",
    domain: proto.domain ?? "",
    overload: proto.overload ?? "",
    name: proto.name ?? "",
    outputs: (proto.output ?? []).map((name) => (name === "" ? null : new Value(name))),
  };
}

/** True when the node or a subgraph of it reads what one of the pending nodes makes. */
function readsFrom(pending: ReadonlySet<Node>, node: Node): boolean {
  const late = (value: Value | null): boolean => value?.producer !== undefined && pending.has(value.producer);
  if (node.inputs.some(late)) return true;
  return node.subgraphs.some(({ graph }) => {
    for (const inner of graph.allNodes()) if (inner.inputs.some(late)) return true;
    for (const inner of graph.allGraphs()) if (inner.outputs.some(late)) return true;
    return false;
  });
}

function readAttributes(proto: NodeProto, node: Node, scope: Scope, reading: GraphReading): void {
  const inner: AttributeReading = { ...reading, graph: (g) => graphFromProto(g, reading, scope) };
  for (const each of proto.attribute ?? []) {
    const name = each.name ?? "";
    if (node.attributes.has(name)) throw onnxErrors.ONNX_NAME_DUPLICATE({ what: `Attribute of "${node.label}",`, name, graph: scope.graph });
    node.setAttribute(name, attributeFromProto(each, node.label, inner));
  }
  node.docString = proto.docString;
  node.metadata = entriesToMap(proto.metadataProps, `node "${node.label}"`, reading.notice);
  node.unknown = joinBytes(keptAside(proto));
}

/** Device placement has no form in the IR: it stays encoded, as unknown fields do. */
function keptAside({ deviceConfigurations, unknown = [] }: NodeProto): readonly Uint8Array[] {
  if (!deviceConfigurations?.length) return unknown;
  return [encodeProto("NodeProto", { deviceConfigurations }), ...unknown];
}

/** What a `ValueInfoProto` adds to a value. A type that is known already stays. */
function describe(value: Value, info: ValueInfoProto, { notice }: GraphReading): void {
  value.type ??= typeFromProto(info.type, value.name, notice);
  value.docString ??= info.docString;
  value.metadata ??= entriesToMap(info.metadataProps, `value "${value.name}"`, notice);
  value.unknown ??= joinBytes(info.unknown);
}

export function readValueInfo(infos: readonly ValueInfoProto[], scope: Scope, reading: GraphReading): void {
  for (const info of infos) {
    const value = scope.own(info.name ?? "");
    if (value) describe(value, info, reading);
    else reading.notice({ code: "STALE_VALUE_INFO", message: `value_info of graph "${scope.graph}" describes "${info.name}", which the graph does not have; it was dropped.` });
  }
}

function readAnnotations(proto: GraphProto, graph: Graph, scope: Scope, { notice }: GraphReading): void {
  graph.quantizationAnnotations = (proto.quantizationAnnotation ?? []).flatMap(({ tensorName = "", quantParameterTensorNames }) => {
    const value = scope.own(tensorName);
    if (value) return [{ value, parameters: entriesToMap(quantParameterTensorNames, `annotation "${tensorName}"`, notice) ?? new Map<string, string>() }];
    notice({ code: "STALE_ANNOTATION", message: `quantization_annotation of graph "${graph.name}" names "${tensorName}", which the graph does not have; it was dropped.` });
    return [];
  });
}
