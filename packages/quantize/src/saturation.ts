/**
 * Saturation-safe weights for x64 CPUs without VNNI. VPMADDUBSW multiplies uint8 by int8 and adds two neighbouring products in int16,
 * so 255 * (w0 + w1) must stay within it: two codes of the same sign may add up to 128 at most. Only output channels in which some
 * pair breaks that bound get a larger scale, and only as much larger as needed; a reduced range would cost every channel a whole bit.
 *
 * Which codes are neighbours follows from how ONNX Runtime's kernels (MLAS) pack the reduced axis: consecutive, in groups of four.
 * A convolution is reduced over (channel, row, column) in the NCHW kernel and over (row, column, channel) in the NHWC one; both again
 * with the weights where x64 targets put them for the engine's direct convolution (tune/alignment.ts).
 */
import type { Node, Tensor } from "@lathe/core";
import type { QuantParams } from "./params.ts";
import { alignment } from "./tune/alignment.ts";
import type { Rearranged } from "./tune/rearrange.ts";

/** Greatest sum of two neighbouring codes of one sign that cannot overflow beside uint8 activations. */
export const SAFE_PAIR = 128;

/** Offsets of the elements that one output channel is reduced over, in each order a kernel may use. */
export interface ReductionLayout {
  readonly channels: number;
  /** Offset of the first element of a channel. */
  start(channel: number): number;
  /** Offsets from the start, in order; negative where there is a zero. */
  readonly orders: readonly Int32Array[];
}

/** Layout of a weight in the node that reads it; undefined when the node has no such kernel. */
export function reductionLayout(node: Node, dims: readonly number[]): ReductionLayout | undefined {
  if (node.opType === "Conv" && dims.length >= 3) return convLayout(node, dims);
  if (dims.length !== 2 || (node.opType !== "MatMul" && node.opType !== "Gemm")) return undefined;
  const [rows, columns] = [dims[0]!, dims[1]!];
  const transposed = node.opType === "Gemm" && node.int("transB", 0) === 1;
  return transposed
    ? { channels: rows, start: (c) => c * columns, orders: [Int32Array.from({ length: columns }, (_, k) => k)] }
    : { channels: columns, start: (c) => c, orders: [Int32Array.from({ length: rows }, (_, k) => k * columns)] };
}

function convLayout(node: Node, [outputs, ...one]: readonly number[]): ReductionLayout {
  const size = product(one);
  const places: Rearranged[] = [{ dims: one, offsets: Int32Array.from({ length: size }, (_, k) => k) }];
  const aligned = alignment(node);
  if (aligned) places.push(aligned.weights);
  return { channels: outputs!, start: (c) => c * size, orders: places.flatMap(({ dims, offsets }) => [offsets, channelsLast(dims, offsets)]) };
}

/** [C, ...window] as [...window, C]. */
function channelsLast([inputs, ...spatial]: readonly number[], offsets: Int32Array): Int32Array {
  const window = product(spatial);
  return offsets.map((_, k) => offsets[(k % inputs!) * window + Math.floor(k / inputs!)]!);
}

const product = (dims: readonly number[]): number => dims.reduce((p, d) => p * d, 1);

/** Widens the scales of channels whose int8 codes could overflow. Per-tensor parameters follow the worst channel. */
export function widenForSaturation(weight: Tensor, params: readonly QuantParams[], layout: ReductionLayout): readonly QuantParams[] {
  const data = weight.toFloat32();
  const scales = params.map((p) => p.scale);
  for (let channel = 0; channel < layout.channels; channel++) {
    const at = params.length === 1 ? 0 : channel;
    for (let worst = worstPair(data, scales[at]!, channel, layout); worst > SAFE_PAIR; worst = worstPair(data, scales[at]!, channel, layout)) {
      scales[at] = Math.fround(scales[at]! * Math.max(worst / SAFE_PAIR, 1 + 2 ** -10));
    }
  }
  return params.map((p, i) => (p.scale === scales[i] ? p : { ...p, scale: scales[i]! }));
}

/** Largest magnitude that two neighbouring codes of one sign add up to. */
function worstPair(data: Float32Array, scale: number, channel: number, { start, orders }: ReductionLayout): number {
  const base = start(channel);
  let worst = 0;
  for (const order of orders) {
    for (let k = 0; k + 1 < order.length; k += 2) {
      const [i, j] = [order[k]!, order[k + 1]!];
      const a = i < 0 ? 0 : Math.round(data[base + i]! / scale);
      const b = j < 0 ? 0 : Math.round(data[base + j]! / scale);
      const sum = Math.max(Math.max(a, 0) + Math.max(b, 0), -(Math.min(a, 0) + Math.min(b, 0)));
      if (sum > worst) worst = sum;
    }
  }
  return worst;
}
