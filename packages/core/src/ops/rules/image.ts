/** Shape rules of image operators. */
import { nonMaxSuppression } from "../evaluate/detect.ts";
import type { Dim } from "../../ir/type.ts";
import { divDims, productDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { unknownShape } from "./axes.ts";

type Infer = (c: InferContext) => void;

/** size [N, C, H, W] or [N, C, D, H, W] to a grid [N, H, W, 2] or [N, D, H, W, 3]. */
export const inferAffineGrid: Infer = (c) => {
  const size = c.dims(1);
  const rank = c.shape(1)?.[0];
  if (size) c.set(0, undefined, [size[0]!, ...size.slice(2), size.length - 2]);
  else if (typeof rank === "number") c.set(0, undefined, [c.shape(0)?.[0] ?? null, ...unknownShape(rank - 2), rank - 2]);
};

export const inferGridSample: Infer = (c) => {
  const [x, grid] = [c.shape(0), c.shape(1)];
  if (x && grid) c.set(0, c.dtype(0), [x[0] ?? grid[0]!, x[1]!, ...grid.slice(1, -1)]);
};

/** Columns [N, C * block, L] to images [N, C, image...]. */
export const inferCol2Im: Infer = (c) => {
  const [x, block] = [c.shape(0), c.dims(2)];
  const rank = c.shape(1)?.[0];
  const image = c.dims(1) ?? (typeof rank === "number" ? unknownShape(rank) : undefined);
  if (!x || !image) return;
  c.set(0, undefined, [x[0]!, block ? divDims(x[1]!, productDims(block)) : null, ...image]);
};

export const inferImageDecoder: Infer = (c) => {
  const channels = c.node.string("pixel_format", "RGB") === "Grayscale" ? 1 : 3;
  c.set(0, "uint8", [c.symbol("height"), c.symbol("width"), channels]);
};

/** How many boxes are selected is known only when boxes and scores are constant. */
export const inferNonMaxSuppression: Infer = (c) => {
  const selected = nonMaxSuppression(c.node, c.node.inputs.map((_, i) => c.constant(i)), c.opset)?.[0];
  c.set(0, "int64", selected?.dims ?? [c.symbol("selected"), 3]);
};

/** One pooled map of every region; regions are the rows of input 1. */
const pooled = (c: InferContext, height: number | undefined, width: number | undefined): void => {
  const channels: Dim = c.shape(0)?.[1] ?? null;
  c.set(0, c.dtype(0), [c.shape(1)?.[0] ?? null, channels, height ?? null, width ?? null]);
};

export const inferRoiAlign: Infer = (c) => pooled(c, c.node.int("output_height", 1), c.node.int("output_width", 1));

export const inferMaxRoiPool: Infer = (c) => {
  const [height, width] = c.node.ints("pooled_shape") ?? [];
  pooled(c, height, width);
};
