/**
 * A convolution that steps over two pixels reads blocks of two by two: with the pixels of a block as channels (SpaceToDepth) it is one of
 * half the kernel that steps over one. Along an axis with `before` pixels of padding, output y reads rows 2y - before + i, i < kernel. With
 * blocks of padding b = ceil(before / 2) and shift = 2b - before, row i is half (i + shift) % 2 of block y - b + floor((i + shift) / 2).
 * The products are the same, in another order.
 */
import { autoPad, windowAttributes, type Node, type Shape } from "@lathe/core";
import { NOTHING, type Rearranged } from "./rearrange.ts";

interface Axis {
  readonly shift: number;
  readonly kernel: number;
  readonly before: number;
  readonly after: number;
}

export interface FoldPlan {
  readonly axes: readonly [Axis, Axis];
  readonly inputShape: Shape;
  readonly kernel: readonly number[];
  readonly pads: readonly number[];
}

/** undefined when the convolution is none of stride two over an image of even and known size. */
export function foldPlan(conv: Node): FoldPlan | undefined {
  const [shape, dims] = [conv.input(0)?.shape, conv.input(1)?.shape];
  if (shape?.length !== 4 || dims?.length !== 4 || autoPad(conv) !== "NOTSET") return undefined;
  const { strides, dilations, pads } = windowAttributes(conv, 2);
  if (strides.some((s) => s !== 2) || dilations.some((d) => d !== 1)) return undefined;
  const axes = [0, 1].map((i) => foldAxis(shape[i + 2], dims[i + 2], pads[i]!, pads[i + 2]!));
  const [y, x] = axes;
  if (!y || !x) return undefined;
  const [batch, , height, width] = shape as [Shape[number], Shape[number], number, number];
  const channels = dims[1] as number;
  return {
    axes: [y, x],
    inputShape: [batch, channels * 4, height / 2, width / 2],
    kernel: [y.kernel, x.kernel],
    pads: [y.before, x.before, y.after, x.after],
  };
}

function foldAxis(size: unknown, kernel: unknown, before: number, after: number): Axis | undefined {
  if (typeof size !== "number" || size % 2 !== 0 || typeof kernel !== "number") return undefined;
  const outputs = Math.floor((size + before + after - kernel) / 2) + 1;
  const blocks = Math.ceil(before / 2);
  const shift = 2 * blocks - before;
  const folded = Math.floor((kernel - 1 + shift) / 2) + 1;
  const behind = outputs - size / 2 - blocks + folded - 1;
  return behind < 0 ? undefined : { shift, kernel: folded, before: blocks, after: behind };
}

/** One output's weights [C, kh, kw] as [4 C, kh', kw']; channel (2 dy + dx) C + c, as SpaceToDepth orders them. */
export function foldOffsets([channels, height, width]: readonly [number, number, number], { axes: [y, x] }: FoldPlan): Rearranged {
  const wide = channels * 4;
  const offsets = new Int32Array(wide * y.kernel * x.kernel).fill(NOTHING);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const [row, column] = [i + y.shift, j + x.shift];
        const channel = ((row % 2) * 2 + (column % 2)) * channels + c;
        offsets[(channel * y.kernel + (row >> 1)) * x.kernel + (column >> 1)] = at++;
      }
    }
  }
  return { dims: [wide, y.kernel, x.kernel], offsets };
}
