/**
 * Two rewrites of a quantized input that let ONNX Runtime's x64 kernel take the channels of a convolution (alignment.ts). Sums of integers
 * do not depend on their order as long as none overflows: on CPUs without VNNI they do not where weights are saturation-safe, since
 * saturation.ts looks at these orders too.
 */
import { Node, Value, Tensor, attr, tensorType, type Graph } from "@lathe/core";
import { alignment, type Alignment } from "./alignment.ts";
import { rearrange } from "./rearrange.ts";
import type { FoldPlan } from "./fold-stride.ts";

/** Rewrites quantized convolutions whose input channels do not fit, in place. Gives their number. */
export function alignInputChannels(graph: Graph): number {
  let aligned = 0;
  for (const node of graph.nodes) {
    const found = matchConv(node);
    if (!found) continue;
    const { fold, weights } = found.alignment;
    const mover = fold ? folding(node, found, fold) : padding(node, found, weights.dims[0]!, graph);
    rewire(node, found, mover, rearrange(found.values, weights), graph);
    if (fold) for (const [name, list] of Object.entries({ kernel_shape: fold.kernel, strides: [1, 1], pads: fold.pads })) node.setAttribute(name, attr.ints(list));
    aligned++;
  }
  return aligned;
}

interface Found {
  readonly input: Node;
  readonly weight: Node;
  readonly values: Tensor;
  readonly alignment: Alignment;
}

/** A convolution of uint8 by int8 (zero point 0) over more than a point, whose channels do not fit. */
function matchConv(node: Node): Found | undefined {
  if (!node.is("Conv")) return undefined;
  const [input, weight] = [node.input(0)?.producer, node.input(1)?.producer];
  if (!input || !weight || !isDequantize(input) || !isDequantize(weight) || input.input(2)?.constant?.dtype !== "uint8") return undefined;
  const values = weight.input(0)!.constant;
  if (values?.dtype !== "int8" || !weight.input(2)?.constant?.toNumbers().every((z) => z === 0)) return undefined;
  const found = alignment(node);
  return found && { input, weight, values, alignment: found };
}

const isDequantize = (node: Node): boolean => node.opType === "DequantizeLinear";

function folding(conv: Node, found: Found, { inputShape }: FoldPlan): Node {
  return new Node({ opType: "SpaceToDepth", name: `${label(conv)}_fold`, inputs: [found.input.input(0)!], outputs: [uint8Value(found, "folded", inputShape)], attributes: { blocksize: attr.int(2) } });
}

function padding(conv: Node, found: Found, wanted: number, graph: Graph): Node {
  const source = found.input.input(0)!;
  const [, inputs, ...kernel] = found.values.dims as [number, number, ...number[]];
  const edges = [...found.values.dims.map(() => 0), 0, wanted - inputs, ...kernel.map(() => 0)];
  const shape = source.shape?.map((dim, axis) => (axis === 1 ? wanted : dim));
  const amounts = graph.addInitializer(`${source.name}_padding`, Tensor.int64(edges));
  return new Node({ opType: "Pad", name: `${label(conv)}_pad`, inputs: [source, amounts, found.input.input(2)!], outputs: [uint8Value(found, "padded", shape)] });
}

/** input -> `mover` -> DequantizeLinear -> conv, with `weights` in place of those that it had. */
function rewire(conv: Node, { input, weight }: Found, mover: Node, weights: Tensor, graph: Graph): void {
  graph.insertBefore(conv, mover);
  const stored = graph.addInitializer(`${weight.input(0)!.name}_aligned`, weights);
  conv.setInput(0, dequantizeLike(input, mover.out, conv, graph));
  conv.setInput(1, dequantizeLike(weight, stored, conv, graph));
  for (const old of [input, weight]) if (old.out.isUnused) dropWithConstants(old, graph);
}

/** A DequantizeLinear with the parameters of `model`. */
function dequantizeLike(model: Node, integers: Value, before: Node, graph: Graph): Value {
  const output = new Value(`${integers.name}_DequantizeLinear_Output`, tensorType("float32", integers.shape));
  const node = new Node({ opType: model.opType, domain: model.domain, name: `${integers.name}_DequantizeLinear`, inputs: [integers, ...model.inputs.slice(1)], outputs: [output], attributes: model.attributes });
  graph.insertBefore(before, node);
  return output;
}

function dropWithConstants(node: Node, graph: Graph): void {
  const constants = node.inputs;
  graph.remove(node);
  for (const value of constants) if (value?.isInitializer && value.isUnused) graph.removeInitializer(value);
}

const label = (node: Node): string => node.name || node.out.name;
const uint8Value = ({ input }: Found, suffix: string, shape: Value["shape"]): Value => new Value(`${input.input(0)!.name}_${suffix}`, tensorType("uint8", shape));
