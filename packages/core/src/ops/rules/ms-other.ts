/** Shape rules of com.microsoft's remaining operators. */
import type { Dim } from "../../ir/type.ts";
import { addDims, divDims, mulDims, subDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { atLeastRank, axisOf, sameAs } from "../shape.ts";
import { dtypeFromId } from "../../dtype.ts";

type Infer = (c: InferContext) => void;

export const inferCDist: Infer = (c) => c.set(0, undefined, [c.shape(0)?.[0] ?? null, c.shape(1)?.[0] ?? null]);

export const inferExpandDims: Infer = (c) => {
  const x = c.shape(0);
  const given = c.dims(1)?.[0];
  if (!x || typeof given !== "number") return;
  const axis = axisOf(c, given, x.length + 1);
  c.set(0, c.dtype(0), [...x.slice(0, axis), 1, ...x.slice(axis)]);
};

/** CropAndResize: [regions, channels, height, width]. */
export const inferCropAndResize: Infer = (c) => {
  const [height = null, width = null] = c.dims(3) ?? [];
  c.set(0, c.dtype(0), [c.shape(1)?.[0] ?? null, c.shape(0)?.[1] ?? null, height, width]);
};

/** Rfft and Irfft: a last axis of 2 holds real and imaginary parts; the transformed axis is halved when one-sided. */
export const inferRfft: Infer = (c) => {
  atLeastRank(c, 0, 1);
  const x = c.shape(0);
  if (!x) return;
  const last = c.node.int("onesided", 1) !== 0 ? addDims(divDims(x.at(-1)!, 2), 1) : x.at(-1)!;
  c.set(0, c.dtype(0), [...x.slice(0, -1), last, 2]);
};

export const inferIrfft: Infer = (c) => {
  atLeastRank(c, 0, 2);
  const x = c.shape(0);
  if (!x) return;
  const bins = x.at(-2)!;
  c.set(0, c.dtype(0), [...x.slice(0, -2), c.node.int("onesided", 1) !== 0 ? mulDims(subDims(bins, 1), 2) : bins]);
};

export const inferTorchEmbedding: Infer = (c) => {
  const indices = c.shape(1);
  c.set(0, c.dtype(0), indices && [...indices, c.shape(0)?.[1] ?? null]);
};

/** UnfoldTensor: windows of `size` along `dim` become a last axis. */
export const inferUnfoldTensor: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return;
  const axis = axisOf(c, c.node.int("dim", -1), x.length);
  const size = c.node.int("size", 1);
  c.set(0, c.dtype(0), [...x.map((d, i) => (i === axis ? addDims(divDims(subDims(d, size), c.node.int("step", 1)), 1) : d)), size]);
};

/** Scalar verdicts. */
export const scalar: Infer = (c) => c.set(0, undefined, []);

export const inferDynamicTimeWarping: Infer = (c) => c.set(0, "int32", [2, c.symbol("path")]);

/** Tokenizer: strings [..., ] to [..., longest]. */
export const inferTokenizer: Infer = (c) => {
  const x = c.shape(0);
  c.set(0, "string", x && [...x, c.symbol("tokens")]);
};

/** WordConvEmbedding: characters [sequence, word] to [sequence, features]. */
export const inferWordConvEmbedding: Infer = (c) => {
  const x = c.shape(0);
  c.set(0, c.dtype(1), x && [...x.slice(0, -1), c.shape(1)?.[0] ?? null]);
};

export const inferUnique: Infer = (c) => {
  const count = c.symbol("count");
  c.set(0, c.dtype(0), [count]);
  c.set(1, "int64", c.shape(0) ?? [null]);
  c.set(2, "int64", [count]);
};

/** BiasSplitGelu: half of the last axis gates the other half. */
export const inferBiasSplitGelu: Infer = (c) => {
  atLeastRank(c, 0, 1);
  const x = c.shape(0);
  c.set(0, c.dtype(0), x && [...x.slice(0, -1), divDims(x.at(-1)!, 2)]);
};

/** Dropout with one mask bit per element, 32 in a word. */
export const inferBitmaskDropout: Infer = (c) => {
  sameAs(0)(c);
  const size = c.shape(0)?.reduce<Dim>(mulDims, 1);
  if (c.outputCount > 1) c.set(1, "uint32", size === undefined ? undefined : [divDims(addDims(size, 31), 32)]);
};

export const inferBiasDropout: Infer = (c) => {
  sameAs(0)(c);
  if (c.outputCount > 1) c.set(1, "bool", c.shape(0));
};

/** Convolution with carried state: [batch, channels, length], state [batch, channels, kernel - 1]. */
export const inferCausalConv: Infer = (c) => {
  sameAs(0)(c);
  const [x, w, state] = [c.shape(0), c.shape(1), c.shape(3)];
  if (c.outputCount > 1) c.set(1, c.dtype(0), state ?? (c.node.int("ndim", 1) === 1 ? [x?.[0] ?? null, x?.[1] ?? null, mulDims(subDims(w?.at(-1) ?? null, 1), c.node.int("dilation", 1))] : undefined));
};

/** BeamSearch and relatives: [batch, beams returned, max length]. */
export const inferSearch = (beams: number | undefined): Infer => (c) => {
  const batch = c.shape(0)?.[0] ?? null;
  const longest = c.dims(1)?.[0] ?? null;
  c.set(0, "int32", beams === undefined ? [batch, longest] : [batch, c.dims(beams)?.[0] ?? null, longest]);
};

/** DequantizeBFP: the shape is an input. */
export const inferDequantizeBfp: Infer = (c) => c.set(0, dtypeFromId(c.node.int("dtype", 1)), c.dims(1));
