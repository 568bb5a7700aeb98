/**
 * What will be quantized, decided before anything is edited: which activations get a Q/DQ pair, which share the parameters of
 * another, which constants are weights (and along which axis), which are biases. One row of `placement` per operator.
 */
import type { Graph, Node, Value } from "@lathe/core";

export type TensorPlan =
  /** A Q/DQ pair with parameters from the calibrated range. */
  | { readonly kind: "activation" }
  /** A Q/DQ pair with the parameters of `source` (Reshape, Transpose, MaxPool ... move values without changing them). */
  | { readonly kind: "shared"; readonly source: Value }
  /** A constant; `axis` set: per channel. Constants of elementwise operators take the activation type. */
  | { readonly kind: "constant"; readonly role: "weight" | "activation"; readonly axis: number | undefined };

export interface BiasPlan {
  readonly node: Node;
  readonly index: number;
  readonly input: Value;
  readonly weight: Value;
  readonly beta: number;
}

export interface PlanOptions {
  readonly perChannel: boolean;
  readonly symmetricActivations: boolean;
  /** Remove Relu/Clip whose effect the quantized range already has (asymmetric activations only). */
  readonly fuseActivations: boolean;
  readonly quantizeBias: boolean;
}

export interface QdqPlan {
  readonly tensors: Map<Value, TensorPlan>;
  readonly biases: readonly BiasPlan[];
  /** Relu/Clip nodes that go away: the quantizer's range clips for them. */
  readonly absorbed: readonly Node[];
}

class Planner {
  readonly tensors = new Map<Value, TensorPlan>();
  readonly biases: BiasPlan[] = [];
  readonly absorbed: Node[] = [];
  readonly #biasValues = new Set<Value>();
  readonly options: PlanOptions;
  readonly opset: number;

  constructor(options: PlanOptions, opset: number) {
    this.options = options;
    this.opset = opset;
  }

  isPlanned(value: Value | undefined): boolean {
    return value !== undefined && (this.tensors.has(value) || this.#biasValues.has(value));
  }

  activation(value: Value | undefined): void {
    if (!value || !isFloatValue(value) || this.tensors.has(value)) return;
    this.tensors.set(value, value.constant ? { kind: "constant", role: "activation", axis: undefined } : { kind: "activation" });
  }

  /** Shares the parameters of `source`; a per-channel constant has no single pair of parameters to share. */
  sameAs(value: Value | undefined, source: Value): void {
    const how = this.tensors.get(source);
    if (how?.kind === "constant" && how.axis !== undefined) return this.activation(value);
    if (value && isFloatValue(value)) this.tensors.set(value, { kind: "shared", source });
  }

  /** A weight when constant, else an activation. `axis` is used when per-channel is on and the rank admits it. */
  weight(value: Value | undefined, axis: number): void {
    if (!value || !isFloatValue(value)) return;
    const rank = value.constant?.dims.length;
    if (rank === undefined) return this.activation(value);
    const at = axis < 0 ? axis + rank : axis;
    if (this.options.perChannel && at >= 0 && at < rank) this.tensors.set(value, { kind: "constant", role: "weight", axis: at });
    else if (!this.tensors.has(value)) this.tensors.set(value, { kind: "constant", role: "weight", axis: undefined });
  }

  bias(node: Node, index: number, beta = 1): void {
    const bias = node.input(index);
    const input = node.input(0);
    const weight = node.input(1);
    if (!this.options.quantizeBias || !bias?.constant || !isFloatValue(bias) || !input || !weight?.constant) return;
    this.#biasValues.add(bias);
    this.biases.push({ node, index, input, weight, beta });
  }

  outputs(node: Node): void {
    for (const output of node.outputs) this.activation(output ?? undefined);
  }

  /** Takes a Relu/Clip out when the range of its output does the clipping; false when it must stay. */
  absorb(node: Node): boolean {
    const input = node.input(0)!;
    if (this.options.symmetricActivations || !this.options.fuseActivations) return false;
    if (input.useCount !== 1 || input.isGraphOutput || !input.producer || input.producer.graph !== node.graph) return false;
    this.tensors.delete(input);
    this.absorbed.push(node);
    return true;
  }
}

type Placement = (node: Node, plan: Planner) => void;

const everything: Placement = (node, plan) => {
  for (const input of node.inputs) plan.activation(input ?? undefined);
  plan.outputs(node);
};

/** Moves values: the output has the input's parameters, and is quantized only when the input is. */
const passThrough: Placement = (node, plan) => {
  const input = node.input(0);
  if (input && plan.isPlanned(input)) plan.sameAs(node.output(0), input);
};

const convLike = (axis: number): Placement => (node, plan) => {
  plan.activation(node.input(0));
  plan.outputs(node);
  plan.weight(node.input(1), axis);
  plan.bias(node, 2);
};

const gemm: Placement = (node, plan) => {
  plan.activation(node.input(0));
  plan.outputs(node);
  plan.weight(node.input(1), node.int("transB", 0) === 1 ? 0 : 1);
  plan.bias(node, 2, node.float("beta", 1));
};

const matMul: Placement = (node, plan) => {
  for (const input of node.inputs) plan.weight(input ?? undefined, 1);
  plan.outputs(node);
};

const normalization: Placement = (node, plan) => {
  plan.activation(node.input(0));
  plan.weight(node.input(1), 1);
  plan.bias(node, 2);
  plan.outputs(node);
};

const removable: Placement = (node, plan) => {
  const input = node.input(0);
  if (!input || !plan.isPlanned(input)) return;
  plan.absorb(node);
  plan.activation(node.output(0));
};

const split: Placement = (node, plan) => {
  const input = node.input(0);
  if (!input) return;
  if (!plan.isPlanned(input)) plan.activation(input);
  for (const output of node.outputs) plan.sameAs(output ?? undefined, input);
};

const gather: Placement = (node, plan) => {
  const table = node.input(0);
  if (!table) return;
  if (table.constant && isFloatValue(table)) plan.activation(table);
  if (plan.isPlanned(table)) plan.sameAs(node.output(0), table);
};

const where: Placement = (node, plan) => {
  if (plan.isPlanned(node.input(1)) && plan.isPlanned(node.input(2))) plan.outputs(node);
};

const pad: Placement = (node, plan) => {
  const input = node.input(0);
  if (!input) return;
  for (const value of node.inputs) plan.activation(value ?? undefined);
  if (padKeepsRange(node, plan.opset)) plan.sameAs(node.output(0), input);
  else plan.outputs(node);
};

/** Padding with zero or with the input's own values adds nothing outside the input's range (which always holds 0). */
function padKeepsRange(node: Node, opset: number): boolean {
  const mode = node.string("mode", "constant");
  if (mode !== "constant") return true;
  if (opset < 11) return node.float("value", 0) === 0;
  const value = node.input(2);
  return value ? value.constant?.toNumbers()[0] === 0 : true;
}

const from = (opset: number, rule: Placement): Placement => (node, plan) => {
  if (plan.opset >= opset) rule(node, plan);
};

/** Operators that can be quantized statically, and how. The default set is all of them. */
export const placement: Readonly<Record<string, Placement>> = {
  Conv: convLike(0),
  ConvTranspose: convLike(1),
  Gemm: gemm,
  MatMul: matMul,
  Add: everything,
  Mul: everything,
  ArgMax: everything,
  CumSum: everything,
  Sigmoid: everything,
  LeakyRelu: everything,
  Softmax: everything,
  Concat: everything,
  GlobalAveragePool: everything,
  Relu: removable,
  Clip: removable,
  MaxPool: from(12, passThrough),
  Resize: from(11, passThrough),
  AveragePool: passThrough,
  Reshape: passThrough,
  Transpose: passThrough,
  Squeeze: passThrough,
  Unsqueeze: passThrough,
  Flatten: passThrough,
  Slice: passThrough,
  TopK: passThrough,
  Split: split,
  Gather: gather,
  GatherElements: gather,
  Where: where,
  Pad: pad,
  InstanceNormalization: normalization,
  LayerNormalization: normalization,
  BatchNormalization: normalization,
  EmbedLayerNormalization: everything,
};

export const isFloatValue = (value: Value): boolean => value.dtype === "float32";

/** Plans Q/DQ for `nodes` (in execution order). Edits nothing. */
export function planQdq(graph: Graph, nodes: ReadonlySet<Node>, options: PlanOptions, opset: number): QdqPlan {
  const planner = new Planner(options, opset);
  for (const node of graph.nodes) if (nodes.has(node)) (placement[node.opType] ?? everything)(node, planner);
  return { tensors: planner.tensors, biases: planner.biases, absorbed: planner.absorbed };
}

export interface NodeSelection {
  readonly opTypes?: readonly string[] | undefined;
  readonly nodes?: readonly string[] | undefined;
  readonly excludeNodes?: readonly string[] | undefined;
}

/** Nodes of the main graph that the options select, by operator type and by name. */
export function selectNodes(graph: Graph, selection: NodeSelection, known: ReadonlySet<string>): Set<Node> {
  const types = selection.opTypes ? new Set(selection.opTypes) : known;
  const only = selection.nodes && selection.nodes.length > 0 ? new Set(selection.nodes) : undefined;
  const excluded = new Set(selection.excludeNodes ?? []);
  const picked = new Set<Node>();
  for (const node of graph.nodes) {
    if (node.domain !== "" || !types.has(node.opType) || excluded.has(node.name)) continue;
    if (only && !only.has(node.name)) continue;
    picked.add(node);
  }
  return picked;
}
