/**
 * SmoothQuant (Xiao et al. 2022): activations with a few outlier channels are divided by a factor per channel that the weights behind
 * them take up: s_k = max|X_k|^alpha / max|W_k|^(1 - alpha). The function stays the same; both sides become easy to quantize.
 * The division is folded into the LayerNormalization before, else it is a Mul.
 */
import { Node, Tensor, Value, inferShapes, type Graph, type Model } from "@lathe/core";
import { channelStatistics, type ChannelOptions } from "./channels.ts";
import { channelReach, scaleChannels } from "./equalize.ts";

export interface SmoothResult {
  /** Activations that were smoothed. */
  readonly smoothed: number;
  /** Those whose division went into the layer before. */
  readonly folded: number;
}

/** Matrix products that read one activation, and the axis of each weight that meets its channels. */
interface Group {
  readonly input: Value;
  readonly consumers: readonly { readonly node: Node; readonly axis: number }[];
}

/** Smooths in place. `alpha` shifts the difficulty: 0 leaves activations alone, 1 moves all to the weights; 0.5 is the paper's choice. */
export async function smoothActivations(model: Model, alpha: number, options: ChannelOptions): Promise<SmoothResult> {
  inferShapes(model);
  const { graph } = model;
  const groups = smoothableGroups(graph);
  if (groups.length === 0) return { smoothed: 0, folded: 0 };
  const statistics = await channelStatistics(model, new Map(groups.map(({ input }) => [input.name, -1])), options);
  let folded = 0;
  for (const group of groups) if (smooth(group, statistics.get(group.input.name)!.absMax, alpha, graph)) folded++;
  return { smoothed: groups.length, folded };
}

function smoothableGroups(graph: Graph): Group[] {
  const groups: Group[] = [];
  for (const input of graph.values()) {
    if (input.dtype !== "float32" || input.constant || (input.rank ?? 0) < 2) continue;
    const consumers = input.uses.flatMap(({ node, index }) => {
      const axis = index === 0 ? contractedAxis(node) : undefined;
      return axis === undefined ? [] : [{ node, axis }];
    });
    if (consumers.length > 0) groups.push({ input, consumers });
  }
  return groups;
}

/** Axis of the weight that is summed over with the last axis of the input; undefined when the node is no product with a weight of its own. */
function contractedAxis(node: Node): number | undefined {
  const weight = node.input(1);
  if (!weight?.isInitializer || weight.dtype !== "float32" || weight.useCount !== 1 || weight.tensor!.dims.length !== 2) return undefined;
  if (node.is("MatMul")) return 0;
  if (node.is("Gemm") && node.int("transA", 0) === 0) return node.int("transB", 0) === 1 ? 1 : 0;
  return undefined;
}

/** Returns true when the division was folded into the node before. */
function smooth({ input, consumers }: Group, absMax: Float32Array, alpha: number, graph: Graph): boolean {
  const weightMax = new Float32Array(absMax.length);
  for (const { node, axis } of consumers) channelReach(node.input(1)!.tensor!, axis).forEach((reach, k) => (weightMax[k] = Math.max(weightMax[k]!, reach)));
  const factors = Float32Array.from(absMax, (x, k) => {
    const s = x ** alpha / weightMax[k]! ** (1 - alpha);
    return Number.isFinite(s) && s > 1e-5 ? s : 1;
  });
  for (const { node, axis } of consumers) {
    const weight = node.input(1)!;
    graph.setInitializer(weight, scaleChannels(weight.tensor!, axis, factors));
  }
  const inverse = factors.map((s) => 1 / s);
  if (foldIntoNorm(input, consumers.length, inverse, graph)) return true;
  const divisor = graph.addInitializer(`${input.name}_smooth`, Tensor.from("float32", [inverse.length], inverse));
  const mul = new Node({ opType: "Mul", name: `${input.name}_smooth`, inputs: [input, divisor], outputs: [new Value(`${input.name}_smoothed`, input.type)] });
  if (input.producer) graph.insertAfter(input.producer, mul);
  else graph.insertBefore(graph.firstNode!, mul);
  for (const { node } of consumers) node.setInput(0, mul.out);
  return false;
}

function foldIntoNorm(input: Value, consumers: number, inverse: Float32Array, graph: Graph): boolean {
  const norm = input.producer;
  if (!norm?.is("LayerNormalization") || input.useCount !== consumers || input.isGraphOutput || norm.int("axis", -1) !== -1) return false;
  const parts = [norm.input(1), norm.input(2)].filter((v): v is Value => v !== undefined);
  if (parts.some((v) => !v.isInitializer || v.useCount !== 1)) return false;
  for (const part of parts) graph.setInitializer(part, scaleChannels(part.tensor!, 0, inverse));
  return true;
}
