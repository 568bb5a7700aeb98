/** What a model is made of and what it costs to run. */
import { isLatheError } from "./errors.ts";
import type { Graph } from "./ir/graph.ts";
import type { Node } from "./ir/node.ts";
import type { Model } from "./ir/model.ts";
import { typeToString, type Shape } from "./ir/type.ts";
import type { Value } from "./ir/value.ts";
import { inferShapes } from "./ops/infer.ts";
import type { OpTable } from "./ops/op.ts";
import { standardOps } from "./ops/standard.ts";
import { passContext } from "./passes/context.ts";
import { inlineFunctions } from "./passes/inline-functions.ts";
import { bindInputs } from "./stats-bind.ts";
import { alternatives, bodiesOf, isView, nodeCost, tripCount, type CostFacts, type CostGap } from "./stats-cost.ts";
import { activationMemory, type ActivationMemory } from "./stats-memory.ts";
import { modelSize, storedTensors, topGraphs, type ModelSize } from "./stats-size.ts";
import { countZeros } from "./stats-zeros.ts";
import type { Tensor } from "./tensor.ts";

export interface StatsOptions {
  /** Numbers for symbolic dimensions: `{ N: 1, T: 300 }`. A symbol that is the first dimension of an input is 1 unless bound here. */
  readonly bindings?: Readonly<Record<string, number>>;
  /** Shapes for inputs by name; for dimensions without a symbol. */
  readonly inputs?: Readonly<Record<string, Shape>>;
  readonly ops?: OpTable;
  /** Reads all weights to count zeros (default true). */
  readonly sparsity?: boolean;
}

export interface LayerStats {
  readonly name: string;
  readonly op: string;
  /** Names of the nodes around it, outermost first, for nodes in subgraphs. */
  readonly inside: readonly string[];
  /** Types of the outputs, such as "float32[1,64,56,56]". */
  readonly outputs: readonly string[];
  /** Elements and bytes of the constants that it reads and no earlier layer does. */
  readonly parameters: number;
  readonly bytes: number;
  /** Share of zeros in them; undefined without parameters, or when not counted. */
  readonly sparsity: number | undefined;
  /** Multiply-accumulates for one run of the node; undefined when not known. */
  readonly macs: number | undefined;
  readonly elementOps: number | undefined;
  /** Bytes of inputs read and outputs written. */
  readonly bytesMoved: number | undefined;
}

export interface ModelStats extends ModelSize {
  readonly producer: string;
  readonly irVersion: number;
  /** Domain ("ai.onnx" for the default one) to version. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly PortStats[];
  readonly outputs: readonly PortStats[];
  /** Operator to number of nodes, most frequent first. */
  readonly histogram: Readonly<Record<string, number>>;
  /** Sums over all layers whose work is known; loop bodies count as often as they run, of `If` the costlier branch, calls of local functions by their bodies. */
  readonly macs: number;
  readonly elementOps: number;
  readonly bytesMoved: number;
  /** Layers left out of the sums, and why: an operator without cost rule, a shape that is not static, a loop of unknown length (counted once). */
  readonly unknown: readonly { readonly name: string; readonly op: string; readonly reason: CostGap }[];
  readonly activations: ActivationMemory;
  /** Share of zeros in all stored tensors; undefined when not counted or nothing is stored. */
  readonly sparsity: number | undefined;
  /** Values that symbols were given, by the caller or (batch) by default. */
  readonly bindings: Readonly<Record<string, number>>;
  /** Symbols of inputs that have no value. */
  readonly unbound: readonly string[];
  readonly layers: readonly LayerStats[];
}

export interface PortStats {
  readonly name: string;
  readonly type: string;
}

/**
 * Counts parameters, work and memory of a model, which is not changed. Needs no engine: shapes are inferred and work comes from the
 * operators' cost rules. Tensors in files are read in pieces.
 *
 * @example stats(model, { bindings: { N: 8 } }).macs
 * @throws INFER_INPUT for an unknown name in `inputs`; STATS_SYMBOL for a binding that no input has.
 */
export function stats(model: Model, options: StatsOptions = {}): ModelStats {
  const { ops = standardOps } = options;
  const bound = bindInputs(model, options);
  const copy = inlined(model.clone(), ops);
  const { dims } = inferShapes(copy, { ops, ...(bound.inputs && { inputs: bound.inputs }) });
  const facts: CostFacts = { ops, dims };
  const tally = new Tally(facts, options.sparsity ?? true);
  const work = tally.graph(copy.graph, []);
  const size = modelSize(model);
  return {
    ...size,
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(" "),
    irVersion: model.irVersion,
    opsets: Object.fromEntries([...model.opsetImports].map(([domain, version]) => [domain || "ai.onnx", version])),
    inputs: model.graph.inputs.filter((v) => !v.tensor).map(portOf),
    outputs: copy.graph.outputs.map((v, i) => portOf(model.graph.outputs[i]?.type ? model.graph.outputs[i] : v)),
    histogram: histogramOf(model),
    ...work,
    unknown: tally.unknown,
    activations: activationMemory(copy.graph, (node) => isView(node, facts)),
    sparsity: tally.counting ? shareOf(model, size.parameters, tally) : undefined,
    bindings: bound.bindings,
    unbound: bound.unbound,
    layers: tally.layers,
  };
}

/** Calls of local functions give way to their bodies; a model whose functions are unsound keeps its calls, listed as unknown. */
function inlined(model: Model, ops: OpTable): Model {
  if (model.functions.size === 0) return model;
  const original = model.clone();
  try {
    inlineFunctions.run(model, passContext({ ops }));
    return model;
  } catch (error) {
    if (isLatheError(error)) return original;
    throw error;
  }
}

const portOf = (value: Value): PortStats => ({ name: value.name, type: typeToString(value.type) });

interface Work {
  readonly macs: number;
  readonly elementOps: number;
  readonly bytesMoved: number;
}

const addWork = (a: Work, b: Work, times = 1): Work => ({
  macs: a.macs + times * b.macs,
  elementOps: a.elementOps + times * b.elementOps,
  bytesMoved: a.bytesMoved + times * b.bytesMoved,
});
const noWork: Work = { macs: 0, elementOps: 0, bytesMoved: 0 };
const costlier = (a: Work, b: Work): Work => (b.macs > a.macs || (b.macs === a.macs && b.elementOps > a.elementOps) ? b : a);

/** Walks the graphs, collecting layers. */
class Tally {
  readonly layers: LayerStats[] = [];
  readonly unknown: { name: string; op: string; reason: CostGap }[] = [];
  readonly counting: boolean;
  readonly #facts: CostFacts;
  readonly #zeros = new Map<Tensor, number>();
  readonly #seen = new Set<Tensor>();

  constructor(facts: CostFacts, counting: boolean) {
    this.#facts = facts;
    this.counting = counting;
  }

  graph(graph: Graph, inside: readonly string[]): Work {
    let sum = noWork;
    for (const node of graph.nodes) if (!node.constantOutput(0)) sum = addWork(sum, this.#node(node, inside));
    return sum;
  }

  zeros(tensor: Tensor): number {
    let found = this.#zeros.get(tensor);
    if (found === undefined) this.#zeros.set(tensor, (found = countZeros(tensor)));
    return found;
  }

  #node(node: Node, inside: readonly string[]): Work {
    const bodies = bodiesOf(node);
    const cost = bodies.length > 0 ? undefined : nodeCost(node, this.#facts);
    const known = cost && cost.gap === undefined ? cost : undefined;
    const work = known && { macs: known.macs, elementOps: known.elementOps, bytesMoved: known.bytesRead + known.bytesWritten };
    if (cost?.gap) this.#leaveOut(node, cost.gap);
    this.layers.push({
      name: node.label, op: node.op, inside, ...this.#weights(node),
      outputs: node.outputs.map((v) => typeToString(v?.type)),
      macs: work?.macs, elementOps: work?.elementOps, bytesMoved: work?.bytesMoved,
    });
    if (bodies.length === 0) return work ?? noWork;
    const times = tripCount(node, this.#facts);
    if (times === undefined) this.#leaveOut(node, "trip-count");
    const each = bodies.map((body) => this.graph(body, [...inside, node.label]));
    const combined = each.reduce(alternatives(node) ? costlier : (a, b) => addWork(a, b), noWork);
    return addWork(noWork, combined, times ?? 1);
  }

  #leaveOut(node: Node, reason: CostGap): void {
    this.unknown.push({ name: node.label, op: node.op, reason });
  }

  #weights(node: Node): Pick<LayerStats, "parameters" | "bytes" | "sparsity"> {
    let parameters = 0;
    let bytes = 0;
    let zeros = 0;
    for (const value of node.inputs) {
      const tensor = value?.constant ?? (value?.isGraphInput ? value.tensor : undefined);
      if (!tensor || tensor.dtype === "string" || this.#seen.has(tensor)) continue;
      // Constant nodes give a fresh tensor at each look unless they hold one; initializers are shared by identity.
      this.#seen.add(tensor);
      parameters += tensor.size;
      bytes += tensor.byteLength;
      if (this.counting) zeros += this.zeros(tensor);
    }
    return { parameters, bytes, sparsity: this.counting && parameters > 0 ? zeros / parameters : undefined };
  }
}

function shareOf(model: Model, parameters: number, tally: Tally): number | undefined {
  let zeros = 0;
  for (const top of topGraphs(model)) for (const graph of top.allGraphs()) for (const tensor of storedTensors(graph)) zeros += tally.zeros(tensor);
  return parameters === 0 ? undefined : zeros / parameters;
}

function histogramOf(model: Model): Record<string, number> {
  const counts = new Map<string, number>();
  for (const top of topGraphs(model)) for (const node of top.allNodes()) counts.set(node.op, (counts.get(node.op) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}
