/** Puts the operators that read quantized weights in place of float products and Gathers. */
import { Node, Value, attr, tensorType, type Attribute, type Graph } from "@lathe/core";
import type { MatrixOptions } from "./matrix.ts";
import type { Product } from "./products.ts";

/** Initializers that hold a quantized weight. */
export interface WeightValues {
  readonly codes: Value;
  readonly scales: Value;
  readonly zeros: Value | undefined;
}

const given = (...values: readonly (Value | undefined)[]): (Value | null)[] => values.filter((v) => v !== undefined);

/** MatMulNBits, and Add for a bias. */
export function emitNbits(product: Product, { codes, scales, zeros }: WeightValues, { bits, blockSize }: MatrixOptions, accuracyLevel: number): void {
  const { k, n } = product.view;
  const attributes = {
    K: attr.int(k), N: attr.int(n), bits: attr.int(bits), block_size: attr.int(blockSize), ...(accuracyLevel > 0 ? { accuracy_level: attr.int(accuracyLevel) } : {}),
  };
  replaceProduct(product, "MatMulNBits", "com.microsoft", given(product.activation, codes, scales, zeros), attributes, `_Q${bits}`);
}

export function emitBnb4(product: Product, codes: Value, absmax: Value, type: "nf4" | "fp4", blockSize: number): void {
  const { k, n } = product.view;
  const attributes = { K: attr.int(k), N: attr.int(n), block_size: attr.int(blockSize), quant_type: attr.int(type === "nf4" ? 1 : 0) };
  replaceProduct(product, "MatMulBnb4", "com.microsoft", [product.activation, codes, absmax], attributes, "_Bnb4");
}

/** Blocked DequantizeLinear in front of a MatMul; each product gets its own, because ONNX Runtime fuses only those with one reader. */
export function emitQdq(product: Product, { codes, scales, zeros }: WeightValues, { blockSize }: MatrixOptions): void {
  const { node, graph, view, weight } = product;
  const label = node.name || node.out.name;
  const restored = new Node({
    opType: "DequantizeLinear", name: `${label}_DequantizeLinear`, inputs: given(codes, scales, zeros),
    outputs: [new Value(`${label}_weight`, tensorType(weight.dtype, [view.k, view.n]))], attributes: { axis: attr.int(0), block_size: attr.int(blockSize) },
  });
  graph.insertBefore(node, restored);
  replaceProduct(product, "MatMul", "", [product.activation, restored.out], {}, "");
}

export function emitGather(node: Node, graph: Graph, indices: Value, { codes, scales, zeros }: WeightValues, { bits, blockSize }: MatrixOptions, rank: number): void {
  const attributes = { gather_axis: attr.int(0), quantize_axis: attr.int(rank - 1), block_size: attr.int(blockSize), bits: attr.int(bits) };
  graph.replaceNode(node, new Node({
    opType: "GatherBlockQuantized", domain: "com.microsoft", name: node.name && `${node.name}_Q${bits}`, inputs: given(codes, indices, scales, zeros),
    outputs: [new Value("", node.out.type)], attributes,
  }));
}

function replaceProduct(product: Product, opType: string, domain: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>>, suffix: string): void {
  const { node, graph, bias, transpose } = product;
  const { name } = node;
  const { name: result, type } = node.out;
  const made = (output: Value): Node => new Node({ opType, domain, name: name && `${name}${suffix}`, inputs, outputs: [output], attributes });
  if (bias) {
    const inner = graph.insertBefore(node, made(new Value(`${result}_product`, type)));
    graph.replaceNode(node, new Node({ opType: "Add", name: `${name || result}_bias`, inputs: [inner.out, bias], outputs: [new Value("", type)] }));
  } else graph.replaceNode(node, made(new Value("", type)));
  if (transpose?.graph && transpose.out.isUnused) transpose.graph.remove(transpose);
}
