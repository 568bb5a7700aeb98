/** Models: figures, layers and the graph, node by node. */
import { globalId } from "../ids.ts";
import type { ModelRow } from "../store/models.ts";
import type { GraphJson, LayerJson, NodeJson, StatsJson } from "../task/facts.ts";
import { connectList, pageCost, type Builder, type connections } from "./builder.ts";
import { fileName, type fileTypes, type nodeInterface } from "./files.ts";

/** A node with the list that it stands in. */
interface NodeValue {
  readonly node: NodeJson;
  readonly all: GraphJson["nodes"];
}

export type ModelTypes = ReturnType<typeof modelTypes>;

interface Counted {
  readonly name: string;
  readonly value: number;
}

const entries = (record: Readonly<Record<string, number | undefined>>): Counted[] => Object.entries(record).map(([name, value]) => ({ name, value: value ?? 0 }));

export function modelTypes(builder: Builder, node: ReturnType<typeof nodeInterface>, { file }: ReturnType<typeof fileTypes>, connect: ReturnType<typeof connections>) {
  const port = builder.objectRef<{ name: string; type: string }>("Port").implement({
    description: "An input or output of a model.",
    fields: (t) => ({
      name: t.exposeString("name", { description: "Its name in the model." }),
      type: t.exposeString("type", { description: 'Its type, such as "float32[N,3,224,224]".' }),
    }),
  });
  const count = builder.objectRef<Counted>("Count").implement({
    description: "A number by name.",
    fields: (t) => ({
      name: t.exposeString("name", { description: "What is counted." }),
      value: t.field({ type: "Long", description: "How much of it.", resolve: (c) => c.value }),
    }),
  });
  const stats = builder.objectRef<StatsJson>("ModelStats").implement({
    description: "Figures of a model. Work is for one run with a batch of one.",
    fields: (t) => ({
      parameters: t.field({ type: "Long", description: "Elements of all weights.", resolve: (s) => s.parameters }),
      bytes: t.field({ type: "Long", description: "Bytes of all weights.", resolve: (s) => s.bytes }),
      bytesByDtype: t.field({ type: [count], description: "Bytes of the weights by data type.", resolve: (s) => entries(s.bytesByDtype) }),
      nodeCount: t.int({ description: "Nodes of all graphs, subgraphs and function bodies.", resolve: (s) => s.nodes }),
      macs: t.field({ type: "Long", description: "Multiply-accumulates.", resolve: (s) => s.macs }),
      elementOps: t.field({ type: "Long", description: "Other operations on elements.", resolve: (s) => s.elementOps }),
      bytesMoved: t.field({ type: "Long", description: "Bytes that nodes read and write.", resolve: (s) => s.bytesMoved }),
      sparsity: t.float({ nullable: true, description: "Share of zeros in the weights, 0 to 1.", resolve: (s) => s.sparsity }),
      producer: t.exposeString("producer", { description: "Program that made the file." }),
      irVersion: t.int({ description: "Version of the file format.", resolve: (s) => s.irVersion }),
      opsets: t.field({ type: [count], description: "Operator sets: domain and version.", resolve: (s) => entries(s.opsets) }),
      operators: t.field({ type: [count], description: "How many nodes there are of each operator, most frequent first.", resolve: (s) => entries(s.histogram).sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1)) }),
      inputs: t.field({ type: [port], description: "What goes in.", resolve: (s) => [...s.inputs] }),
      outputs: t.field({ type: [port], description: "What comes out.", resolve: (s) => [...s.outputs] }),
      unbound: t.stringList({ description: "Symbolic dimensions without a size; work that depends on them is not in the sums.", resolve: (s) => [...s.unbound] }),
      unknownLayers: t.int({ description: "Layers left out of the sums because their work is not known.", resolve: (s) => s.unknown.length }),
    }),
  });
  const layer = builder.objectRef<LayerJson>("Layer").implement({
    description: "One node with its share of the model's weights and work.",
    fields: (t) => ({
      name: t.exposeString("name", { description: "Name of the node, or what identifies it." }),
      op: t.exposeString("op", { description: "Operator." }),
      inside: t.stringList({ description: "Nodes around it, outermost first, when it is in a subgraph.", resolve: (l) => [...l.inside] }),
      outputs: t.stringList({ description: "Types of its outputs.", resolve: (l) => [...l.outputs] }),
      parameters: t.field({ type: "Long", description: "Elements of its weights.", resolve: (l) => l.parameters }),
      bytes: t.field({ type: "Long", description: "Bytes of its weights.", resolve: (l) => l.bytes }),
      sparsity: t.float({ nullable: true, description: "Share of zeros in them.", resolve: (l) => l.sparsity }),
      macs: t.field({ type: "Long", nullable: true, description: "Multiply-accumulates; null when not known.", resolve: (l) => l.macs }),
      bytesMoved: t.field({ type: "Long", nullable: true, description: "Bytes read and written; null when not known.", resolve: (l) => l.bytesMoved }),
    }),
  });
  const attribute = builder.objectRef<{ name: string; value: string }>("Attribute").implement({
    description: "An attribute of a node, shortened for reading.",
    fields: (t) => ({
      name: t.exposeString("name", { description: "Its name." }),
      value: t.exposeString("value", { description: "Its value as text." }),
    }),
  });
  const graphNode = builder.objectRef<NodeValue>("GraphNode");
  graphNode.implement({
    description: "A node of the main graph, with its neighbours.",
    fields: (t) => ({
      name: t.string({ description: "Its name, or what identifies it.", resolve: ({ node }) => node.name }),
      op: t.string({ description: "Operator.", resolve: ({ node }) => node.op }),
      inputs: t.stringList({ description: "Names of the values it reads; empty for inputs left out.", resolve: ({ node }) => [...node.inputs] }),
      outputs: t.stringList({ description: "Names of the values it makes.", resolve: ({ node }) => [...node.outputs] }),
      attributes: t.field({ type: [attribute], description: "Its attributes.", resolve: ({ node }) => Object.entries(node.attributes).map(([name, value]) => ({ name, value })) }),
      before: t.field({ type: [graphNode], description: "Nodes whose outputs it reads, the first 100; `producers` has all.", resolve: ({ node, all }) => at(all, node.before.slice(0, NEIGHBOURS)) }),
      after: t.field({ type: [graphNode], description: "Nodes that read its outputs, the first 100; `consumers` has all.", resolve: ({ node, all }) => at(all, node.after.slice(0, NEIGHBOURS)) }),
    }),
  });
  const layerPage = connect("Layer", layer);
  const nodePage = connect("GraphNode", graphNode);
  builder.objectFields(graphNode, (t) => ({
    producers: t.field({ type: nodePage, description: "Nodes whose outputs it reads.", args: pageArgs(t.arg), complexity: pageCost, resolve: ({ node, all }, args, ctx) => connectList(at(all, node.before), args, ctx) }),
    consumers: t.field({ type: nodePage, description: "Nodes that read its outputs.", args: pageArgs(t.arg), complexity: pageCost, resolve: ({ node, all }, args, ctx) => connectList(at(all, node.after), args, ctx) }),
  }));
  const model = builder.objectRef<ModelRow>("Model").implement({
    description: "An ONNX model with everything known about it. Models never change; a job makes new ones.",
    interfaces: [node],
    isTypeOf: (value) => "graph_digest" in (value as object),
    fields: (t) => ({
      id: t.id({ description: "Global id.", resolve: (m) => globalId("Model", m.id) }),
      name: t.exposeString("name", { description: "The owner's name for it." }),
      digest: t.exposeString("digest", { description: "Names its content, external data included: equal digests, equal models." }),
      createdAt: t.field({ type: "DateTime", description: "When it was stored.", resolve: (m) => m.created_at }),
      fileBytes: t.field({ type: "Long", description: "Bytes of all its files.", resolve: (m) => [m.files.graph, ...m.files.data].reduce((sum, f) => sum + f.size, 0) }),
      files: t.field({ type: [file], description: "The graph first, then external data.", resolve: (m) => [{ ...m.files.graph, name: `${fileName(m.name).replace(/\.onnx$/, "")}.onnx` }, ...m.files.data] }),
      stats: t.field({ type: stats, description: "Figures of the whole model.", resolve: (m) => m.stats }),
      layers: t.field({
        type: layerPage, description: "Figures by layer, in order of execution.", args: pageArgs(t.arg), complexity: pageCost,
        resolve: async (m, args, ctx) => connectList((await ctx.app.rows.graph(m.graph_digest)).layers, args, ctx),
      }),
      nodes: t.field({
        type: nodePage, description: "Nodes of the main graph, in order of execution.", complexity: pageCost,
        args: { ...pageArgs(t.arg), op: t.arg.string({ description: "Only nodes of this operator." }) },
        resolve: async (m, { op, ...args }, ctx) => {
          const { nodes } = await ctx.app.rows.graph(m.graph_digest);
          const { edges, pageInfo } = connectList(op ? nodes.filter((n) => n.op === op) : nodes, args, ctx);
          return { edges: edges.map(({ cursor, node: found }) => ({ cursor, node: { node: found, all: nodes } })), pageInfo };
        },
      }),
      graphNode: t.field({
        type: graphNode, nullable: true, description: "The node of this name.", args: { name: t.arg.string({ required: true, description: "Name of a node." }) },
        resolve: async (m, { name }, ctx) => {
          const { nodes } = await ctx.app.rows.graph(m.graph_digest);
          const found = nodes.find((n) => n.name === name);
          return found && { node: found, all: nodes };
        },
      }),
    }),
  });
  return { model, stats };
}

const NEIGHBOURS = 100;
const at = (all: GraphJson["nodes"], places: readonly number[]): NodeValue[] => places.map((i) => ({ node: all[i]!, all }));

type ArgBuilder = { int: (options: { description: string }) => unknown; string: (options: { description: string }) => unknown };

/** The arguments of every connection. */
export const pageArgs = <A extends ArgBuilder>(arg: A) => ({
  first: arg.int({ description: "How many from the front, 1 to 100; default 20." }) as ReturnType<A["int"]>,
  after: arg.string({ description: "Cursor after which the page begins." }) as ReturnType<A["string"]>,
  last: arg.int({ description: "How many from the back, 1 to 100, instead of `first`." }) as ReturnType<A["int"]>,
  before: arg.string({ description: "Cursor before which the page ends." }) as ReturnType<A["string"]>,
});
