/** How many products or terms one result of a node sums: what rounding errors in 16 bits grow with. */
import { isStatic, type Node } from "@lathe/core";

const product = (dims: readonly number[]): number => dims.reduce((p, d) => p * d, 1);

/** Terms of each sum; undefined when the node sums nothing, or the number is not known. */
export function reductionDepth(node: Node): number | undefined {
  const [x, w] = [node.input(0)?.shape, node.input(1)?.shape];
  if (node.is("Conv") && isStatic(w)) return product(w.slice(1));
  if (node.is("ConvTranspose") && isStatic(w)) return (w[0]! / node.int("group", 1)) * product(w.slice(2));
  if (node.is("MatMul") && w) return numeric(w.length > 1 ? w.at(-2) : w[0]);
  if (node.is("Gemm") && w) return numeric(node.int("transB", 0) === 1 ? w[1] : w[0]);
  if (!/^(ReduceMean|ReduceSum|ReduceSumSquare|ReduceL1|ReduceL2|ReduceLogSum|ReduceLogSumExp|GlobalAveragePool)$/.test(node.opType) || node.domain !== "") return undefined;
  const y = node.output(0)?.shape;
  return isStatic(x) && isStatic(y) && product(y) > 0 ? product(x) / product(y) : undefined;
}

const numeric = (d: number | string | null | undefined): number | undefined => (typeof d === "number" ? d : undefined);
