/**
 * MLAS, the kernel library of ONNX Runtime, has a direct int8 convolution for x64 (convsym.cpp) that takes input channels in groups of
 * four only. Others are copied pixel by pixel first: on images of one or three channels the first layer then takes longer than ten later
 * ones. How the channels of such a convolution are made to fit: two by two pixels become channels where it steps over two (fewer and longer
 * reads), else zeros are added. Known from the float convolution already: saturation.ts looks at the neighbours that weights will have.
 */
import type { Node } from "@lathe/core";
import { foldOffsets, foldPlan, type FoldPlan } from "./fold-stride.ts";
import { NOTHING, type Rearranged } from "./rearrange.ts";

/** Input channels that the kernel takes at once. */
const GROUP = 4;
/** The kernel wants as many output channels at least, and a multiple of {@link GROUP}. */
const LEAST_OUTPUTS = 16;

export interface Alignment {
  /** undefined: zeros are added. */
  readonly fold: FoldPlan | undefined;
  readonly weights: Rearranged;
}

/** undefined when the channels fit, or the kernel would not take the convolution anyway. */
export function alignment(conv: Node): Alignment | undefined {
  const dims = conv.input(1)?.shape;
  if (!conv.is("Conv") || conv.int("group", 1) !== 1 || !dims || !dims.every((d) => typeof d === "number")) return undefined;
  const [outputs, inputs, ...kernel] = dims as [number, number, ...number[]];
  if (inputs % GROUP === 0 || outputs < LEAST_OUTPUTS || outputs % GROUP !== 0 || kernel.every((k) => k === 1)) return undefined;
  const fold = foldPlan(conv);
  return { fold, weights: fold ? foldOffsets([inputs, kernel[0]!, kernel[1]!], fold) : padOffsets(inputs, kernel) };
}

/** Zeros behind the channels. */
function padOffsets(inputs: number, kernel: readonly number[]): Rearranged {
  const window = kernel.reduce((p, d) => p * d, 1);
  const wanted = Math.ceil(inputs / GROUP) * GROUP;
  return { dims: [wanted, ...kernel], offsets: Int32Array.from({ length: wanted * window }, (_, i) => (i < inputs * window ? i : NOTHING)) };
}
