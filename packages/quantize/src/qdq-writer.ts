/** The edits behind the QDQ form: parameters as initializers, Q and DQ nodes, and who reads what afterwards. */
import { Node, Value, attr, tensorType, type Graph, type Tensor, type Use } from "@lathe/core";
import type { TensorPlan } from "./plan.ts";
import type { ParamSet, Resolved } from "./qdq.ts";
import { quantizeErrors } from "./errors.ts";
import { paramTensors, type QuantizedWeight } from "./quantize-tensor.ts";
import { quantizeConstant } from "./spec.ts";

export interface WriterOptions {
  /** Domain of the Q and DQ nodes: "" or "com.microsoft". */
  readonly domain: string;
  /** Keep float weights behind a Q/DQ pair of their own, in place of integer weights (for training on, or TensorRT). */
  readonly weightPairs: boolean;
  /** One Q/DQ pair for each consumer, in place of a shared one. */
  readonly dedicatedPairs: boolean;
  /** Quantize what leaves the graph. */
  readonly graphOutputs: boolean;
  /** Nodes in bodies are quantized too. */
  readonly bodies: boolean;
  /** Integer values of weights, by name, in place of rounding to nearest: where AdaRound and the like come in. */
  readonly rounded?: ReadonlyMap<string, Tensor> | undefined;
  /** int32 biases without a zero-point input (WebGPU refuses int32 zero points). */
  readonly biasZeroPoint: boolean;
}

interface Pair {
  readonly scale: Value;
  readonly zeroPoint: Value;
}

export class QdqWriter {
  readonly #options: WriterOptions;
  readonly #readers: ReadonlyMap<Value, ReadonlySet<Node>>;
  readonly #pairs = new Map<ParamSet, Pair>();

  /** @param readers who reads the quantized form of a value; of values that are not listed, everyone */
  constructor(options: WriterOptions, readers: ReadonlyMap<Value, ReadonlySet<Node>> = new Map()) {
    this.#options = options;
    this.#readers = readers;
  }

  /** The uses of a value that its pair serves. */
  #served(value: Value): readonly Use[] {
    const readers = this.#readers.get(value);
    return readers ? value.uses.filter((use) => readers.has(use.node)) : value.uses;
  }

  /** Writes the parameters that `value` owns, under its present name. */
  parameters(resolved: Resolved, value: Value, how: TensorPlan): void {
    const graph = value.graph!;
    if (how.kind === "activation") this.#pair(resolved.original, value.name, graph);
    if (resolved.converted) this.#pair(resolved.converted.set, value.name, graph);
  }

  #pair(set: ParamSet, name: string, graph: Graph): Pair {
    const known = this.#pairs.get(set);
    if (known) return known;
    const { scale, zeroPoint } = paramTensors(set.list, set.spec.dtype, set.spec.axis);
    return this.#store(graph, set, name, scale, zeroPoint);
  }

  #store(graph: Graph, set: ParamSet, name: string, scale: Tensor, zeroPoint: Tensor): Pair {
    const made = {
      scale: graph.addInitializer(`${name}_scale${set.suffix}`, scale),
      zeroPoint: graph.addInitializer(`${name}_zero_point${set.suffix}`, zeroPoint),
    };
    this.#pairs.set(set, made);
    return made;
  }

  /** weight -> integer initializer -> DequantizeLinear; or float weight -> Q -> DQ. Both stand in the graph that reads them. */
  constant(value: Value, set: ParamSet): void {
    const { name } = value;
    const graph = homeOf(value, this.#served(value));
    const quantized = withRounding(quantizeConstant(set.spec, set.list, value.constant!, name), this.#options.rounded?.get(name), name);
    const pair = this.#store(graph, set, name, quantized.scale, quantized.zeroPoint);
    const extra = quantizedAxis(set);
    const nodes = this.#served(value);
    if (this.#options.weightPairs) {
      const q = this.#q(value, pair, name, extra);
      this.#first(graph, q);
      const dq = this.#dq(q.out, pair, name, value, extra);
      graph.insertAfter(q, dq);
      for (const { node, index } of nodes) node.setInput(index, dq.out);
      return;
    }
    const stored = graph.addInitializer(`${name}_quantized`, quantized.values);
    const dq = this.#dq(stored, pair, name, value, extra);
    this.#first(graph, dq);
    for (const { node, index } of nodes) node.setInput(index, dq.out);
    this.#drop(value);
  }

  /** producer -> QuantizeLinear -> DequantizeLinear -> consumers. The public name of a graph output stays at the end of the chain. */
  activation(value: Value, resolved: Resolved): void {
    const uses = this.#served(value);
    const graph = value.graph!;
    const publish = graph.outputs.includes(value) && this.#options.graphOutputs;
    if (uses.length === 0 && !publish) return;
    if (this.#options.dedicatedPairs && new Set(uses.map((use) => use.node)).size > 1) return this.#dedicated(value, resolved);
    const { name } = value;
    const q = this.#q(value, this.#pairs.get(resolved.original)!, name);
    this.#behind(value, q);
    if (resolved.converted) return this.#converted(value, q, resolved, publish);
    const dq = this.#dq(q.out, this.#pairs.get(resolved.original)!, name, value);
    graph.insertAfter(q, dq);
    for (const { node, index } of uses) if (node.graph === graph || !this.#options.bodies) node.setInput(index, dq.out);
    if (this.#options.bodies) this.#inBodies(value, q, resolved, uses);
    if (publish) this.#publish(value, dq.out, name);
    else if (dq.out.isUnused) graph.remove(dq);
  }

  /** Nodes in bodies that read a value from outside get a DequantizeLinear in their own graph: engines fuse within a graph only. */
  #inBodies(value: Value, q: Node, resolved: Resolved, uses: readonly Use[]): void {
    const graphs = new Set(uses.map(({ node }) => node.graph!).filter((graph) => graph !== value.graph));
    [...graphs].forEach((graph, i) => {
      const dq = this.#dq(q.out, this.#pairs.get(resolved.original)!, value.name, value, {}, `_inside${i === 0 ? "" : `_${i}`}`);
      this.#first(graph, dq);
      for (const { node, index } of uses) if (node.graph === graph) node.setInput(index, dq.out);
    });
  }

  #dedicated(value: Value, resolved: Resolved): void {
    let anchor: Node | undefined;
    const consumers = [...new Set(this.#served(value).map((use) => use.node))];
    consumers.forEach((consumer, i) => {
      const pair = this.#pairs.get(resolved.converted ? seen(resolved, consumer) : resolved.original)!;
      const q = this.#q(value, pair, value.name, {}, `_${i + 1}`);
      if (anchor) anchor.graph!.insertAfter(anchor, q);
      else this.#behind(value, q);
      const dq = this.#dq(q.out, pair, value.name, value, {}, `_${i + 1}`);
      anchor = q.graph!.insertAfter(q, dq);
      for (const use of value.uses) if (use.node === consumer) consumer.setInput(use.index, dq.out);
    });
  }

  /**
   * Two types: Q1 feeds DQ1 for the consumers of the first type; DQ1' -> Q2 -> DQ2 serves those of the second.
   * When all take the second type, DQ1 itself feeds Q2.
   */
  #converted(value: Value, q1: Node, resolved: Resolved, publish: boolean): void {
    const { name } = value;
    const graph = q1.graph!;
    const { set, nodes } = resolved.converted!;
    const first = this.#pairs.get(resolved.original)!;
    const uses = this.#served(value).filter((u) => u.node !== q1);
    const second = uses.filter((u) => nodes === undefined || nodes.has(u.node.name));
    const rest = uses.filter((u) => !second.includes(u));
    const all = rest.length === 0;
    const dq1 = graph.insertAfter(q1, this.#dq(q1.out, first, name, value));
    const feed = all ? dq1 : graph.insertAfter(dq1, this.#dq(q1.out, first, `${name}_convert_clone`, value));
    const pair = this.#pairs.get(set)!;
    const q2 = graph.insertAfter(feed, this.#q(feed.out, pair, `${name}_convert`));
    const dq2 = graph.insertAfter(q2, this.#dq(q2.out, pair, `${name}_convert`, value));
    for (const { node, index } of rest) node.setInput(index, dq1.out);
    for (const { node, index } of second) node.setInput(index, dq2.out);
    if (publish) this.#publish(value, all ? dq2.out : dq1.out, name);
  }

  bias(bias: Value, node: Node, made: { values: Tensor; scale: Tensor; zeroPoint: Tensor }, perChannel: boolean): void {
    const { name } = bias;
    const graph = node.graph!;
    const values = graph.addInitializer(`${name}_quantized`, made.values);
    const scale = graph.addInitializer(`${name}_quantized_scale`, made.scale);
    const zeroPoint = this.#options.biasZeroPoint ? graph.addInitializer(`${name}_quantized_zero_point`, made.zeroPoint) : undefined;
    const dq = this.#dq(values, { scale, zeroPoint: zeroPoint ?? scale }, name, bias, perChannel ? { axis: attr.int(0) } : {});
    if (!zeroPoint) dq.truncateInputs(2);
    this.#first(graph, dq);
    for (const use of bias.uses) if (use.node === node) node.setInput(use.index, dq.out);
    this.#drop(bias);
  }

  #q(input: Value, { scale, zeroPoint }: Pair, name: string, attributes: Record<string, ReturnType<typeof attr.int>> = {}, suffix = ""): Node {
    const output = new Value(`${name}_QuantizeLinear_Output${suffix}`, tensorType(zeroPoint.dtype, input.shape));
    return new Node({ opType: "QuantizeLinear", domain: this.#options.domain, name: `${name}_QuantizeLinear${suffix}`, inputs: [input, scale, zeroPoint], outputs: [output], attributes });
  }

  #dq(input: Value, { scale, zeroPoint }: Pair, name: string, like: Value, attributes: Record<string, ReturnType<typeof attr.int>> = {}, suffix = ""): Node {
    const output = new Value(`${name}_DequantizeLinear_Output${suffix}`, like.type);
    return new Node({ opType: "DequantizeLinear", domain: this.#options.domain, name: `${name}_DequantizeLinear${suffix}`, inputs: [input, scale, zeroPoint], outputs: [output], attributes });
  }

  #publish(value: Value, restored: Value, name: string): void {
    const graph = value.graph!;
    graph.outputs.forEach((output, i) => output === value && graph.setOutput(i, restored));
    value.name = `${name}_QuantizeLinear_Input`;
    restored.name = name;
  }

  #behind(value: Value, node: Node): void {
    if (value.producer) value.graph!.insertAfter(value.producer, node);
    else this.#first(value.graph!, node);
  }

  #first(graph: Graph, node: Node): void {
    if (graph.firstNode) graph.insertBefore(graph.firstNode, node);
    else graph.append(node);
  }

  #drop(value: Value): void {
    if (!value.isUnused) return;
    if (value.isInitializer) value.graph!.removeInitializer(value);
    else if (value.producer?.is("Constant")) value.graph!.remove(value.producer);
  }
}

/** The one graph that reads a constant, or the graph that owns it. */
function homeOf(value: Value, uses: readonly Use[]): Graph {
  const readers = new Set(uses.map(({ node }) => node.graph!));
  return readers.size === 1 ? [...readers][0]! : value.graph!;
}

function withRounding(nearest: QuantizedWeight, rounded: Tensor | undefined, tensor: string): QuantizedWeight {
  if (!rounded) return nearest;
  const { dtype, dims } = nearest.values;
  if (rounded.dtype !== dtype || rounded.dims.join() !== dims.join()) {
    throw quantizeErrors.QUANT_ROUNDED({ tensor, expected: `${dtype}[${dims.join()}]`, received: `${rounded.dtype}[${rounded.dims.join()}]` });
  }
  return { ...nearest, values: rounded };
}

const quantizedAxis = ({ spec }: ParamSet): Record<string, ReturnType<typeof attr.int>> => ({
  ...(spec.axis === undefined ? {} : { axis: attr.int(spec.axis) }),
  ...(spec.blockSize > 0 ? { block_size: attr.int(spec.blockSize) } : {}),
});

const seen = ({ original, converted }: Resolved, consumer: Node): ParamSet =>
  converted && (converted.nodes === undefined || converted.nodes.has(consumer.name)) ? converted.set : original;
