/**
 * What will be quantized, decided before anything is edited: which activations get a Q/DQ pair, which share the parameters of
 * another, which constants are weights (and along which axis), which are biases. The rule of each operator is a row in placement.ts.
 */
import type { Graph, Node, Value } from "@lathe/core";
import { placement } from "./placement.ts";
import { shareConcats } from "./tensorrt/concat.ts";
import { tensorrtPlacement } from "./tensorrt/placement.ts";
import { activationSpec, constantSpec, type ConvertOverride, type Overrides, type Range, type TensorOverride, type TensorSpec, type TypeOptions } from "./spec.ts";

/** A second quantized type that some consumers get. */
export interface ConvertPlan {
  readonly spec: TensorSpec;
  /** undefined: all consumers. */
  readonly nodes: ReadonlySet<string> | undefined;
}

export type TensorPlan =
  /** A Q/DQ pair with parameters from a range: the one observed at a value, or a known one; `also`: values whose ranges it holds too. */
  | { readonly kind: "activation"; readonly spec: TensorSpec; readonly observe: Value | Range; readonly also?: readonly Value[]; readonly convert?: ConvertPlan | undefined }
  /** A Q/DQ pair with the parameters that `consumer` sees at `source` (Reshape, Transpose, MaxPool ... move values without changing them). */
  | { readonly kind: "shared"; readonly source: Value; readonly consumer: Node | undefined; readonly observe: Value | Range; readonly convert?: ConvertPlan | undefined }
  /** A constant: integer initializer and DQ. Constants of elementwise operators take the activation type. */
  | { readonly kind: "constant"; readonly role: "weight" | "activation"; readonly spec: TensorSpec };

export interface BiasPlan {
  readonly node: Node;
  readonly index: number;
  readonly input: Value;
  readonly weight: Value;
  readonly beta: number;
}

export interface PlanOptions extends TypeOptions {
  readonly placement: PlacementName;
  readonly perChannel: boolean;
  /** Remove Relu/Clip whose effect the quantized range already has (asymmetric activations only). */
  readonly fuseActivations: boolean;
  readonly quantizeBias: boolean;
  /** Quantize Reshape, Transpose, MaxPool ... even when their input is not quantized. */
  readonly quantizeMoves: boolean;
  /** Operators whose outputs stay float. */
  readonly floatOutputs: readonly string[];
  /** Per-channel axis of the weight by operator type, in place of the usual one. */
  readonly channelAxes: Readonly<Record<string, number>>;
  readonly overrides: Overrides;
}

export interface QdqPlan {
  readonly tensors: Map<Value, TensorPlan>;
  readonly biases: readonly BiasPlan[];
  /** Relu/Clip nodes that go away: the quantizer's range clips for them. */
  readonly absorbed: readonly Node[];
  /** Who reads the quantized form of a value; of values that are not listed, everyone. */
  readonly readers: ReadonlyMap<Value, ReadonlySet<Node>>;
  /** Chosen nodes that stay float all the same, and why. */
  readonly declined: readonly { readonly node: string; readonly reason: string }[];
  readonly options: PlanOptions;
}

/** Where quantizers go: at inputs and outputs, as ONNX Runtime fuses them; or at the operands of layers, as TensorRT does. */
export const placementNames = ["onnxruntime", "tensorrt"] as const;
export type PlacementName = (typeof placementNames)[number];

/** Collects the decisions of the placement rules. */
export class Planner {
  readonly tensors = new Map<Value, TensorPlan>();
  readonly biases: BiasPlan[] = [];
  readonly absorbed: Node[] = [];
  readonly readers = new Map<Value, Set<Node>>();
  readonly declined: { readonly node: string; readonly reason: string }[] = [];
  readonly options: PlanOptions;
  readonly opset: number;
  readonly #biasValues = new Set<Value>();
  readonly #depths = new Map<Value, number>();

  constructor(options: PlanOptions, opset: number) {
    this.options = options;
    this.opset = opset;
  }

  isPlanned(value: Value | undefined): boolean {
    return value !== undefined && (this.tensors.has(value) || this.#biasValues.has(value));
  }

  activation(value: Value | undefined): void {
    if (!value || !isFloatValue(value) || this.tensors.has(value) || this.#weightsOnly) return;
    this.tensors.set(value, value.constant ? this.#constant(value, "activation", undefined) : this.#activation(value));
  }

  /** Quantizes input `index` of a node for that node (and others that ask), while further readers keep the float tensor. */
  operand(node: Node, index: number): void {
    const value = node.input(index);
    if (value) this.read(value, node);
  }

  read(value: Value, reader: Node): void {
    this.activation(value);
    if (this.tensors.get(value)?.kind === "activation") this.#serves(value, reader);
  }

  /** Quantizes a weight for a node, while further readers keep the float one. False when another axis was chosen for another reader. */
  weightOperand(node: Node, index: number, axis: number): boolean {
    const value = node.input(index);
    if (!value) return true;
    const known = this.tensors.get(value);
    const at = this.#channelAxis(value, axis, value.constant?.dims.length ?? 0, node.opType);
    if (known?.kind === "constant" && known.spec.axis !== at) return false;
    this.weight(value, axis, node.opType);
    this.#serves(value, node);
    return true;
  }

  #serves(value: Value, reader: Node): void {
    this.readers.set(value, (this.readers.get(value) ?? new Set()).add(reader));
  }

  /** True when the node reads a quantized activation. */
  hasOperand(node: Node): boolean {
    return node.inputs.some((value) => value !== null && this.readers.get(value)?.has(node) === true);
  }

  decline(node: Node, reason: string): void {
    this.declined.push({ node: node.label, reason });
  }

  /** Gives all `members` the parameters of `owner`, which hold the ranges of `others` too. */
  together(owner: Value, others: readonly Value[], members: Iterable<Value>): void {
    const how = this.tensors.get(owner);
    if (how?.kind !== "activation") return;
    this.tensors.set(owner, { ...how, also: others });
    for (const value of members) {
      if (value === owner || this.tensors.get(value)?.kind !== "activation") continue;
      this.tensors.set(value, { kind: "shared", source: owner, consumer: undefined, observe: value, convert: this.#convert(value) });
    }
  }

  /** Nodes on the longest way from an input of the graph. */
  depth(value: Value): number {
    if (this.#depths.size === 0) {
      for (const node of value.graph?.root.allNodes() ?? []) {
        const deepest = Math.max(0, ...node.inputs.map((v) => (v && this.#depths.get(v)) ?? 0));
        for (const output of node.outputs) if (output) this.#depths.set(output, deepest + 1);
      }
    }
    return this.#depths.get(value) ?? 0;
  }

  /** Shares the parameters of `source`; a per-channel constant has no single pair of parameters to share. */
  sameAs(value: Value | undefined, source: Value, consumer: Node): void {
    const how = this.tensors.get(source);
    if (!how || (how.kind === "constant" && how.spec.axis !== undefined)) return this.activation(value);
    if (this.#weightsOnly) return;
    if (value && isFloatValue(value)) this.tensors.set(value, { kind: "shared", source, consumer, observe: value, convert: this.#convert(value) });
  }

  /** A weight when constant, else an activation. `axis` is used when per-channel is on and the rank admits it. */
  weight(value: Value | undefined, axis: number, opType: string): void {
    if (!value || !isFloatValue(value)) return;
    const rank = value.constant?.dims.length;
    if (rank === undefined) return this.activation(value);
    const at = this.#channelAxis(value, axis, rank, opType);
    if (at !== undefined || !this.tensors.has(value)) this.tensors.set(value, this.#constant(value, "weight", at));
  }

  bias(node: Node, index: number, beta = 1): void {
    const bias = node.input(index);
    const [input, weight] = [node.input(0), node.input(1)];
    if (!bias?.constant || !isFloatValue(bias) || !input || !weight) return;
    if (this.#override(bias)) return this.weight(bias, 0, "");
    this.#biasValues.add(bias);
    if (this.options.quantizeBias) this.biases.push({ node, index, input, weight, beta });
  }

  outputs(node: Node): void {
    if (this.keepsOutput(node)) return;
    for (const output of node.outputs) this.activation(output ?? undefined);
  }

  keepsOutput(node: Node): boolean {
    return this.options.floatOutputs.includes(node.opType);
  }

  /** Takes a Relu/Clip out when the range of its output does the clipping; false when it must stay. */
  absorb(node: Node): boolean {
    const [input, output] = [node.input(0)!, node.out];
    // Only a range that ends where the node clips does its work; one that the caller set, or made symmetric, need not.
    const spec = activationSpec(this.options, this.#override(output));
    if (spec.symmetric || spec.range || spec.params || !this.options.fuseActivations || this.#override(input)?.convert || this.#override(output)?.convert) return false;
    if (input.useCount !== 1 || input.isGraphOutput || !input.producer || input.producer.graph !== node.graph) return false;
    this.tensors.delete(input);
    this.absorbed.push(node);
    return true;
  }

  /** Blocked weights go with float activations: ONNX Runtime fuses them to MatMulNBits, and into a QLinearMatMul that cannot run otherwise. */
  get #weightsOnly(): boolean {
    return this.options.blockSize > 0;
  }

  #override(value: Value): TensorOverride | undefined {
    return Object.hasOwn(this.options.overrides, value.name) ? this.options.overrides[value.name] : undefined;
  }

  #activation(value: Value): TensorPlan {
    return { kind: "activation", spec: activationSpec(this.options, this.#override(value)), observe: value, convert: this.#convert(value) };
  }

  #constant(value: Value, role: "weight" | "activation", axis: number | undefined): TensorPlan {
    const override = this.#override(value);
    const rank = value.constant!.dims.length;
    return { kind: "constant", role, spec: constantSpec(role, override?.axis ?? axis, rank, this.options, override) };
  }

  #channelAxis(value: Value, axis: number, rank: number, opType: string): number | undefined {
    const override = this.#override(value);
    if (override?.axis === null || (override?.params && override.axis === undefined)) return undefined;
    if (!this.options.perChannel && override?.axis === undefined) return undefined;
    const wanted = override?.axis ?? this.options.channelAxes[opType] ?? axis;
    const at = wanted < 0 ? wanted + rank : wanted;
    return at >= 0 && at < rank ? at : undefined;
  }

  #convert(value: Value): ConvertPlan | undefined {
    const convert: ConvertOverride | undefined = this.#override(value)?.convert;
    if (!convert) return undefined;
    return { spec: activationSpec(this.options, convert), nodes: convert.nodes && new Set(convert.nodes) };
  }
}

export const isFloatValue = (value: Value): boolean => value.dtype === "float32";

const noRule = (node: Node, planner: Planner): void => planner.decline(node, `there is no rule for ${node.opType}`);

/** Plans Q/DQ for `nodes`, which may stand in bodies as well, in execution order. Edits nothing. */
export function planQdq(graph: Graph, nodes: ReadonlySet<Node>, options: PlanOptions, opset: number): QdqPlan {
  const planner = new Planner(options, opset);
  if (options.placement === "tensorrt") {
    for (const node of graph.allNodes()) if (nodes.has(node)) (tensorrtPlacement[node.opType] ?? noRule)(node, planner);
    shareConcats(graph, nodes, planner);
  } else {
    for (const node of graph.allNodes()) if (nodes.has(node)) (placement[node.opType] ?? placement.default!)(node, planner);
  }
  pointRanges(graph, nodes, planner.tensors);
  const { tensors, biases, absorbed, readers, declined } = planner;
  return { tensors, biases, absorbed, readers, declined, options };
}

/** What is clipped behind a value (Relu, Clip) need not be represented in it; what Softmax gives is known. */
function pointRanges(graph: Graph, nodes: ReadonlySet<Node>, tensors: Map<Value, TensorPlan>): void {
  const observe = new Map<Value, Value | Range>();
  for (const node of graph.allNodes()) {
    if (!nodes.has(node)) continue;
    const input = node.input(0);
    if (node.opType === "Softmax") observe.set(node.out, { min: 0, max: 1 });
    if ((node.opType === "Relu" || node.opType === "Clip") && input?.useCount === 1) observe.set(input, observe.get(node.out) ?? node.out);
  }
  for (const [value, source] of observe) {
    const how = tensors.get(value);
    if (how && how.kind !== "constant") tensors.set(value, { ...how, observe: source });
  }
}

/** Values whose range the calibration data must tell. */
export function valuesToObserve(plan: QdqPlan): Set<Value> {
  const found = new Set<Value>();
  const isOpen = (spec: TensorSpec | undefined): boolean => spec !== undefined && !spec.params && !spec.range;
  for (const how of plan.tensors.values()) {
    if (how.kind === "constant" || "min" in how.observe) continue;
    if ((how.kind === "activation" && isOpen(how.spec)) || isOpen(how.convert?.spec)) found.add(how.observe);
    if (how.kind === "activation" && isOpen(how.spec)) for (const value of how.also ?? []) found.add(value);
  }
  return found;
}
