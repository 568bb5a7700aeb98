/**
 * MLAS, the kernel library of ONNX Runtime, has a direct int8 convolution for x64 (convsym.cpp) that takes input channels in groups of
 * four only. Others are copied pixel by pixel first: on images of one or three channels the first layer then takes longer than ten later
 * ones. Two rewrites of the quantized input let it in and change no result: two by two pixels become channels where the convolution
 * steps over two (fewer and longer reads), else the channels are padded with zeros.
 *
 * Sums of integers do not depend on their order as long as none overflows. CPUs without VNNI add two neighbouring products in int16, and
 * both rewrites give weights other neighbours than those that saturation.ts looks at: there the result is the same only where no pair of
 * codes of one sign adds up to more than 128, in either order.
 */
import { Node, Tensor, Value, attr, tensorType, type Graph } from "@lathe/core";
import { foldPlan, foldWeights, type FoldPlan } from "./fold-stride.ts";

/** Input channels that the kernel takes at once. */
const GROUP = 4;
/** The kernel wants as many output channels at least, and a multiple of {@link GROUP}. */
const LEAST_OUTPUTS = 16;

/** Rewrites quantized convolutions whose input channels do not fit, in place. Gives their number. */
export function alignInputChannels(graph: Graph): number {
  let aligned = 0;
  for (const node of graph.nodes) {
    const found = matchConv(node);
    if (!found) continue;
    const plan = foldPlan(node);
    if (plan) fold(node, found, plan, graph);
    else pad(node, found, graph);
    aligned++;
  }
  return aligned;
}

interface Found {
  readonly input: Node;
  readonly weight: Node;
  readonly values: Tensor;
}

/** A convolution of uint8 by int8 (zero point 0) over more than a point, whose channels do not fit. */
function matchConv(node: Node): Found | undefined {
  if (!node.is("Conv") || node.int("group", 1) !== 1) return undefined;
  const [input, weight] = [node.input(0)?.producer, node.input(1)?.producer];
  if (!input || !weight || !isDequantize(input) || !isDequantize(weight) || input.input(2)?.constant?.dtype !== "uint8") return undefined;
  const values = weight.input(0)!.constant;
  if (values?.dtype !== "int8" || !weight.input(2)?.constant?.toNumbers().every((z) => z === 0)) return undefined;
  const [outputs, inputs, ...kernel] = values.dims as [number, number, ...number[]];
  const fits = inputs % GROUP === 0 || outputs < LEAST_OUTPUTS || outputs % GROUP !== 0 || kernel.every((k) => k === 1);
  return fits ? undefined : { input, weight, values };
}

const isDequantize = (node: Node): boolean => node.opType === "DequantizeLinear";

function fold(conv: Node, found: Found, plan: FoldPlan, graph: Graph): void {
  const folded = new Node({ opType: "SpaceToDepth", name: `${label(conv)}_fold`, inputs: [found.input.input(0)!], outputs: [uint8Value(found, "folded", plan.inputShape)], attributes: { blocksize: attr.int(2) } });
  rewire(conv, found, folded, foldWeights(found.values, plan), graph);
  for (const [name, list] of Object.entries({ kernel_shape: plan.kernel, strides: [1, 1], pads: plan.pads })) conv.setAttribute(name, attr.ints(list));
}

function pad(conv: Node, found: Found, graph: Graph): void {
  const { input, values } = found;
  const [outputs, inputs, ...kernel] = values.dims as [number, number, ...number[]];
  const wanted = Math.ceil(inputs / GROUP) * GROUP;
  const source = input.input(0)!;
  const edges = [...values.dims.map(() => 0), 0, wanted - inputs, ...kernel.map(() => 0)];
  const shape = source.shape?.map((dim, axis) => (axis === 1 ? wanted : dim));
  const padding = graph.addInitializer(`${source.name}_padding`, Tensor.int64(edges));
  const padded = new Node({ opType: "Pad", name: `${label(conv)}_pad`, inputs: [source, padding, input.input(2)!], outputs: [uint8Value(found, "padded", shape)] });
  rewire(conv, found, padded, Tensor.from("int8", [outputs, wanted, ...kernel], withZeros(values, inputs, wanted)), graph);
}

/** [O, C, ...] -> [O, wanted, ...], zeros behind the channels of each output. */
function withZeros(values: Tensor, inputs: number, wanted: number): Int8Array {
  const data = values.data() as Int8Array;
  const outputs = values.dims[0]!;
  const block = data.length / outputs;
  const wide = (block / inputs) * wanted;
  const out = new Int8Array(outputs * wide);
  for (let o = 0; o < outputs; o++) out.set(data.subarray(o * block, (o + 1) * block), o * wide);
  return out;
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
