/** Layers that low precision does not make faster on tensor cores: too narrow, or products with a vector. */
import type { Node } from "@lathe/core";
import type { Planner } from "../plan.ts";

const TILE = 16;
/** Taps of a window beyond which float8 kernels do not exist. */
const MOST_FLOAT8_TAPS = 32;

const product = (dims: readonly number[]): number => dims.reduce((p, d) => p * d, 1);

/** @param outputs axis of the weight that counts output channels: 0, or 1 for ConvTranspose */
export function whyNotConv(node: Node, outputs: number, float8: boolean): string | undefined {
  const dims = node.input(1)?.constant?.dims;
  if (!dims) return "its weight is not constant";
  const groups = node.int("group", 1);
  const kernel = dims.slice(2);
  const [out, own] = outputs === 0 ? [dims[0]!, dims[1]!] : [dims[1]! * groups, dims[0]! / groups];
  if (float8) {
    if (out <= TILE || own <= TILE) return `float8 kernels need more than ${TILE} channels, and it has ${own} in, ${out} out`;
    return product(kernel) > MOST_FLOAT8_TAPS ? `float8 kernels end at ${MOST_FLOAT8_TAPS} taps, and it has ${product(kernel)}` : undefined;
  }
  if (groups > 1) return out % 8 === 0 && kernel.every((k) => k >= 3) ? undefined : `grouped int8 kernels need windows of 3 and a multiple of 8 channels; it has ${kernel.join("x")} and ${out}`;
  if (own >= TILE && out >= TILE) return undefined;
  const aligned = (own % 8 === 0 || out % 8 === 0) && kernel.every((k) => k === kernel[0]);
  const first = node.input(0)?.isGraphInput === true;
  return aligned && (first || own >= TILE || out >= TILE) ? undefined : `it is too narrow for tensor cores: ${own} channels in, ${out} out`;
}

/** MatMul and Gemm of an activation [.., M, K] with a weight [K, N]. */
export function whyNotProduct(node: Node, _plan: Planner): string | undefined {
  const dims = node.input(1)?.constant?.dims;
  if (!dims || dims.length < 2) return "its second operand is no constant matrix";
  if (node.input(0)?.constant) return "its first operand is constant";
  const transposed = node.is("Gemm") && node.int("transB", 0) === 1;
  const [k, n] = transposed ? [dims.at(-1)!, dims.at(-2)!] : [dims.at(-2)!, dims.at(-1)!];
  const rows = (node.input(0)?.shape ?? [null]).slice(0, -1);
  const vector = n === 1 || (rows.length > 0 && rows.every((d) => d === 1));
  if (vector) return "it multiplies a vector";
  return k < TILE || n < TILE ? `it is too narrow for tensor cores: ${k} inputs, ${n} outputs` : undefined;
}
