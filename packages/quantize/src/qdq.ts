/**
 * Writes a plan into the graph as QuantizeLinear/DequantizeLinear pairs (the QDQ form). Names follow ONNX Runtime's tool:
 * `<t>_scale`, `<t>_zero_point`, `<w>_quantized`, `<t>_QuantizeLinear(_Output|_Input)`, `<t>_DequantizeLinear(_Output)`.
 */
import { Node, Value, attr, tensorType, type Graph, type Tensor } from "@lathe/core";
import { quantizeErrors } from "./errors.ts";
import { integerRange, quantParams, type QuantParams, type QuantType } from "./params.ts";
import type { BiasPlan, QdqPlan, TensorPlan } from "./plan.ts";
import { adjustForBias, paramTensors, quantizeBias, quantizeWeight, weightParams } from "./quantize-tensor.ts";

export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface QdqTypes {
  readonly activation: QuantType;
  readonly weight: QuantType;
  readonly symmetricActivations: boolean;
  readonly symmetricWeights: boolean;
  readonly reduceRange: boolean;
}

/** Parameters of one quantized value, as initializers of the graph. */
interface Params {
  readonly list: readonly QuantParams[];
  readonly scale: Value;
  readonly zeroPoint: Value;
  readonly axis: number | undefined;
}

export interface QdqResult {
  readonly activations: number;
  readonly weights: number;
  readonly biases: number;
  readonly absorbed: number;
}

/** Applies `plan`. `ranges` gives the real range of every planned activation, by value. */
export function emitQdq(graph: Graph, plan: QdqPlan, ranges: ReadonlyMap<Value, Range>, types: QdqTypes): QdqResult {
  const emitter = new Emitter(graph, types, ranges);
  const constants = emitter.constantParams(plan);
  for (const node of plan.absorbed) absorbInto(graph, node, plan);
  for (const [value, how] of plan.tensors) emitter.parameters(value, how, plan, constants);
  for (const [value, how] of plan.tensors) {
    if (how.kind === "constant") emitter.constant(value, how);
    else emitter.pair(value);
  }
  for (const bias of plan.biases) emitter.bias(bias);
  const count = (kind: TensorPlan["kind"]): number => [...plan.tensors.values()].filter((t) => t.kind === kind).length;
  return { activations: count("activation") + count("shared"), weights: count("constant"), biases: plan.biases.length, absorbed: plan.absorbed.length };
}

/** Removes a Relu/Clip: its producer now makes the node's output, under the output's name. */
function absorbInto(graph: Graph, node: Node, plan: QdqPlan): void {
  const input = node.input(0)!;
  const output = node.out;
  const name = output.name;
  const how = plan.tensors.get(output);
  for (const [value, other] of plan.tensors) if (other.kind === "shared" && other.source === output) plan.tensors.set(value, { kind: "shared", source: input });
  graph.replaceUses(output, input);
  output.name = `${name}_absorbed`;
  input.name = name;
  graph.remove(node);
  if (how) {
    plan.tensors.delete(output);
    plan.tensors.set(input, how);
  }
}

class Emitter {
  readonly #graph: Graph;
  readonly #types: QdqTypes;
  readonly #ranges: ReadonlyMap<Value, Range>;
  readonly #params = new Map<Value, Params>();

  constructor(graph: Graph, types: QdqTypes, ranges: ReadonlyMap<Value, Range>) {
    this.#graph = graph;
    this.#types = types;
    this.#ranges = ranges;
  }

  /** Scale and zero point of every constant; weights are widened where their bias would overflow int32. */
  constantParams(plan: QdqPlan): Map<Value, readonly QuantParams[]> {
    const found = new Map<Value, readonly QuantParams[]>();
    for (const [value, how] of plan.tensors) if (how.kind === "constant") found.set(value, this.#constantParams(value, how));
    for (const bias of plan.biases) this.#widen(bias, plan, found);
    return found;
  }

  #constantParams(value: Value, how: Extract<TensorPlan, { kind: "constant" }>): QuantParams[] {
    const { weight, activation, symmetricWeights, symmetricActivations, reduceRange } = this.#types;
    const isWeight = how.role === "weight";
    const symmetric = how.axis !== undefined || (isWeight ? symmetricWeights : symmetricActivations);
    return weightParams(value.constant!, { dtype: isWeight ? weight : activation, axis: how.axis, symmetric, reduceRange }, value.name);
  }

  #widen(bias: BiasPlan, plan: QdqPlan, found: Map<Value, readonly QuantParams[]>): void {
    const weights = found.get(bias.weight);
    const how = plan.tensors.get(bias.input);
    if (!weights || !how || (this.#types.weight !== "int8" && this.#types.weight !== "int16") || weights.some((p) => p.zeroPoint !== 0)) return;
    const input = this.#resolve(bias.input, plan, found);
    const tensor = bias.node.input(bias.index)!.constant!;
    if (input && tensor.size > 0) found.set(bias.weight, adjustForBias(tensor, input.scale, weights));
  }

  /** Parameters of an activation before they are written, following shares to their source. */
  #resolve(value: Value, plan: QdqPlan, found: ReadonlyMap<Value, readonly QuantParams[]>): QuantParams | undefined {
    const how = plan.tensors.get(value);
    if (!how) return undefined;
    if (how.kind === "shared") return this.#resolve(how.source, plan, found);
    return how.kind === "constant" ? found.get(value)?.[0] : this.#activationParams(value);
  }

  #activationParams(value: Value): QuantParams {
    const range = this.#ranges.get(value);
    if (!range) throw quantizeErrors.QUANT_RANGE_MISSING({ tensor: value.name });
    const { min, max } = range;
    if (!Number.isFinite(min) || !Number.isFinite(max)) throw quantizeErrors.QUANT_RANGE_NOT_FINITE({ tensor: value.name, min, max });
    const { activation, symmetricActivations } = this.#types;
    return quantParams(min, max, integerRange(activation, { symmetric: symmetricActivations }), symmetricActivations);
  }

  /** Writes (or finds) the scale and zero-point initializers of a value. */
  parameters(value: Value, how: TensorPlan, plan: QdqPlan, found: ReadonlyMap<Value, readonly QuantParams[]>): Params {
    const known = this.#params.get(value);
    if (known) return known;
    const made = how.kind === "shared" ? this.#sharedParameters(how.source, plan, found) : this.#ownParameters(value, how, found);
    this.#params.set(value, made);
    return made;
  }

  #sharedParameters(source: Value, plan: QdqPlan, found: ReadonlyMap<Value, readonly QuantParams[]>): Params {
    const how = plan.tensors.get(source);
    if (!how) throw quantizeErrors.QUANT_RANGE_MISSING({ tensor: source.name });
    return this.parameters(source, how, plan, found);
  }

  #ownParameters(value: Value, how: Exclude<TensorPlan, { kind: "shared" }>, found: ReadonlyMap<Value, readonly QuantParams[]>): Params {
    const list = how.kind === "constant" ? found.get(value)! : [this.#activationParams(value)];
    const dtype = how.kind === "constant" && how.role === "weight" ? this.#types.weight : this.#types.activation;
    const axis = how.kind === "constant" ? how.axis : undefined;
    const { scale, zeroPoint } = paramTensors(list, dtype, axis);
    return {
      list,
      axis,
      scale: this.#graph.addInitializer(`${value.name}_scale`, scale),
      zeroPoint: this.#graph.addInitializer(`${value.name}_zero_point`, zeroPoint),
    };
  }

  /** weight -> integer initializer -> DequantizeLinear. */
  constant(value: Value, how: Extract<TensorPlan, { kind: "constant" }>): void {
    const params = this.#params.get(value)!;
    const dtype = how.role === "weight" ? this.#types.weight : this.#types.activation;
    const { values } = quantizeWeight(value.constant!, params.list, dtype, how.axis);
    this.#replaceByDequantized(value, values, params, value.uses.map((u) => u.node));
  }

  /** producer -> QuantizeLinear -> DequantizeLinear -> consumers. The public name of a graph output stays at the end of the chain. */
  pair(value: Value): void {
    const { scale, zeroPoint } = this.#params.get(value)!;
    const { name } = value;
    const uses = value.uses;
    const quantized = new Value(`${name}_QuantizeLinear_Output`, tensorType(zeroPoint.dtype, value.shape));
    const q = new Node({ opType: "QuantizeLinear", name: `${name}_QuantizeLinear`, inputs: [value, scale, zeroPoint], outputs: [quantized] });
    const restored = new Value(`${name}_DequantizeLinear_Output`, value.type);
    const dq = new Node({ opType: "DequantizeLinear", name: `${name}_DequantizeLinear`, inputs: [quantized, scale, zeroPoint], outputs: [restored] });
    this.#place(value, q);
    this.#graph.insertAfter(q, dq);
    for (const { node, index } of uses) node.setInput(index, restored);
    if (!value.isGraphOutput) return;
    this.#graph.outputs.forEach((output, i) => output === value && this.#graph.setOutput(i, restored));
    value.name = `${name}_QuantizeLinear_Input`;
    restored.name = name;
  }

  #place(value: Value, node: Node): void {
    const after = value.producer;
    if (after) this.#graph.insertAfter(after, node);
    else if (this.#graph.firstNode) this.#graph.insertBefore(this.#graph.firstNode, node);
    else this.#graph.append(node);
  }

  /** bias -> int32 initializer -> DequantizeLinear; a bias that several nodes read is quantized for each. */
  bias({ node, index, input, weight, beta }: BiasPlan): void {
    const bias = node.input(index)!;
    const source = this.#params.get(input);
    const weights = this.#params.get(weight);
    if (!source || !weights || !bias.constant) return;
    const made = quantizeBias(bias.constant, source.list[0]!.scale, weights.list.map((p) => p.scale), beta);
    const axis = weights.axis === undefined ? undefined : 0;
    const scale = this.#graph.addInitializer(`${bias.name}_quantized_scale`, made.scale);
    const zeroPoint = this.#graph.addInitializer(`${bias.name}_quantized_zero_point`, made.zeroPoint);
    this.#replaceByDequantized(bias, made.values, { list: [], axis, scale, zeroPoint }, [node]);
    if (node.opType === "Gemm" && beta !== 1) node.setAttribute("beta", attr.float(1));
  }

  #replaceByDequantized(value: Value, values: Tensor, { scale, zeroPoint, axis }: Params, nodes: readonly Node[]): void {
    const stored = this.#graph.addInitializer(`${value.name}_quantized`, values);
    const restored = new Value(`${value.name}_DequantizeLinear_Output`, value.type);
    const dq = new Node({
      opType: "DequantizeLinear",
      name: `${value.name}_DequantizeLinear`,
      inputs: [stored, scale, zeroPoint],
      outputs: [restored],
      attributes: axis === undefined ? {} : { axis: attr.int(axis) },
    });
    const targets = new Set(nodes);
    const uses = value.uses.filter((u) => targets.has(u.node));
    const first = this.#graph.firstNode;
    if (first) this.#graph.insertBefore(first, dq);
    else this.#graph.append(dq);
    for (const { node, index } of uses) node.setInput(index, restored);
    this.#drop(value);
  }

  #drop(value: Value): void {
    if (!value.isUnused) return;
    if (value.isInitializer) this.#graph.removeInitializer(value);
    else if (value.producer?.is("Constant")) this.#graph.remove(value.producer);
  }
}
