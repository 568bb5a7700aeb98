/**
 * Where quantizers go, one row per operator. The rules are those of ONNX Runtime's tool, because its graph optimizer fuses
 * exactly these patterns into integer kernels.
 */
import type { Node } from "@lathe/core";
import type { Planner } from "./plan.ts";

export type Placement = (node: Node, plan: Planner) => void;

const everything: Placement = (node, plan) => {
  for (const input of node.inputs) plan.activation(input ?? undefined);
  plan.outputs(node);
};

/** Moves values: the output has the input's parameters, and is quantized only when the input is. */
const passThrough: Placement = (node, plan) => {
  const input = node.input(0);
  if (!input) return;
  if (plan.options.quantizeMoves) plan.activation(input);
  if (plan.isPlanned(input) && !plan.keepsOutput(node)) plan.sameAs(node.output(0), input, node);
};

const convLike = (axis: number): Placement => (node, plan) => {
  plan.activation(node.input(0));
  plan.outputs(node);
  plan.weight(node.input(1), axis, node.opType);
  plan.bias(node, 2);
};

const gemm: Placement = (node, plan) => {
  plan.activation(node.input(0));
  plan.outputs(node);
  plan.weight(node.input(1), node.int("transB", 0) === 1 ? 0 : 1, node.opType);
  plan.bias(node, 2, node.float("beta", 1));
};

const matMul: Placement = (node, plan) => {
  for (const input of node.inputs) plan.weight(input ?? undefined, 1, node.opType);
  plan.outputs(node);
};

const normalization: Placement = (node, plan) => {
  plan.activation(node.input(0));
  plan.weight(node.input(1), 1, node.opType);
  plan.bias(node, 2);
  plan.outputs(node);
};

const removable: Placement = (node, plan) => {
  const input = node.input(0);
  if (!input || !plan.isPlanned(input)) return;
  if (!plan.absorb(node)) plan.activation(input);
  plan.outputs(node);
};

const split: Placement = (node, plan) => {
  const input = node.input(0);
  if (!input) return;
  plan.activation(input);
  if (!plan.keepsOutput(node)) for (const output of node.outputs) plan.sameAs(output ?? undefined, input, node);
};

const gather: Placement = (node, plan) => {
  const table = node.input(0);
  if (!table) return;
  if (table.constant || plan.options.quantizeMoves) plan.activation(table);
  if (plan.isPlanned(table)) plan.sameAs(node.output(0), table, node);
};

const where: Placement = (node, plan) => {
  if (plan.options.quantizeMoves) for (const index of [1, 2]) plan.activation(node.input(index));
  if (plan.isPlanned(node.input(1)) && plan.isPlanned(node.input(2))) plan.outputs(node);
};

const pad: Placement = (node, plan) => {
  const input = node.input(0);
  if (!input) return;
  for (const value of node.inputs) plan.activation(value ?? undefined);
  if (plan.keepsOutput(node)) return;
  if (padKeepsRange(node, plan.opset)) plan.sameAs(node.output(0), input, node);
  else plan.outputs(node);
};

/** Padding with zero or with the input's own values adds nothing outside the input's range (which always holds 0). */
function padKeepsRange(node: Node, opset: number): boolean {
  if (node.string("mode", "constant") !== "constant") return true;
  if (opset < 11) return node.float("value", 0) === 0;
  const value = node.input(2);
  return value ? value.constant?.toNumbers()[0] === 0 : true;
}

const from = (opset: number, rule: Placement): Placement => (node, plan) => {
  if (plan.opset >= opset) rule(node, plan);
};

/** Operators that can be quantized statically, and how; `default` serves operators a caller names beyond these. */
export const placement: Readonly<Record<string, Placement>> = {
  default: everything,
  Conv: convLike(0),
  ConvTranspose: convLike(1),
  Gemm: gemm,
  MatMul: matMul,
  Add: everything,
  Mul: everything,
  ArgMax: everything,
  CumSum: everything,
  Sigmoid: everything,
  LeakyRelu: everything,
  Softmax: everything,
  Concat: everything,
  GlobalAveragePool: everything,
  Relu: removable,
  Clip: removable,
  MaxPool: from(12, passThrough),
  Resize: from(11, passThrough),
  AveragePool: passThrough,
  Reshape: passThrough,
  Transpose: passThrough,
  Squeeze: passThrough,
  Unsqueeze: passThrough,
  Flatten: passThrough,
  Slice: passThrough,
  TopK: passThrough,
  Split: split,
  Gather: gather,
  GatherElements: gather,
  Where: where,
  Pad: pad,
  InstanceNormalization: normalization,
  LayerNormalization: normalization,
  BatchNormalization: normalization,
  EmbedLayerNormalization: everything,
};

/** Operator types quantized when the caller names none: those ONNX Runtime's tool takes. */
export const staticOpTypes: readonly string[] = Object.keys(placement).filter((name) => name !== "default");
