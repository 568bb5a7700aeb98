/** Which constants of an exported model are parameters that training should change. */
import type { Graph, Value } from "@lathe/core";

/** Input slots that hold parameters, by operator. */
const slots: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2], ConvTranspose: [1, 2], Gemm: [1, 2], PRelu: [1], Gather: [0],
  BatchNormalization: [1, 2], LayerNormalization: [1, 2], RMSNormalization: [1], InstanceNormalization: [1, 2], GroupNormalization: [1, 2],
  LSTM: [1, 2, 3], GRU: [1, 2, 3],
};

/** Operators whose constant operand is a parameter only when it has more than one element: a scalar there is part of a formula. */
const elementwise = new Set(["MatMul", "Add", "Mul", "Sub", "Div", "Einsum"]);

/** Operators that show all of their first input in another form. */
const wholeViews = new Set(["Reshape", "Transpose", "Unsqueeze", "Squeeze", "Identity", "QuantizeLinear", "DequantizeLinear", "Cast"]);

/** True when a consumer reads the value in a place where parameters stand. Views of a parameter (Reshape, Transpose ...) are followed. */
export function isParameter(value: Value, depth = 0): boolean {
  const size = value.tensor?.size ?? 0;
  return value.uses.some(({ node, index }) => {
    if (node.domain !== "") return false;
    if (slots[node.opType]?.includes(index)) return true;
    if (elementwise.has(node.opType)) return size > 1 || depth > 0;
    return index === 0 && wholeViews.has(node.opType) && depth < 4 && node.outputs.some((out) => out !== null && isParameter(out, depth + 1));
  });
}

/** Operators that multiply with a kernel or a matrix, and in which slots. */
const products: Readonly<Record<string, readonly number[]>> = { Conv: [1], ConvTranspose: [1], Gemm: [0, 1], MatMul: [0, 1], Einsum: [0, 1] };
const views = new Set([...wholeViews, "Slice", "Split"]);

/** True when a convolution or a matrix product multiplies with the value, or with a view of it. */
export function isKernel(value: Value, depth = 0): boolean {
  return value.uses.some(({ node, index }) => {
    if (node.domain !== "") return false;
    if (products[node.opType]?.includes(index)) return true;
    return index === 0 && views.has(node.opType) && depth < 5 && node.outputs.some((out) => out !== null && isKernel(out, depth + 1));
  });
}

/** Float32 initializers of the main graph that are parameters, in file order. */
export const parametersOf = (graph: Graph): Value[] => [...graph.initializers].filter((v) => v.tensor!.dtype === "float32" && isParameter(v));
