/**
 * Reverse-mode differentiation of an ONNX graph: the gradient is written as ordinary ONNX nodes behind the forward ones.
 * Source: Griewank & Walther, "Evaluating Derivatives" (2008), chapter 3 (the adjoint of each statement, in reverse order).
 */
import { Node, Tensor, Value, type Attribute, type GradContext, type Graph, type Model, type OpTable } from "@lathe/core";
import { trainErrors } from "../errors.ts";

/** Marks a node (in its metadata) through which no gradient flows. */
export const STOPS_GRADIENT = "lathe.stops_gradient";

export interface BackwardOptions {
  /** Operators with their `grad` rules. */
  readonly ops: OpTable;
  /** The scalar that is differentiated. */
  readonly loss: Value;
  /** Values whose gradients are wanted (inputs or initializers of the main graph, or any value in it). */
  readonly wrt: readonly Value[];
}

/**
 * Appends the backward pass of `loss` to the main graph of `model` and gives the gradient of each wanted value that the loss depends on.
 * Nothing is appended for values that need no gradient, and a zero gradient is never materialised.
 * @throws TRAIN_NO_GRADIENT before anything is appended, when an operator on the way has no rule.
 */
export function backward(model: Model, options: BackwardOptions): Map<Value, Value> {
  const { graph } = model;
  const path = nodesBetween(graph, options);
  for (const node of path.nodes) {
    if (!options.ops.of(node)?.grad) throw trainErrors.TRAIN_NO_GRADIENT({ node: node.label, op: node.op });
  }
  const tape = new Tape(graph, model.opset, options, path.needed);
  tape.seed(options.loss);
  for (const node of path.nodes) tape.pull(node);
  return new Map(options.wrt.flatMap((value) => {
    const gradient = tape.gradient(value);
    return gradient ? [[value, gradient] as const] : [];
  }));
}

interface Path {
  /** Nodes through which a wanted gradient flows, last first. */
  readonly nodes: readonly Node[];
  /** Values that need a gradient. */
  readonly needed: ReadonlySet<Value>;
}

function nodesBetween(graph: Graph, { loss, wrt }: BackwardOptions): Path {
  const needed = new Set<Value>(wrt);
  for (const node of graph.nodes) {
    if (node.metadata?.has(STOPS_GRADIENT)) continue;
    if (node.inputs.some((v) => v && needed.has(v))) for (const output of node.outputs) if (output && isDifferentiable(output)) needed.add(output);
  }
  const reached = new Set<Value>([loss]);
  const nodes: Node[] = [];
  for (const node of graph.nodesBackward) {
    if (!node.outputs.some((v) => v && reached.has(v) && needed.has(v))) continue;
    nodes.push(node);
    for (const input of node.inputs) if (input && needed.has(input)) reached.add(input);
  }
  return { nodes, needed };
}

/** Integer and boolean values carry no gradient, but for quantized ones; an unknown type is given the benefit of the doubt. */
const isDifferentiable = (value: Value): boolean =>
  value.dtype === undefined || value.dtype.startsWith("float") || value.dtype === "bfloat16" || value.producer?.is("QuantizeLinear") === true;

/** Collects gradient contributions and appends backward nodes. */
class Tape {
  readonly #graph: Graph;
  readonly #opset: number;
  readonly #options: BackwardOptions;
  readonly #needed: ReadonlySet<Value>;
  readonly #parts = new Map<Value, Value[]>();
  readonly #constants = new Map<string, Value>();
  #count = 0;

  constructor(graph: Graph, opset: number, options: BackwardOptions, needed: ReadonlySet<Value>) {
    this.#graph = graph;
    this.#opset = opset;
    this.#options = options;
    this.#needed = needed;
  }

  seed(loss: Value): void {
    this.#parts.set(loss, [this.constant(Tensor.from(loss.dtype ?? "float32", loss.shape?.map(() => 1) ?? [], [1]))]);
  }

  /** The sum of all contributions; undefined when none arrived. */
  gradient(value: Value): Value | undefined {
    const parts = this.#parts.get(value);
    if (!parts) return undefined;
    const sum = parts.reduce((a, b) => this.emit("Add", [a, b]));
    this.#parts.set(value, [sum]);
    return sum;
  }

  /** Runs the rule of one node and adds what it gives to the inputs. */
  pull(node: Node): void {
    const dys = node.outputs.map((output) => (output ? this.gradient(output) : undefined));
    if (dys.every((dy) => dy === undefined)) return;
    const grads = this.#options.ops.of(node)!.grad!(this.#context(node, dys));
    node.inputs.forEach((input, i) => {
      const gradient = grads[i];
      if (!input || !gradient || !this.#needed.has(input)) return;
      const parts = this.#parts.get(input);
      if (parts) parts.push(gradient);
      else this.#parts.set(input, [gradient]);
    });
  }

  #context(node: Node, dys: readonly (Value | undefined)[]): GradContext {
    const must = (value: Value | undefined, what: string): Value => {
      if (!value) throw trainErrors.TRAIN_UNSUPPORTED({ node: node.label, op: node.op, what: `a missing ${what}` });
      return value;
    };
    return {
      node,
      opset: this.#opset,
      input: (i) => must(node.input(i), `input ${i}`),
      output: (i) => must(node.output(i), `output ${i}`),
      has: (i) => node.input(i) !== undefined,
      wants: (i) => {
        const input = node.input(i);
        return input !== undefined && this.#needed.has(input);
      },
      dy: (i) => dys[i],
      emit: (opType, inputs, attributes) => this.emit(opType, inputs, attributes),
      constant: (tensor) => this.constant(tensor),
    };
  }

  emit(opType: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    const output = new Value(`grad/${opType}_${this.#count++}`);
    this.#graph.append(new Node({ opType, name: output.name, inputs, outputs: [output], attributes }));
    return output;
  }

  /** Equal constants are made once. */
  constant(tensor: Tensor): Value {
    const key = `${tensor.dtype}[${tensor.dims.join(",")}]${tensor.size <= 64 ? tensor.bytes().join(",") : this.#count}`;
    let value = tensor.size <= 64 ? this.#constants.get(key) : undefined;
    if (!value) {
      value = this.#graph.addInitializer(`grad/const_${this.#count++}`, tensor);
      this.#constants.set(key, value);
    }
    return value;
  }
}
