/** MatMul and Gemm with activations quantized at run time. ONNX Runtime fuses the pattern to DynamicQuantizeMatMul or MatMulIntegerToFloat. */
import { Node, Tensor, Value, attr, tensorType, type Graph } from "@lathe/core";
import type { DynamicOptions } from "./options.ts";
import type { DynamicScope } from "./scope.ts";

/** X -> DynamicQuantizeLinear -> MatMulInteger -> Cast -> Mul by the product of the scales. */
export function matMulInteger(node: Node, graph: Graph, scope: DynamicScope, options: DynamicOptions): void {
  const [a, b] = [node.input(0)!, node.input(1)!];
  const x = scope.activation(a, graph);
  const w = b.constant
    ? scope.weight(b, { dtype: options.weightType, axis: options.perChannel ? -1 : undefined, symmetric: options.symmetricWeights, reduceRange: options.reduceRange })
    : scope.activation(b, graph);
  const label = node.name || node.out.name;
  const sum = new Value(`${node.out.name}_output_quantized`, tensorType("int32", node.out.shape));
  const integer = new Node({ opType: "MatMulInteger", name: `${label}_quant`, inputs: [x.values, w.values, x.zeroPoint, w.zeroPoint], outputs: [sum] });
  restoreFloat(node, graph, integer, sum, [x.scale, w.scale], label);
}

/** integer op -> Cast to float -> Mul by the product of the scales, in place of `node`. Gives the last node. */
export function restoreFloat(node: Node, graph: Graph, integer: Node, sum: Value, scales: readonly [Value, Value], label: string): Node {
  graph.insertBefore(node, integer);
  const cast = new Node({ opType: "Cast", name: `${sum.name}_cast`, inputs: [sum], outputs: [new Value(`${sum.name}_cast_output`, tensorType("float32", node.out.shape))], attributes: { to: attr.int(1) } });
  graph.insertBefore(node, cast);
  const product = new Node({ opType: "Mul", name: `${label}_quant_scales_mul`, inputs: scales, outputs: [new Value(`${label}_quant_scales_mul:0`, tensorType("float32"))] });
  graph.insertBefore(node, product);
  const scaled = new Node({ opType: "Mul", name: `${label}_quant_output_scale_mul`, inputs: [cast.out, product.out], outputs: [new Value("", node.out.type)] });
  return graph.replaceNode(node, scaled);
}

/**
 * Gemm with alpha = beta = 1 and A as it is becomes MatMul and Add, so that it can be quantized. Gives the MatMul,
 * or undefined when the Gemm has to stay.
 */
export function splitGemm(node: Node, graph: Graph): Node | undefined {
  if (node.float("alpha", 1) !== 1 || node.float("beta", 1) !== 1 || node.int("transA", 0) !== 0) return undefined;
  const [a, b, c] = [node.input(0)!, node.input(1)!, node.input(2)];
  const right = node.int("transB", 0) === 1 ? transposed(b, node, graph) : b;
  const label = node.name || node.out.name;
  const matMul = new Node({ opType: "MatMul", name: `${label}_MatMul`, inputs: [a, right], outputs: [new Value(c ? `${node.out.name}_MatMul` : "", node.out.type)] });
  if (!c) return graph.replaceNode(node, matMul);
  graph.insertBefore(node, matMul);
  graph.replaceNode(node, new Node({ opType: "Add", name: `${label}_Add`, inputs: [matMul.out, c], outputs: [new Value("", node.out.type)] }));
  return matMul;
}

function transposed(b: Value, node: Node, graph: Graph): Value {
  if (b.constant) return b.graph!.addInitializer(b.name, transpose(b.constant));
  const shape = b.shape ? [...b.shape].reverse() : undefined;
  const made = new Node({ opType: "Transpose", name: `${node.name || node.out.name}_Transpose`, inputs: [b], outputs: [new Value(`${b.name}_Transposed`, tensorType(b.dtype, shape))] });
  graph.insertBefore(node, made);
  return made.out;
}

function transpose(tensor: Tensor): Tensor {
  const [rows, columns] = [tensor.dims[0]!, tensor.dims[1]!];
  const data = tensor.toFloat32();
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c]!;
  return Tensor.from("float32", [columns, rows], out);
}
