/**
 * LSTM and GRU written out step by step for a known sequence length, so that the ordinary rules differentiate them.
 * Formulas and gate orders: ONNX LSTM-14 (i, o, f, c) and GRU-14 (z, r, h), default activations.
 */
import { Node, Tensor, Value, attr, type Attribute, type Graph } from "@lathe/core";
import { range } from "./build.ts";

/** Why a node cannot be written out; undefined when it can. */
export function unrollObstacle(node: Node): string | undefined {
  const length = node.input(0)?.shape?.[0];
  if (typeof length !== "number") return "a sequence of symbolic length (give input shapes)";
  if (node.input(4) && !node.input(4)!.constant?.toNumbers().every((n) => n === length)) return "sequences of different lengths";
  if (node.input(7)) return "peepholes";
  if (node.int("layout", 0) !== 0) return "layout 1";
  const changed = ["activations", "activation_alpha", "activation_beta", "clip", "input_forget"].find((name) => node.attributes.has(name) && !isDefault(node, name));
  return changed && `the attribute ${changed}`;
}

function isDefault(node: Node, name: string): boolean {
  if (name === "input_forget") return node.int(name) === 0;
  const given = (node.attribute("activations", "strings") ?? []).map((a) => a.toLowerCase()).join();
  const usual = node.opType === "LSTM" ? "sigmoid,tanh,tanh" : "sigmoid,tanh";
  return name === "activations" && (given === usual || given === `${usual},${usual}`);
}

/** Writes out every LSTM and GRU of the main graph that can be. Types must be known; infer them again afterwards. */
export function unrollRecurrent(graph: Graph): boolean {
  const nodes = [...graph.nodes].filter((n) => (n.is("LSTM") || n.is("GRU")) && unrollObstacle(n) === undefined);
  nodes.forEach((node) => new Unroller(graph, node).run());
  return nodes.length > 0;
}

interface State {
  readonly h: Value | undefined;
  /** LSTM only. */
  readonly c: Value | undefined;
}

/** Parameters of one direction. */
interface Cell {
  /** Input part of all gates, one value [B, gates * H] a step. */
  readonly x: readonly Value[];
  /** [H, gates * H]. */
  readonly recurrent: Value;
  /** [gates * H] of the recurrent side; undefined without bias. */
  readonly bias: Value | undefined;
}

class Unroller {
  readonly #graph: Graph;
  readonly #node: Node;
  readonly #gates: number;
  #count = 0;

  constructor(graph: Graph, node: Node) {
    this.#graph = graph;
    this.#node = node;
    this.#gates = node.opType === "LSTM" ? 4 : 3;
  }

  run(): void {
    const node = this.#node;
    const direction = node.string("direction", "forward");
    const runs = (direction === "bidirectional" ? ["forward", "reverse"] : [direction]).map((d, i) => this.#direction(i, d === "reverse"));
    this.#replace(0, this.#concat(runs.map(({ steps }) => this.#concat(steps.map((h) => this.#unsqueeze(h, [0, 1])), 0)), 1));
    this.#replace(1, this.#concat(runs.map(({ last }) => this.#unsqueeze(last.h!, [0])), 0));
    if (node.opType === "LSTM") this.#replace(2, this.#concat(runs.map(({ last }) => this.#unsqueeze(last.c!, [0])), 0));
    this.#graph.remove(node);
  }

  #replace(index: number, value: Value): void {
    const old = this.#node.output(index);
    if (old && !old.isUnused) this.#graph.replaceUses(old, value);
  }

  #direction(index: number, reverse: boolean): { steps: Value[]; last: State } {
    const cell = this.#cell(index);
    let state: State = { h: this.#part(5, index), c: this.#part(6, index) };
    const steps: Value[] = [];
    const order = range(0, cell.x.length);
    for (const t of reverse ? order.reverse() : order) {
      state = this.#node.opType === "LSTM" ? this.#lstm(cell, cell.x[t]!, state) : this.#gru(cell, cell.x[t]!, state);
      steps[t] = state.h!;
    }
    return { steps, last: state };
  }

  /** Row `index` of an input whose first axis is the direction. */
  #part(input: number, index: number): Value | undefined {
    const value = this.#node.input(input);
    if (!value) return undefined;
    const row = value.shape?.[0] === 1 ? value : this.#emit("Slice", [value, this.#ints([index]), this.#ints([index + 1]), this.#ints([0])]);
    return this.#emit("Squeeze", [row, this.#ints([0])]);
  }

  #cell(index: number): Cell {
    const turned = (v: Value): Value => this.#emit("Transpose", [v], { perm: attr.ints([1, 0]) });
    const both = this.#part(3, index);
    const [own, recurrentBias] = both ? this.#split(both, 0, 2) : [undefined, undefined];
    const projected = this.#emit("MatMul", [this.#node.input(0)!, turned(this.#part(1, index)!)]);
    const biased = own ? this.#emit("Add", [projected, own]) : projected;
    const length = this.#node.input(0)!.shape![0] as number;
    const x = this.#split(biased, 0, length).map((row) => this.#emit("Squeeze", [row, this.#ints([0])]));
    return { x, recurrent: turned(this.#part(2, index)!), bias: recurrentBias };
  }

  /** The recurrent side of all gates; undefined when there is neither a state nor a bias. */
  #recurrent(cell: Cell, h: Value | undefined): Value | undefined {
    const product = h && this.#emit("MatMul", [h, cell.recurrent]);
    return product && cell.bias ? this.#emit("Add", [product, cell.bias]) : (product ?? cell.bias);
  }

  #lstm(cell: Cell, x: Value, { h, c }: State): State {
    const recurrent = this.#recurrent(cell, h);
    const [i, o, f, g] = this.#split(recurrent ? this.#emit("Add", [x, recurrent]) : x, 1, this.#gates) as [Value, Value, Value, Value];
    const fresh = this.#mul(this.#emit("Sigmoid", [i]), this.#emit("Tanh", [g]));
    const next = c ? this.#emit("Add", [this.#mul(this.#emit("Sigmoid", [f]), c), fresh]) : fresh;
    return { h: this.#mul(this.#emit("Sigmoid", [o]), this.#emit("Tanh", [next])), c: next };
  }

  #gru(cell: Cell, x: Value, { h }: State): State {
    const [xz, xr, xn] = this.#split(x, 1, 3) as [Value, Value, Value];
    const linear = this.#node.int("linear_before_reset", 0) === 1;
    const sum = (a: Value, b: Value | undefined): Value => (b ? this.#emit("Add", [a, b]) : a);
    const whole = this.#recurrent(cell, h);
    const axis = h ? 1 : 0;
    const [rz, rr, rn] = whole ? this.#split(whole, axis, 3) : [];
    const z = this.#emit("Sigmoid", [sum(xz, rz)]);
    const r = this.#emit("Sigmoid", [sum(xr, rr)]);
    const n = this.#emit("Tanh", [sum(xn, linear || !h ? rn && (linear ? this.#mul(r, rn) : rn) : this.#resetFirst(cell, this.#mul(r, h)))]);
    const one = this.#graph.addInitializer(this.#name("one"), Tensor.from(this.#node.input(0)!.dtype ?? "float32", [], [1]));
    const mixed = this.#mul(this.#emit("Sub", [one, z]), n);
    return { h: h ? this.#emit("Add", [mixed, this.#mul(z, h)]) : mixed, c: undefined };
  }

  /** The candidate's recurrent side when the reset gate acts on the state itself. */
  #resetFirst(cell: Cell, h: Value): Value {
    const last = (v: Value, axis: number): Value => this.#split(v, axis, 3)[2]!;
    const product = this.#emit("MatMul", [h, last(cell.recurrent, 1)]);
    return cell.bias ? this.#emit("Add", [product, last(cell.bias, 0)]) : product;
  }

  #mul(a: Value, b: Value): Value {
    return this.#emit("Mul", [a, b]);
  }

  #unsqueeze(x: Value, axes: readonly number[]): Value {
    return this.#emit("Unsqueeze", [x, this.#ints(axes)]);
  }

  #concat(values: readonly Value[], axis: number): Value {
    return values.length === 1 ? values[0]! : this.#emit("Concat", values, { axis: attr.int(axis) });
  }

  #split(x: Value, axis: number, parts: number): readonly Value[] {
    if (parts === 1) return [x];
    const name = this.#name("split");
    const outputs = range(0, parts).map((i) => new Value(`${name}_${i}`));
    this.#graph.insertBefore(this.#node, new Node({ opType: "Split", name, inputs: [x], outputs, attributes: { axis: attr.int(axis), num_outputs: attr.int(parts) } }));
    return outputs;
  }

  #ints(values: readonly number[]): Value {
    return this.#graph.addInitializer(this.#name("ints"), Tensor.int64(values));
  }

  #name(what: string): string {
    return `${this.#node.label}/${what}_${this.#count++}`;
  }

  #emit(opType: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    const output = new Value(this.#name(opType));
    this.#graph.insertBefore(this.#node, new Node({ opType, name: output.name, inputs, outputs: [output], attributes }));
    return output;
  }
}
