import { attr } from "../ir/attribute.ts";
import { Node } from "../ir/node.ts";
import type { Dim } from "../ir/type.ts";
import type { Value } from "../ir/value.ts";
import { onlyConsumer, removeUnused, soleProducer } from "./edit.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite } from "./scope.ts";

const floats = new Set(["float32", "float16", "float64", "bfloat16"]);
const isQuantized = (value: Value | undefined): boolean => value?.producer?.is("DequantizeLinear") ?? false;

/** The bias broadcasts to [m, n] without making it larger. */
function fitsBias(bias: Value, n: Dim | undefined, m: Dim | undefined): boolean {
  const { shape } = bias;
  if (!shape || shape.length > 2 || typeof n !== "number") return false;
  const last = shape.at(-1) ?? 1;
  const first = shape.length === 2 ? shape[0] : 1;
  return (last === 1 || last === n) && (first === 1 || (typeof first === "number" && first === m));
}

/** MatMul of two matrices plus a bias is a Gemm. Quantized operands stay as they are: engines look for MatMul there. */
const matMulAdd: Rewrite = ({ node, graph, opset }) => {
  if (!node.is("Add") || opset < 7) return false;
  const side = soleProducer(node.input(0), "MatMul") ? 0 : 1;
  const product = soleProducer(node.input(side), "MatMul");
  const bias = node.input(1 - side);
  const [a, b] = [product?.input(0), product?.input(1)];
  if (!product || !bias || !a || !b || a.rank !== 2 || b.rank !== 2 || isQuantized(a) || isQuantized(b)) return false;
  if (!a.dtype || !floats.has(a.dtype) || bias.producer === product || !fitsBias(bias, b.shape![1], a.shape![0])) return false;
  const gemm = graph.insertBefore(node, new Node({ opType: "Gemm", name: product.name, inputs: [a, b, bias] }));
  graph.replaceNode(node, gemm);
  removeUnused(product);
  return true;
};

/** Gemm reads a transposed matrix by itself. */
const transposeIntoGemm: Rewrite = ({ node }) => {
  if (!node.is("Gemm")) return false;
  let modified = false;
  for (const [index, name] of [[0, "transA"], [1, "transB"]] as const) {
    const value = node.input(index);
    const transpose = value?.producer;
    if (!transpose?.is("Transpose") || transpose.ints("perm")?.join() !== "1,0" || !onlyConsumer(value!) || !transpose.input(0)) continue;
    node.setInput(index, transpose.input(0)!);
    node.setAttribute(name, attr.int(node.int(name, 0) === 0 ? 1 : 0));
    removeUnused(transpose);
    modified = true;
  }
  return modified;
};

export const toGemm: Pass = nodePass("to-gemm", "Turns MatMul and Add on matrices into Gemm, and Transpose in front of Gemm into its attribute.", matMulAdd, transposeIntoGemm);
