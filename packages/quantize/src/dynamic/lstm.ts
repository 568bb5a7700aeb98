/** LSTM -> com.microsoft.DynamicQuantizeLSTM: int8 weights transposed to [directions, input, 4 * hidden], activations quantized inside. */
import { Node, Tensor, type Graph, type Value } from "@lathe/core";
import { quantizeWeight, weightParams } from "../quantize-tensor.ts";
import type { DynamicOptions } from "./options.ts";

/** False when the node stays float: weights not constant, or a layout the integer kernel does not have. */
export function quantizeLstm(node: Node, graph: Graph, options: DynamicOptions): boolean {
  const [w, r] = [node.input(1), node.input(2)];
  if (w?.constant?.dims.length !== 3 || r?.constant?.dims.length !== 3 || node.int("layout", 0) !== 0) return false;
  const [weights, recurrent] = [gateWeights(w, options), gateWeights(r, options)];
  const attributes = new Map([...node.attributes].filter(([name]) => name !== "layout"));
  const inputs = [
    node.input(0)!, weights.values, recurrent.values, ...[3, 4, 5, 6, 7].map((i) => node.input(i) ?? null),
    weights.scale, weights.zeroPoint, recurrent.scale, recurrent.zeroPoint,
  ];
  const made = new Node({ opType: "DynamicQuantizeLSTM", domain: "com.microsoft", name: node.name && `${node.name}_quant`, inputs, outputs: node.outputs.length, attributes });
  node.outputs.forEach((output, i) => output === null && made.dropOutput(i));
  graph.replaceNode(node, made);
  return true;
}

interface GateWeights {
  readonly values: Value;
  readonly scale: Value;
  readonly zeroPoint: Value;
}

/** [directions, 4 * hidden, inputs] -> int8 [directions, inputs, 4 * hidden], one scale for each direction or each gate row. */
function gateWeights(value: Value, options: DynamicOptions): GateWeights {
  const tensor = value.constant!;
  const [directions, rows, inputs] = tensor.dims as [number, number, number];
  const flat = options.perChannel ? tensor.reshape([directions * rows, inputs]) : tensor;
  const params = weightParams(flat, { dtype: "int8", axis: 0, symmetric: true, reduceRange: options.reduceRange }, value.name);
  const quantized = quantizeWeight(flat, params, "int8", 0);
  const paramDims = options.perChannel ? [directions, rows] : [directions];
  const home = value.graph!;
  return {
    values: home.addInitializer(`${value.name}_quantized`, swapLastAxes(quantized.values, directions, rows, inputs)),
    scale: home.addInitializer(`${value.name}_scale`, quantized.scale.reshape(paramDims)),
    zeroPoint: home.addInitializer(`${value.name}_zero_point`, quantized.zeroPoint.reshape(paramDims)),
  };
}

function swapLastAxes(tensor: Tensor, directions: number, rows: number, columns: number): Tensor {
  const data = tensor.data() as Int8Array;
  const out = new Int8Array(data.length);
  for (let d = 0; d < directions; d++) {
    const base = d * rows * columns;
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[base + c * rows + r] = data[base + r * columns + c]!;
  }
  return Tensor.from("int8", [directions, columns, rows], out);
}
