/** What is kept of a model beside its files: figures and a browsable list of nodes. Made in a child, stored, never recomputed. */
import { stats, typeToString, type Attribute, type Model, type ModelStats, type Node, type Value } from "@lathe/core";

export type LayerJson = ModelStats["layers"][number];

export type StatsJson = Omit<ModelStats, "layers">;

export interface NodeJson {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  /** Places of neighbours in the list. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export interface GraphJson {
  readonly layers: readonly LayerJson[];
  readonly nodes: readonly NodeJson[];
}

export function factsOf(model: Model): { stats: StatsJson; graph: GraphJson } {
  const { layers, ...rest } = stats(model);
  return { stats: rest, graph: { layers, nodes: nodesOf(model) } };
}

export const statsOf = (model: Model): StatsJson => withoutLayers(stats(model));

export function withoutLayers(all: ModelStats): StatsJson {
  const { layers: _, ...rest } = all;
  return rest;
}

function nodesOf(model: Model): NodeJson[] {
  const nodes = [...model.graph.nodes];
  const place = new Map<Node, number>(nodes.map((node, i) => [node, i]));
  const before = nodes.map((node) => unique(node.inputs.flatMap((v) => (v?.producer ? [place.get(v.producer)] : []))));
  const after: Set<number>[] = nodes.map(() => new Set());
  before.forEach((list, i) => list.forEach((b) => after[b]!.add(i)));
  return nodes.map((node, i) => ({
    name: node.label,
    op: node.op,
    inputs: node.inputs.map(nameOf),
    outputs: node.outputs.map(nameOf),
    attributes: Object.fromEntries([...node.attributes].map(([key, value]) => [key, brief(value)])),
    before: before[i]!,
    after: [...after[i]!],
  }));
}

const nameOf = (value: Value | null): string => value?.name ?? "";
const unique = (list: readonly (number | undefined)[]): number[] => [...new Set(list.filter((i) => i !== undefined))];

const MAX_TEXT = 200;

function brief(attribute: Attribute): string {
  if (attribute.ref !== undefined) return `@${attribute.ref}`;
  const { kind, value } = attribute;
  const text = kind === "tensor" ? `${value.dtype}[${value.dims.join(",")}]`
    : kind === "type" ? typeToString(value)
    : kind === "graph" ? `graph of ${value.nodeCount} nodes`
    : kind === "float" || kind === "int" || kind === "string" ? String(value)
    : kind === "floats" || kind === "ints" || kind === "strings" ? value.slice(0, MAX_TEXT).join(", ")
    : kind;
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
