/**
 * Why ONNX Runtime leaves a node of a quantized model in float. Each row is a precondition of its QDQ fusion on the CPU; the first one
 * that does not hold is the reason. Source: the selectors of ONNX Runtime 1.30 and experiments with it.
 */
import type { Node, Value } from "@lathe/core";

const isDq = (node: Node | undefined): boolean => node?.opType === "DequantizeLinear";
const isQ = (node: Node | undefined): boolean => node?.opType === "QuantizeLinear";

/** Operators that have an integer kernel on the CPU when their neighbours are quantizers. */
const integerKernels = new Set([
  "Conv", "MatMul", "Gemm", "Add", "Mul", "Sigmoid", "LeakyRelu", "Softmax", "Concat", "Where", "AveragePool", "GlobalAveragePool", "MaxPool",
  "Resize", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Gather", "Split", "Pad", "ArgMax", "LSTM", "Attention",
]);
/** Those that can also give float outputs: the others need a quantizer behind them. */
const floatOutput = new Set(["MatMul", "Gemm"]);

interface Check {
  readonly reason: string;
  readonly remedy: string;
  applies(node: Node): boolean;
}

const floatInputs = (node: Node): Value[] => node.inputs.filter((v): v is Value => v?.dtype === "float32");

const checks: readonly Check[] = [
  {
    reason: "ONNX Runtime has no integer kernel for this operator on the CPU",
    remedy: "leave it out of opTypes, so that no time goes into quantizing around it",
    applies: (n) => !integerKernels.has(n.opType),
  },
  {
    reason: "it is not quantized",
    remedy: "add its operator to opTypes, or take it out of excludeNodes",
    applies: (n) => !floatInputs(n).some((v) => isDq(v.producer)),
  },
  {
    reason: "an input is not quantized",
    remedy: "quantize what makes that input too",
    applies: (n) => floatInputs(n).some((v, i) => i < 2 && !isDq(v.producer)),
  },
  {
    reason: "its activations have 16 bits, for which the CPU has no kernels",
    remedy: "use 8-bit activations",
    applies: (n) => floatInputs(n).some((v) => /int16/.test(v.producer?.input(0)?.dtype ?? "") && !v.producer?.input(0)?.constant),
  },
  {
    reason: "its output leaves the graph without a quantizer",
    remedy: "set graphOutputs, or accept it for the last layer",
    applies: (n) => n.out.isGraphOutput && !floatOutput.has(n.opType),
  },
  {
    reason: "its output goes to more than one node",
    remedy: "quantize all of its consumers, so that one quantizer stands behind it",
    applies: (n) => n.out.useCount > 1,
  },
  {
    reason: "no quantizer stands behind it",
    remedy: "quantize its consumer as well, or take its operator out of floatOutputs",
    applies: (n) => !floatOutput.has(n.opType) && !n.out.consumers.every(isQ),
  },
  {
    reason: "its bias is quantized with a scale other than input scale * weight scale",
    remedy: "quantize the float model again",
    applies: hasForeignBiasScale,
  },
  {
    reason: "its activations are int8, which x64 fuses only where each tensor has a single consumer",
    remedy: "use uint8 activations on x64",
    applies: (n) => floatInputs(n).some((v) => v.producer?.input(0)?.dtype === "int8" && !v.producer.input(0)!.constant),
  },
];

function hasForeignBiasScale(node: Node): boolean {
  const [x, w, b] = [0, 1, 2].map((i) => node.input(i)?.producer?.input(1)?.constant?.toFloat32());
  if ((node.opType !== "Conv" && node.opType !== "Gemm") || !x || !w || !b) return false;
  return b.some((scale, i) => Math.fround(x[0]! * w[w.length === 1 ? 0 : i]!) !== scale);
}

export interface Reason {
  readonly reason: string;
  readonly remedy: string;
}

/** Why `node`, of the quantized model as written, stays float. */
export function whyFloat(node: Node): Reason {
  const found = checks.find((check) => check.applies(node));
  return found ? { reason: found.reason, remedy: found.remedy } : { reason: "ONNX Runtime did not fuse it, for no reason known here", remedy: "please report the model" };
}
