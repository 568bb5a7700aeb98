import type { Tensor } from "../tensor.ts";
import { irErrors } from "./errors.ts";
import { Node, type NodeInit } from "./node.ts";
import type { Shape, ValueType } from "./type.ts";
import { Value } from "./value.ts";

/**
 * A graph: inputs, initializers, nodes in execution order and outputs.
 *
 * Nodes form a linked sequence. Iterating it while editing is defined: any node may be removed, also the one being visited and its
 * neighbours; removed nodes are not visited again; nodes inserted behind the current one are visited, nodes inserted before it are not.
 * Moving the current node moves the iteration with it.
 */
export class Graph {
  name: string;
  docString: string | undefined;
  metadata: Map<string, string> | undefined;
  unknown: Uint8Array | undefined;
  /** ONNX `quantization_annotation`: tensor name labels to parameter tensor labels, kept as they are. */
  quantizationAnnotations: readonly { readonly value: Value; readonly parameters: ReadonlyMap<string, string> }[] = [];
  /** The node whose attribute holds this graph; undefined for a main graph or function body. */
  parent: Node | undefined;
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #initializers = new Set<Value>();
  #first: Node | undefined;
  #last: Node | undefined;
  #count = 0;

  constructor(name = "graph") {
    this.name = name;
  }

  get inputs(): readonly Value[] {
    return this.#inputs;
  }

  get outputs(): readonly Value[] {
    return this.#outputs;
  }

  /** Constant values of this graph, in file order. */
  get initializers(): ReadonlySet<Value> {
    return this.#initializers;
  }

  get nodeCount(): number {
    return this.#count;
  }

  get firstNode(): Node | undefined {
    return this.#first;
  }

  get lastNode(): Node | undefined {
    return this.#last;
  }

  /** Nodes of this graph (not of its subgraphs) in execution order; see the class about editing meanwhile. */
  get nodes(): Iterable<Node> {
    return { [Symbol.iterator]: () => this.#walk("next") };
  }

  /** The same from the last to the first. */
  get nodesBackward(): Iterable<Node> {
    return { [Symbol.iterator]: () => this.#walk("prev") };
  }

  /** Nodes of this graph and of all nested subgraphs, outer before inner. */
  *allNodes(): Iterable<Node> {
    for (const node of this.nodes) {
      yield node;
      for (const { graph } of node.subgraphs) yield* graph.allNodes();
    }
  }

  /** This graph and all nested ones. */
  *allGraphs(): Iterable<Graph> {
    yield this;
    for (const node of this.nodes) for (const { graph } of node.subgraphs) yield* graph.allGraphs();
  }

  addInput(name: string, type?: ValueType, defaultTensor?: Tensor): Value {
    const value = new Value(name, type, defaultTensor);
    value.origin = { kind: "input", graph: this };
    this.#inputs.push(value);
    return value;
  }

  /** Removes an unused input. */
  removeInput(value: Value): void {
    const at = this.#inputs.indexOf(value);
    if (at < 0) throw irErrors.IR_NOT_IN_GRAPH({ what: `Input "${value.name}"`, graph: this.name });
    if (!value.isUnused) throw irErrors.IR_STILL_USED({ value: value.name, node: "graph inputs" });
    this.#inputs.splice(at, 1);
    value.origin = { kind: "detached" };
  }

  /** Turns an input with a default (IR version 3 style) into a plain initializer that callers cannot override. */
  freezeInput(value: Value): void {
    const at = this.#inputs.indexOf(value);
    if (at < 0 || !value.tensor) throw irErrors.IR_NOT_IN_GRAPH({ what: `Input "${value.name}" with a default`, graph: this.name });
    this.#inputs.splice(at, 1);
    value.origin = { kind: "initializer", graph: this };
    this.#initializers.add(value);
  }

  addInitializer(name: string, tensor: Tensor): Value {
    const value = new Value(name, undefined, tensor);
    value.origin = { kind: "initializer", graph: this };
    this.#initializers.add(value);
    return value;
  }

  /** Replaces the content (and type) of an initializer. */
  setInitializer(value: Value, tensor: Tensor): void {
    if (!this.#initializers.has(value)) throw irErrors.IR_NOT_IN_GRAPH({ what: `Initializer "${value.name}"`, graph: this.name });
    value.tensor = tensor;
    value.type = { kind: "tensor", dtype: tensor.dtype, shape: tensor.dims };
  }

  /** Removes an unused initializer. */
  removeInitializer(value: Value): void {
    if (!this.#initializers.has(value)) throw irErrors.IR_NOT_IN_GRAPH({ what: `Initializer "${value.name}"`, graph: this.name });
    if (!value.isUnused) throw irErrors.IR_STILL_USED({ value: value.name, node: "graph initializers" });
    this.#initializers.delete(value);
    value.origin = { kind: "detached" };
  }

  addOutput(value: Value): void {
    this.#outputs.push(value);
    value.outputCount++;
  }

  setOutput(index: number, value: Value): void {
    const old = this.#outputs[index];
    if (!old) throw irErrors.IR_NOT_IN_GRAPH({ what: `Output ${index}`, graph: this.name });
    old.outputCount--;
    this.#outputs[index] = value;
    value.outputCount++;
  }

  removeOutput(index: number): void {
    const [old] = this.#outputs.splice(index, 1);
    if (old) old.outputCount--;
  }

  /** Makes a node and appends it. */
  add(init: NodeInit): Node {
    return this.append(new Node(init));
  }

  append(node: Node): Node {
    return this.#link(node, this.#last, undefined);
  }

  insertBefore(anchor: Node, node: Node): Node {
    this.#mustOwn(anchor);
    return this.#link(node, anchor.prev, anchor);
  }

  insertAfter(anchor: Node, node: Node): Node {
    this.#mustOwn(anchor);
    return this.#link(node, anchor, anchor.next);
  }

  /**
   * Takes a node out. Its outputs must be unused (redirect them first).
   * @throws IR_STILL_USED naming the output that something still reads; the graph is then unchanged.
   */
  remove(node: Node): void {
    this.#mustOwn(node);
    for (const value of node.outputs) if (value && !value.isUnused) throw irErrors.IR_STILL_USED({ value: value.name, node: node.label });
    this.#unlink(node);
    node.releaseInputs();
    for (const value of node.outputs) if (value) value.origin = { kind: "detached" };
  }

  /** Takes a node out with its inputs and consumers untouched, to be linked in elsewhere (for instance when a subgraph is inlined). */
  detach(node: Node): Node {
    this.#mustOwn(node);
    this.#unlink(node);
    return node;
  }

  /** Moves a node of this graph to directly before `anchor`. */
  moveBefore(anchor: Node, node: Node): void {
    this.#mustOwn(node);
    this.#mustOwn(anchor);
    if (anchor === node) return;
    this.#unlink(node);
    this.#link(node, anchor.prev, anchor);
  }

  /**
   * Redirects every consumer of `from` to `to`, in subgraphs too, and graph outputs as well. The public name of an output survives:
   * when `from` is a graph output and `to` is not, `to` takes over its name (so that callers still find the output).
   * `except` keeps reading `from`: the node that was put behind it.
   */
  replaceUses(from: Value, to: Value, except?: Node): void {
    if (from === to) return;
    for (const { node, index } of from.uses) if (node !== except) node.setInput(index, to);
    if (!from.isGraphOutput) return;
    const renamed = to.origin.kind === "output" && !to.isGraphOutput;
    for (const graph of outputGraphs(from, this)) graph.#outputs.forEach((value, i) => value === from && graph.setOutput(i, to));
    if (renamed && from.name !== "") {
      const old = to.name;
      to.name = from.name;
      from.name = old === "" ? `${to.name}_replaced` : old;
    }
  }

  /**
   * Puts `replacement` where `node` stands: outputs are redirected one to one, then `node` is removed. Types are kept when the new ones are unknown.
   * @throws IR_STILL_USED when an output is read that `replacement` does not have; the graph is then unchanged.
   */
  replaceNode(node: Node, replacement: Node): Node {
    this.#mustOwn(node);
    node.outputs.forEach((value, i) => {
      if (value && !value.isUnused && !replacement.output(i)) throw irErrors.IR_STILL_USED({ value: value.name, node: node.label });
    });
    if (replacement.graph !== this) this.insertBefore(node, replacement);
    node.outputs.forEach((value, i) => {
      const next = replacement.output(i);
      if (!value || !next) return;
      next.type ??= value.type;
      if (next.name === "" && !value.isGraphOutput) next.name = value.name;
      this.replaceUses(value, next);
    });
    this.remove(node);
    return replacement;
  }

  /** The value with this name among inputs, initializers and node outputs of this graph; linear time. */
  value(name: string): Value | undefined {
    for (const value of this.values()) if (value.name === name) return value;
    return undefined;
  }

  /** The first node with this name; linear time. */
  node(name: string): Node | undefined {
    for (const node of this.nodes) if (node.name === name) return node;
    return undefined;
  }

  /** All values that this graph owns: inputs, initializers, node outputs. */
  *values(): Iterable<Value> {
    yield* this.#inputs;
    yield* this.#initializers;
    for (const node of this.nodes) for (const value of node.outputs) if (value) yield value;
  }

  /** A name that no value or node of this graph or its subgraphs has. */
  freshName(base: string): string {
    const taken = new Set<string>();
    for (const graph of this.root.allGraphs()) {
      for (const value of graph.values()) taken.add(value.name);
      for (const node of graph.nodes) taken.add(node.name);
    }
    if (!taken.has(base)) return base;
    for (let i = 1; ; i++) if (!taken.has(`${base}_${i}`)) return `${base}_${i}`;
  }

  /** The outermost graph. */
  get root(): Graph {
    return this.parent?.graph ? this.parent.graph.root : this;
  }

  /** True when `this` is `other` or lies inside it. */
  isInside(other: Graph): boolean {
    return this === other || (this.parent?.graph?.isInside(other) ?? false);
  }

  /** Shapes of the inputs that callers must feed (inputs without default), by name. */
  get requiredInputs(): readonly { readonly name: string; readonly shape: Shape | undefined }[] {
    return this.#inputs.filter((v) => !v.tensor).map((v) => ({ name: v.name, shape: v.shape }));
  }

  /**
   * Sorts nodes so that each stands behind the producers of what it (or its subgraphs) reads; stable.
   * Returns false, changing nothing, when there is a cycle.
   */
  sort(): boolean {
    const order = topologicalOrder(this);
    if (!order) return false;
    this.#first = this.#last = undefined;
    this.#count = 0;
    for (const node of order) {
      node.graph = undefined;
      node.prev = node.next = undefined;
    }
    for (const node of order) this.append(node);
    return true;
  }

  /** @internal lets go of everything this graph reads, when the node that holds it is removed. */
  releaseAll(): void {
    for (const node of this.nodes) node.releaseInputs();
    while (this.#outputs.length > 0) this.removeOutput(this.#outputs.length - 1);
  }

  *#walk(direction: "next" | "prev"): IterableIterator<Node> {
    let current = direction === "next" ? this.#first : this.#last;
    while (current) {
      const neighbour: Node | undefined = current[direction];
      yield current;
      // A node that was linked into another graph meanwhile has lost its old neighbours: go on from the remembered one.
      const start: Node | undefined = current.graph === undefined || current.graph === this ? current[direction] : neighbour;
      current = this.#firstLinked(start, direction);
    }
  }

  /** `node`, or the nearest node behind it that is still here: removed nodes keep pointing at their old neighbours. */
  #firstLinked(node: Node | undefined, direction: "next" | "prev"): Node | undefined {
    let at = node;
    while (at && at.graph !== this) at = at[direction];
    return at;
  }

  #link(node: Node, prev: Node | undefined, next: Node | undefined): Node {
    if (node.graph) throw irErrors.IR_ALREADY_IN_GRAPH({ node: node.label });
    node.graph = this;
    node.prev = prev;
    node.next = next;
    if (prev) prev.next = node;
    else this.#first = node;
    if (next) next.prev = node;
    else this.#last = node;
    this.#count++;
    return node;
  }

  #unlink(node: Node): void {
    if (node.prev) node.prev.next = node.next;
    else this.#first = node.next;
    if (node.next) node.next.prev = node.prev;
    else this.#last = node.prev;
    // prev and next stay, so that an iteration that stands on a removed node finds its way back.
    node.graph = undefined;
    this.#count--;
  }

  #mustOwn(node: Node): void {
    if (node.graph !== this) throw irErrors.IR_NOT_IN_GRAPH({ what: `Node "${node.label}"`, graph: this.name });
  }
}

/** Graphs whose outputs may list `value`: its own and nested ones (a subgraph may return a captured value). */
function outputGraphs(value: Value, fallback: Graph): Iterable<Graph> {
  return (value.graph ?? fallback).allGraphs();
}

function topologicalOrder(graph: Graph): Node[] | undefined {
  const nodes = [...graph.nodes];
  const rank = new Map(nodes.map((node, i) => [node, i]));
  const waits = nodes.map(() => 0);
  const feeds: number[][] = nodes.map(() => []);
  nodes.forEach((node, i) => {
    for (const source of producersOf(node, graph)) {
      waits[i]!++;
      feeds[rank.get(source)!]!.push(i);
    }
  });
  const order: Node[] = [];
  // A sorted ready list keeps the order stable; the heap is a plain array because ready lists stay short.
  const ready = nodes.map((_, i) => i).filter((i) => waits[i] === 0).reverse();
  while (ready.length > 0) {
    const at = ready.pop()!;
    order.push(nodes[at]!);
    for (const target of feeds[at]!) if (--waits[target]! === 0) insertDescending(ready, target);
  }
  return order.length === nodes.length ? order : undefined;
}

function insertDescending(list: number[], item: number): void {
  let at = list.length;
  while (at > 0 && list[at - 1]! < item) at--;
  list.splice(at, 0, item);
}

/** Nodes of `graph` that make what `node` or its subgraphs read. */
export function producersOf(node: Node, graph: Graph): Set<Node> {
  const found = new Set<Node>();
  const visit = (value: Value | null): void => {
    const producer = value?.producer;
    if (producer && producer.graph === graph) found.add(producer);
  };
  node.inputs.forEach(visit);
  for (const { graph: inner } of node.subgraphs) {
    for (const nested of inner.allNodes()) nested.inputs.forEach(visit);
    for (const g of inner.allGraphs()) g.outputs.forEach(visit);
  }
  return found;
}
