/** Matrix products with a constant right side: what weight-only quantization works on. */
import type { Graph, Node, Value } from "@lathe/core";
import type { MatrixView } from "./blocks.ts";

export interface Product {
  readonly node: Node;
  readonly graph: Graph;
  readonly activation: Value;
  /** The initializer. */
  readonly weight: Value;
  readonly view: MatrixView;
  /** Added to the product (the third input of Gemm). */
  readonly bias: Value | undefined;
  /** A Transpose between the initializer and the product; the view looks through it. */
  readonly transpose: Node | undefined;
}

const weightTypes = new Set(["float32", "float16", "bfloat16"]);

/** The product that `node` is, or why it is none that can be quantized. */
export function productOf(node: Node, graph: Graph): Product | string {
  const [activation, given] = [node.input(0), node.input(1)];
  if (!activation || !given) return "an input is missing";
  const { weight, transpose } = behindTranspose(given);
  const tensor = weight.isInitializer ? weight.tensor : undefined;
  if (!tensor) return "its right side is computed";
  if (activation.constant) return "both sides are constant";
  if (!weightTypes.has(tensor.dtype)) return `its weight is ${tensor.dtype}`;
  if (activation.dtype !== undefined && activation.dtype !== tensor.dtype) return `its activation is ${activation.dtype}, its weight ${tensor.dtype}`;
  const { dims } = tensor;
  if (dims.length < 2) return "its weight is a vector";
  if (dims.slice(0, -2).some((d) => d !== 1)) return "its weight is a stack of matrices";
  if (dims.length > 2 && (activation.rank ?? 0) < dims.length) return "its weight has more dimensions than its activation";
  if (dims.includes(0)) return "its weight is empty";
  let transposed = transpose !== undefined;
  if (node.is("Gemm")) {
    if (node.int("transA", 0) !== 0) return "its left side is transposed";
    if (node.float("alpha", 1) !== 1 || (node.input(2) && node.float("beta", 1) !== 1)) return "alpha or beta is not 1";
    if (node.int("transB", 0) !== 0) transposed = !transposed;
  }
  const [rows, columns] = dims.slice(-2) as [number, number];
  const view = { tensor, name: weight.name, k: transposed ? columns : rows, n: transposed ? rows : columns, transposed };
  return { node, graph, activation, weight, view, bias: node.is("Gemm") ? node.input(2) : undefined, transpose };
}

/** A tied head is the embedding table behind a Transpose. */
function behindTranspose(value: Value): { weight: Value; transpose: Node | undefined } {
  const producer = value.producer;
  const source = producer?.is("Transpose") ? producer.input(0) : undefined;
  if (!source?.isInitializer || source.tensor!.dims.length !== 2) return { weight: value, transpose: undefined };
  const perm = producer!.ints("perm", [1, 0]);
  return perm[0] === 1 ? { weight: source, transpose: producer } : { weight: value, transpose: undefined };
}

const passOn = new Set(["Add", "Cast", "Identity", "Reshape", "Mul", "Div", "Softcap", "Squeeze", "Unsqueeze"]);

/** True when the result leaves the model, at most shifted, scaled, cast or reshaped. */
export function isHead(value: Value): boolean {
  if (value.isGraphOutput && !value.graph?.parent) return true;
  return value.uses.length > 0 && value.uses.every(({ node }) => passOn.has(node.opType) && isHead(node.out));
}
