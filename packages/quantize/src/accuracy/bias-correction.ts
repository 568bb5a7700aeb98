/**
 * Bias correction (Nagel et al. 2019): rounding the weights shifts the mean of a layer's output by (Wq - W) E[x]; the shift is taken off
 * the bias. E[x] is the mean of each input channel over calibration data; borders of convolutions are disregarded.
 */
import { Tensor, type Graph, type Node } from "@lathe/core";
import { constantParams, quantizeConstant, type TypeOptions } from "../spec.ts";
import type { StaticPlan } from "../static.ts";
import { channelStatistics, type ChannelOptions } from "./channels.ts";
import { dequantize } from "./dequantize.ts";

interface Layer {
  readonly node: Node;
  /** Axis of the weight that gives output channels. */
  readonly outputs: number;
}

/** Corrects the float biases of a plan before it is applied. Gives the number of layers. `rounded`: integer weights that are not rounded to nearest. */
export async function correctBiases(plan: StaticPlan, options: ChannelOptions, rounded?: ReadonlyMap<string, Tensor>): Promise<number> {
  const layers = layersOf(plan);
  if (layers.length === 0) return 0;
  const axes = new Map(layers.map(({ node }) => [node.input(0)!.name, node.opType === "Conv" ? 1 : -1]));
  const statistics = await channelStatistics(plan.model, axes, options);
  for (const layer of layers) correct(layer, plan, statistics.get(layer.node.input(0)!.name)!.mean, rounded);
  return layers.length;
}

/** Gives every Conv and Gemm with a constant weight a bias of zeros where it has none, to be corrected later. Call it before planning. */
export function addMissingBiases(graph: Graph): void {
  for (const node of graph.nodes) {
    const dims = node.input(1)?.constant?.dims;
    if (!dims || node.input(2) || !(node.is("Conv") || node.is("Gemm"))) continue;
    const channels = dims[node.is("Conv") || node.int("transB", 0) === 1 ? 0 : 1]!;
    node.setInput(2, graph.addInitializer(`${node.name}_bias`, Tensor.from("float32", [channels], new Float32Array(channels))));
  }
}

/** Conv and Gemm nodes whose weight is quantized and whose bias is a constant of their own. */
function layersOf({ plan, model }: StaticPlan): Layer[] {
  return plan.biases.flatMap(({ node }) => {
    if (node.graph !== model.graph) return [];
    const bias = node.input(2);
    const weight = node.input(1);
    const how = weight && plan.tensors.get(weight);
    if (!bias?.isInitializer || bias.useCount !== 1 || bias.tensor!.dims.length !== 1 || how?.kind !== "constant") return [];
    if (node.is("Conv")) return [{ node, outputs: 0 }];
    return node.is("Gemm") && node.int("transA", 0) === 0 && node.float("beta", 1) === 1 ? [{ node, outputs: node.int("transB", 0) === 1 ? 0 : 1 }] : [];
  });
}

function correct({ node, outputs }: Layer, { plan, model }: StaticPlan, mean: Float64Array, rounded?: ReadonlyMap<string, Tensor>): void {
  const weight = node.input(1)!;
  const how = plan.tensors.get(weight)!;
  if (how.kind !== "constant") return;
  const error = weightError(weight.constant!, how.spec, plan.options, weight.name, rounded?.get(weight.name));
  const shift = outputShift(error, weight.constant!.dims, outputs, mean, node.int("group", 1));
  subtract(model.graph, node, shift);
}

function weightError(weight: Tensor, spec: Parameters<typeof constantParams>[0], options: TypeOptions, name: string, rounded: Tensor | undefined): Float32Array {
  const made = quantizeConstant(spec, constantParams(spec, weight, options, name), weight, name);
  const restored = dequantize(rounded ? { ...made, values: rounded } : made);
  const original = weight.toFloat32();
  return restored.map((x, i) => x - original[i]!);
}

/** sum over inputs of error * mean, for each output channel. Grouped convolutions see only the channels of their group. */
function outputShift(error: Float32Array, dims: readonly number[], outputs: number, mean: Float64Array, groups: number): Float64Array {
  const channels = dims[outputs]!;
  const shift = new Float64Array(channels);
  const inputs = dims[1 - outputs]!;
  const inner = dims.slice(2).reduce((p, d) => p * d, 1);
  const perGroup = channels / groups;
  for (let i = 0; i < error.length; i++) {
    const row = Math.floor(i / inner);
    const first = Math.floor(row / dims[1]!);
    const second = row % dims[1]!;
    const out = outputs === 0 ? first : second;
    const within = outputs === 0 ? second : first;
    const from = groups === 1 ? within : Math.floor(out / perGroup) * inputs + within;
    shift[out]! += error[i]! * mean[from]!;
  }
  return shift;
}

function subtract(graph: Graph, node: Node, shift: Float64Array): void {
  const bias = node.input(2)!;
  const old = bias.tensor!.toFloat32();
  const alpha = node.opType === "Gemm" ? node.float("alpha", 1) : 1;
  graph.setInitializer(bias, Tensor.from("float32", bias.tensor!.dims, Float32Array.from(old, (b, c) => b - alpha * shift[c]!)));
}
