/**
 * Writes a plan into the graph as QuantizeLinear/DequantizeLinear pairs (the QDQ form). Names follow ONNX Runtime's tool:
 * `<t>_scale`, `<t>_zero_point`, `<w>_quantized`, `<t>_QuantizeLinear(_Output|_Input)`, `<t>_DequantizeLinear(_Output)`.
 */
import { attr, type Graph, type Node, type Value } from "@lathe/core";
import { quantizeErrors } from "./errors.ts";
import type { QuantParams } from "./params.ts";
import type { BiasPlan, ConvertPlan, QdqPlan, TensorPlan } from "./plan.ts";
import { adjustForBias, quantizeBias } from "./quantize-tensor.ts";
import { QdqWriter, type WriterOptions } from "./qdq-writer.ts";
import { reductionLayout, widenForSaturation } from "./saturation.ts";
import { activationParams, constantParams, type Range, type TensorSpec } from "./spec.ts";

export interface EmitOptions extends WriterOptions {
  /** Widen symmetric weight scales where a bias would overflow int32. Default true. */
  readonly adjustBias: boolean;
}

/** Parameters of a planned value before they are written. Values that share parameters share this object. */
export interface ParamSet {
  readonly owner: Value;
  readonly suffix: string;
  readonly spec: TensorSpec;
  list: readonly QuantParams[];
}

export interface Resolved {
  readonly original: ParamSet;
  readonly converted?: { readonly set: ParamSet; readonly nodes: ReadonlySet<string> | undefined } | undefined;
}

export interface QdqResult {
  readonly activations: number;
  readonly weights: number;
  readonly biases: number;
  readonly absorbed: number;
}

/** Applies `plan`. `ranges` gives the real range of every observed activation, by name. @throws QUANT_RANGE_MISSING, QUANT_RANGE_NOT_FINITE */
export function emitQdq(plan: QdqPlan, ranges: ReadonlyMap<string, Range>, options: EmitOptions): QdqResult {
  const resolved = finalParams(plan, ranges, options.adjustBias);
  for (const node of plan.absorbed) absorbInto(node.graph!, node, plan, resolved);
  const writer = new QdqWriter(options, plan.readers);
  for (const [value, how] of plan.tensors) writer.parameters(resolved.get(value)!, value, how);
  for (const [value, how] of plan.tensors) if (how.kind === "constant") writer.constant(value, resolved.get(value)!.original);
  for (const [value, how] of plan.tensors) if (how.kind !== "constant") writer.activation(value, resolved.get(value)!);
  let biases = 0;
  for (const bias of plan.biases) if (emitBias(bias, resolved, writer)) biases++;
  const count = (kind: TensorPlan["kind"]): number => [...plan.tensors.values()].filter((t) => t.kind === kind).length;
  return { activations: count("activation") + count("shared"), weights: count("constant"), biases, absorbed: plan.absorbed.length };
}

/** Parameters as they are written: those of {@link resolveParams}, with the weight scales that overflowing biases ask for. */
export function finalParams(plan: QdqPlan, ranges: ReadonlyMap<string, Range>, adjustBias = true): Map<Value, Resolved> {
  const resolved = resolveParams(plan, ranges);
  if (adjustBias) for (const bias of plan.biases) widen(bias, plan, resolved);
  return resolved;
}

/** Parameters of every planned value; shared ones follow their source. */
export function resolveParams(plan: QdqPlan, ranges: ReadonlyMap<string, Range>): Map<Value, Resolved> {
  const resolved = new Map<Value, Resolved>();
  const rangeOf = (from: Value | Range, also: readonly Value[] = []): Range => {
    const found = "min" in from ? from : ranges.get(from.name);
    if (!found) throw quantizeErrors.QUANT_RANGE_MISSING({ tensor: (from as Value).name });
    const rest = also.map((value) => rangeOf(value));
    return { min: Math.min(found.min, ...rest.map((r) => r.min)), max: Math.max(found.max, ...rest.map((r) => r.max)) };
  };
  const make = (value: Value, spec: TensorSpec, suffix: string, from: Value | Range, also?: readonly Value[]): ParamSet => {
    const observed = spec.params ?? spec.range ? { min: 0, max: 0 } : rangeOf(from, also);
    return { owner: value, suffix, spec, list: [activationParams(spec, observed, plan.options, value.name)] };
  };
  const convert = (value: Value, how: ConvertPlan | undefined, from: Value | Range): Resolved["converted"] =>
    how && { set: make(value, how.spec, "_convert", from), nodes: how.nodes };
  const resolve = (value: Value, how: TensorPlan): Resolved => {
    const known = resolved.get(value);
    if (known) return known;
    const made = fresh(value, how);
    resolved.set(value, made);
    return made;
  };
  const fresh = (value: Value, how: TensorPlan): Resolved => {
    if (how.kind === "constant") {
      const list = safe(value, how, constantParams(how.spec, value.constant!, plan.options, value.name), plan);
      return { original: { owner: value, suffix: "", spec: how.spec, list } };
    }
    if (how.kind === "activation") return { original: make(value, how.spec, "", how.observe, how.also), converted: convert(value, how.convert, how.observe) };
    const source = plan.tensors.get(how.source);
    if (!source) throw quantizeErrors.QUANT_RANGE_MISSING({ tensor: how.source.name });
    return { original: seenBy(resolve(how.source, source), how.consumer), converted: convert(value, how.convert, how.observe) };
  };
  for (const [value, how] of plan.tensors) resolve(value, how);
  return resolved;
}

/** Weight parameters under which no kernel of a CPU without VNNI saturates, when the plan asks for it. */
function safe(value: Value, how: Extract<TensorPlan, { kind: "constant" }>, list: readonly QuantParams[], plan: QdqPlan): readonly QuantParams[] {
  if (!plan.options.saturationSafe || how.role !== "weight" || how.spec.dtype !== "int8" || list.length === 0 || how.spec.params) return list;
  let safest = list;
  for (const { node, index } of value.uses) {
    const layout = index === 1 ? reductionLayout(node, value.constant!.dims) : undefined;
    if (layout && (list.length === 1 || list.length === layout.channels)) safest = widenForSaturation(value.constant!, safest, layout);
  }
  return safest;
}

/** Parameters that a consumer sees: the second type where the value is converted for it. */
function seenBy(resolved: Resolved, consumer: Node | undefined): ParamSet {
  const { converted } = resolved;
  return converted && consumer && (converted.nodes === undefined || converted.nodes.has(consumer.name)) ? converted.set : resolved.original;
}

function widen(bias: BiasPlan, plan: QdqPlan, resolved: ReadonlyMap<Value, Resolved>): void {
  const weight = resolved.get(bias.weight)?.original;
  const input = resolved.get(bias.input);
  const tensor = bias.node.input(bias.index)?.constant;
  if (!weight || !input || !tensor || tensor.size === 0 || plan.tensors.get(bias.weight)?.kind !== "constant" || weight.list.length === 0) return;
  if ((weight.spec.dtype !== "int8" && weight.spec.dtype !== "int16") || weight.list.some((p) => p.zeroPoint !== 0)) return;
  weight.list = adjustForBias(tensor, seenBy(input, bias.node).list[0]!.scale, weight.list);
}

/** Removes a Relu/Clip: its producer now makes the node's output, under the output's name. */
function absorbInto(graph: Graph, node: Node, plan: QdqPlan, resolved: Map<Value, Resolved>): void {
  const input = node.input(0)!;
  const output = node.out;
  const { name } = output;
  const how = plan.tensors.get(output);
  const params = resolved.get(output);
  graph.replaceUses(output, input);
  output.name = `${name}_absorbed`;
  input.name = name;
  graph.remove(node);
  if (!how || !params) return;
  plan.tensors.delete(output);
  plan.tensors.set(input, how);
  resolved.set(input, params);
}

/** bias -> int32 initializer -> DequantizeLinear; a bias that several nodes read is quantized for each. */
function emitBias({ node, index, input, weight, beta }: BiasPlan, resolved: ReadonlyMap<Value, Resolved>, writer: QdqWriter): boolean {
  const bias = node.input(index);
  const source = resolved.get(input);
  const weights = resolved.get(weight)?.original;
  if (!bias?.constant || !source || !weights || weights.list.length === 0) return false;
  const made = quantizeBias(bias.constant, seenBy(source, node).list[0]!.scale, weights.list.map((p) => p.scale), beta);
  writer.bias(bias, node, made, weights.list.length > 1 || weights.spec.axis !== undefined);
  if (node.opType === "Gemm" && beta !== 1) node.setAttribute("beta", attr.float(1));
  return true;
}
