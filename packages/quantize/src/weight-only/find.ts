/** Which weights are quantized, and with which numbers. */
import type { Graph, Node } from "@lathe/core";
import { quantizeErrors } from "../errors.ts";
import { weightOnlyErrors } from "./errors.ts";
import type { BlockAlgorithm } from "./fit.ts";
import type { MatrixOptions } from "./matrix.ts";
import type { WeightFormat, WeightOnlyOptions } from "./options.ts";
import { isHead, productOf, type Product } from "./products.ts";

/** A node that stays as it is, and why. */
export interface Left {
  readonly node: string;
  readonly reason: string;
}

/** @throws QUANT_ALREADY, WEIGHT_ONLY_COMBINATION */
export function checkModel(graph: Graph, { algorithm, symmetric, realZeroPoints, clip, target, bits, headBits, overrides }: WeightOnlyOptions, format: WeightFormat): void {
  for (const node of graph.allNodes()) if (/^(MatMulNBits|MatMulBnb4|GatherBlockQuantized)$/.test(node.opType)) throw quantizeErrors.QUANT_ALREADY({ node: node.label });
  const refuse = (reason: string): never => {
    throw weightOnlyErrors.WEIGHT_ONLY_COMBINATION({ node: "all weights", reason });
  };
  if ((algorithm === "k-quant" || algorithm === "hqq") && symmetric) refuse(`${algorithm} has zero points and cannot be symmetric`);
  if (realZeroPoints && (algorithm !== "hqq" || format !== "nbits")) refuse("real zero points are for algorithm hqq and format nbits");
  if ((format === "nf4" || format === "fp4") && algorithm !== "default") refuse(`format ${format} has a codebook of its own and takes no algorithm`);
  if (clip && algorithm !== "awq") refuse("clip is a step of algorithm awq");
  if (target !== "tensorrt" || format !== "qdq") return;
  const own = Object.values(overrides ?? {});
  if (algorithm === "k-quant" || algorithm === "hqq" || [symmetric, ...own.map((o) => o.symmetric)].includes(false)) refuse("TensorRT takes no zero points");
  if ([bits, headBits, ...own.map((o) => o.bits)].some((b) => b !== undefined && b !== 4)) refuse("of integers in blocks TensorRT takes those of 4 bits alone");
}

const isNamed = (node: Node, { nodes, excludeNodes }: WeightOnlyOptions): boolean =>
  !excludeNodes?.includes(node.name) && (!nodes || nodes.length === 0 || nodes.includes(node.name));

/** Products with a constant matrix, in all graphs. Candidates that cannot be quantized are added to `left`. */
export function findProducts(root: Graph, options: WeightOnlyOptions, left: Left[]): Product[] {
  const found: Product[] = [];
  for (const graph of root.allGraphs()) {
    for (const node of graph.nodes) {
      if (node.domain !== "" || !(options.opTypes as readonly string[]).includes(node.opType) || !isNamed(node, options)) continue;
      const product = productOf(node, graph);
      const reason = typeof product === "string" ? product : product.view.tensor.size < options.minElements ? "its weight is small" : undefined;
      if (reason !== undefined) left.push({ node: node.label, reason });
      else found.push(product as Product);
    }
  }
  return found;
}

/** Gathers along axis 0 of a constant table. */
export function findTables(root: Graph, options: WeightOnlyOptions): Node[] {
  if (options.embeddingBits === undefined) return [];
  return [...root.allNodes()].filter((node) => {
    if (!node.is("Gather") || node.int("axis", 0) !== 0 || !isNamed(node, options)) return false;
    const table = node.input(0)!;
    const tensor = table.isInitializer ? table.tensor! : undefined;
    return tensor !== undefined && /^b?float(16|32)$/.test(tensor.dtype) && tensor.dims.length >= 2 && tensor.size >= options.minElements && node.input(1) !== undefined;
  });
}

/** How the weight of a product is quantized: its own settings, those of heads, those of all. */
export function matrixOptions(product: Product, { algorithm, bits, blockSize, symmetric, headBits, overrides, realZeroPoints, target }: WeightOnlyOptions, format: WeightFormat): MatrixOptions {
  const own = overrides?.[product.node.name];
  // The scales of ONNX Runtime's quantizer may be negative, which TensorRT refuses.
  const plain: BlockAlgorithm = target === "tensorrt" ? "rtn" : "default";
  const asked: BlockAlgorithm = algorithm === "gptq" || algorithm === "awq" || algorithm === "default" ? plain : algorithm;
  return {
    algorithm: asked,
    bits: own?.bits ?? (headBits !== undefined && isHead(product.node.out) ? headBits : bits),
    blockSize: own?.blockSize ?? blockSize ?? (format === "nf4" || format === "fp4" ? 64 : 32),
    symmetric: own?.symmetric ?? symmetric ?? !(asked === "k-quant" || asked === "hqq"),
    realZeros: realZeroPoints,
    signed: format === "qdq" && asked === "default" && algorithm === "default",
  };
}
