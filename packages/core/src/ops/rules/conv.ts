/** Shape and cost rules of convolutions. */
import type { Dim, Shape } from "../../ir/type.ts";
import { mulDims } from "../dim.ts";
import type { Cost, CostContext, InferContext } from "../op.ts";
import { slide, unslide, windowOf } from "./window.ts";

type Infer = (c: InferContext) => void;

interface Places {
  /** Inputs that hold the data and the filter. */
  readonly x?: number;
  readonly w?: number;
}

const channelsLast = (c: InferContext, always: boolean): boolean => always || c.node.int("channels_last", 0) !== 0;

/** Batch, channels and spatial lengths of a tensor in either layout. */
function split(shape: Shape, last: boolean): { batch: Dim; channels: Dim; spatial: Shape } {
  const [batch = null] = shape;
  return last
    ? { batch, channels: shape.at(-1) ?? null, spatial: shape.slice(1, -1) }
    : { batch, channels: shape[1] ?? null, spatial: shape.slice(2) };
}

const joinLayout = (batch: Dim, channels: Dim, spatial: readonly Dim[], last: boolean): Shape =>
  last ? [batch, ...spatial, channels] : [batch, channels, ...spatial];

/** Y of Conv: [N, M, ...] with M filters; filter W is [M, C / group, ...kernel]. */
export const inferConv = ({ x = 0, w = 1 }: Places = {}, alwaysLast = false): Infer => (c) => {
  const [data, filter] = [c.shape(x), c.shape(w)];
  const last = channelsLast(c, alwaysLast);
  if (!data) return c.set(0, undefined, undefined);
  const { batch, channels, spatial } = split(data, last);
  if (data.length < 3) c.fail(`expects data of rank 3 or more, but [${data.join(",")}] came`);
  if (filter && filter.length !== data.length) c.fail(`expects data and filter of one rank, but [${data.join(",")}] and [${filter.join(",")}] came`);
  const group = c.node.int("group", 1);
  const perGroup = filter?.[1];
  if (!last && typeof channels === "number" && typeof perGroup === "number" && channels !== perGroup * group) {
    c.fail(`expects ${perGroup * group} input channels (filter [${filter!.join(",")}], group ${group}), but ${channels} came`);
  }
  const kernel = c.node.ints("kernel_shape") ?? filter?.slice(2) ?? spatial.map(() => null);
  c.set(0, undefined, joinLayout(batch, filter?.[0] ?? null, slide(c.node, spatial, windowOf(c.node, spatial, kernel, c.fail)), last));
};

/** Y of ConvTranspose: [N, M, ...]; filter W is [C, M / group, ...kernel]. */
export const inferConvTranspose: Infer = (c) => {
  const [data, filter] = [c.shape(0), c.shape(1)];
  if (!data) return c.set(0, undefined, undefined);
  if (filter && filter.length !== data.length) c.fail(`expects data and filter of one rank, but [${data.join(",")}] and [${filter.join(",")}] came`);
  if (typeof data[1] === "number" && typeof filter?.[0] === "number" && data[1] !== filter[0]) c.fail(`expects ${filter[0]} input channels, but ${data[1]} came`);
  const spatial = data.slice(2);
  const kernel = c.node.ints("kernel_shape") ?? filter?.slice(2) ?? spatial.map(() => null);
  const channels = filter ? mulDims(filter[1] ?? null, c.node.int("group", 1)) : null;
  c.set(0, undefined, [data[0] ?? null, channels, ...unslide(c.node, spatial, windowOf(c.node, spatial, kernel, c.fail))]);
};

/** ConvTransposeWithDynamicPads (com.microsoft): padding is an input, so lengths are known only when it is constant. */
export const inferConvTransposeDynamic: Infer = (c) => {
  inferConvTranspose(c);
  const [data, filter, pads] = [c.shape(0), c.shape(1), c.dims(2)];
  if (!data || !filter || !c.has(2)) return;
  const n = data.length - 2;
  if (pads && pads.length !== 2 * n) c.fail(`expects ${2 * n} pads, but ${pads.length} came`);
  const bare = unslide(c.node, data.slice(2), windowOf(c.node, data.slice(2), filter.slice(2), c.fail));
  const known = pads?.every((p) => typeof p === "number") ? (pads as readonly number[]) : undefined;
  const spatial = bare.map((d, i) => (known && typeof d === "number" ? d - known[i]! - known[n + i]! : null));
  c.set(0, undefined, [data[0] ?? null, mulDims(filter[1] ?? null, c.node.int("group", 1)), ...spatial]);
};

const count = (shape: readonly number[] | undefined): number => (shape ?? []).reduce((product, d) => product * d, 1);

/** Each output element sums C / group * kernel products. */
export const convCost = ({ w = 1 }: Places = {}) => (c: CostContext): Cost => {
  const [filter, y] = [c.shape(w), c.outShape(0)];
  const out = count(y);
  return { macs: out * count(filter?.slice(1)), elementOps: c.node.input(w + 1) ? out : 0 };
};

/** Each input element feeds M / group * kernel products. */
export const convTransposeCost = (c: CostContext): Cost =>
  ({ macs: count(c.shape(0)) * count(c.shape(1)?.slice(1)), elementOps: c.node.input(2) ? count(c.outShape(0)) : 0 });

/** A deformable convolution samples each tap bilinearly: 4 further products per tap and input channel. */
export const deformConvCost = (c: CostContext): Cost => {
  const [x, filter, y] = [c.shape(0), c.shape(1), c.outShape(0)];
  const taps = count(y?.slice(2)) * count(filter?.slice(2)) * (y?.[0] ?? 0);
  return { macs: count(y) * count(filter?.slice(1)) + 4 * taps * (x?.[1] ?? 0) };
};

/** com.microsoft.nchwc ReorderInput: channels become a whole number of blocks, which depends on the processor. */
export const inferReorderInput: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return;
  const { batch, channels, spatial } = split(x, channelsLast(c, false));
  const whole = typeof channels === "number" && channels % 16 === 0;
  c.set(0, undefined, [batch, whole ? channels : null, ...spatial]);
};

export const inferReorderOutput: Infer = (c) => {
  const x = c.shape(0);
  if (x) c.set(0, undefined, joinLayout(x[0] ?? null, c.node.int("channels") ?? null, x.slice(2), channelsLast(c, false)));
};

/** com.microsoft.nchwc Upsample: whole-number scales. */
export const inferNchwcUpsample: Infer = (c) => {
  const [x, scales] = [c.shape(0), c.node.ints("scales")];
  if (x) c.set(0, undefined, x.map((d, i) => mulDims(d, scales?.[i] ?? 1)));
};

