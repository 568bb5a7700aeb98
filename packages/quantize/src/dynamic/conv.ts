/**
 * Conv with activations quantized at run time: ConvInteger, Cast, Mul, and the bias added in float.
 * ONNX Runtime fuses none of it, and its kernel for int8 weights is several times slower than the float one: weights are uint8 unless asked.
 */
import { Node, Tensor, Value, tensorType, type Graph } from "@lathe/core";
import { restoreFloat } from "./matmul.ts";
import type { DynamicOptions } from "./options.ts";
import type { DynamicScope, QuantizedValue } from "./scope.ts";

export function convInteger(node: Node, graph: Graph, scope: DynamicScope, options: DynamicOptions): void {
  const [input, weight, bias] = [node.input(0)!, node.input(1)!, node.input(2)];
  const label = node.name || node.out.name;
  const rank = weight.constant!.dims.length;
  const x = scope.activation(input, graph);
  const w = quantizeKernel(weight, rank, scope, options);
  const sum = new Value(`${node.out.name}_output_quantized`, tensorType("int32", node.out.shape));
  const integer = new Node({
    opType: "ConvInteger", name: `${label}_quant`, inputs: [x.values, w.values, x.zeroPoint, w.zeroPoint], outputs: [sum], attributes: node.attributes,
  });
  const { name, type } = node.out;
  const scaled = restoreFloat(node, graph, integer, sum, [x.scale, w.scale], label);
  if (bias) addBias(scaled, bias, rank, graph, name, type);
}

/** ConvInteger takes one zero point only: per-channel kernels are symmetric around one, and their scales line up with the output's channels. */
function quantizeKernel(weight: Value, rank: number, scope: DynamicScope, options: DynamicOptions): QuantizedValue {
  const dtype = options.convWeightType ?? options.weightType;
  if (!options.perChannelConv) return scope.weight(weight, { dtype, axis: undefined, symmetric: options.symmetricWeights, reduceRange: options.reduceRange });
  const w = scope.weight(weight, { dtype, axis: 0, symmetric: true, reduceRange: options.reduceRange });
  const home = weight.graph!;
  const scales = w.scale.tensor!;
  if (scales.dims.length !== 1) return w;
  home.setInitializer(w.scale, scales.reshape([scales.size, ...Array.from({ length: rank - 2 }, () => 1)]));
  home.setInitializer(w.zeroPoint, Tensor.fromBytes(dtype, [], w.zeroPoint.tensor!.bytes().slice(0, 1)));
  return w;
}

function addBias(scaled: Node, bias: Value, rank: number, graph: Graph, name: string, type: Value["type"]): void {
  const shape = [1, -1, ...Array.from({ length: rank - 2 }, () => 1)];
  const target = graph.addInitializer(`${name}_bias_reshape_shape`, Tensor.int64(shape));
  const reshaped = new Node({ opType: "Reshape", inputs: [bias, target], outputs: [new Value(`${name}_bias_reshape_output`, tensorType("float32"))] });
  graph.insertAfter(scaled, reshaped);
  const output = scaled.out;
  const add = new Node({ opType: "Add", name: `${name}_bias_add`, inputs: [output, reshaped.out], outputs: [new Value(`${name}_biased`, type)] });
  graph.insertAfter(reshaped, add);
  graph.replaceUses(output, add.out, add);
}
