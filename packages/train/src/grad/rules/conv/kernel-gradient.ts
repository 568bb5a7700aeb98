/**
 * Gradient of a convolution's kernel: dW[o, i, tap] = sum over batch and positions of dy[o] * x[i, position shifted by the tap].
 * Four ways to write it with standard operators, chosen by shape; which is fastest was measured with ONNX Runtime on CPU
 * (docs/packages/train.md):
 * - separable: copies of x shifted along the last axis times copies of dy shifted along the first, one product for all taps; stride 1,
 *   depthwise or with few channels;
 * - by tap: one strided slice of x and one product for each tap; 1x1 kernels, strides and many channels;
 * - grouped: batch and channels change places and a grouped Conv with dy as its kernel does the sum; strided depthwise convolutions;
 * - columns: all taps side by side (im2col), one product; the first layer.
 */
import { attr, type GradContext, type Value } from "@lathe/core";
import { ints, range, reduceSum, transpose } from "../../build.ts";
import { all, product, tuples, type Geometry } from "./geometry.ts";

/** As [smallChannels, largeChannels / group, kernel...]. */
export function kernelGradient(c: GradContext, large: Value, small: Value, g: Geometry, form = kernelGradientForm(g)): Value {
  return forms[form](c, padded(c, large, g), small, g);
}

export type Form = "grouped" | "separable" | "byTap" | "columns";

/** The fastest form for these sizes, as bench/train-conv.ts measures them. */
export function kernelGradientForm(g: Geometry): Form {
  const shifts = g.rank === 2 && all(g.strides, 1) && all(g.dilations, 1);
  if (g.group > 1) return shifts ? "separable" : g.largeChannels === g.group ? "grouped" : "columns";
  if (all(g.kernel, 1)) return "byTap";
  if (g.largeChannels <= 4) return "columns";
  return shifts && g.largeChannels * g.smallChannels < 1024 ? "separable" : "byTap";
}

const forms: Readonly<Record<Form, (c: GradContext, source: Value, small: Value, g: Geometry) => Value>> = { grouped, separable, byTap, columns };

const reshape = (c: GradContext, x: Value, dims: readonly number[]): Value => c.emit("Reshape", [x, ints(c, dims)]);

export function padded(c: GradContext, x: Value, g: Geometry): Value {
  if (all([...g.begin, ...g.end], 0)) return x;
  return c.emit("Pad", [x, ints(c, [0, 0, ...g.begin, 0, 0, ...g.end])]);
}

/** The values that one kernel tap meets: [N, C, small...]. */
function tapOf(c: GradContext, source: Value, g: Geometry, tap: readonly number[]): Value {
  const starts = tap.map((t, i) => t * g.dilations[i]!);
  const ends = starts.map((s, i) => s + (g.small[i]! - 1) * g.strides[i]! + 1);
  const whole = starts.every((s, i) => s === 0 && ends[i] === g.large[i]! + g.begin[i]! + g.end[i]!) && all(g.strides, 1);
  return whole ? source : c.emit("Slice", [source, ints(c, starts), ints(c, ends), ints(c, range(2, 2 + g.rank)), ints(c, g.strides)]);
}

function columns(c: GradContext, source: Value, small: Value, g: Geometry): Value {
  const taps = tuples(g.kernel);
  const positions = product(g.small);
  const [perGroupLarge, perGroupSmall] = [g.largeChannels / g.group, g.smallChannels / g.group];
  const shifted = taps.map((tap) => reshape(c, tapOf(c, source, g, tap), [0, g.group, perGroupLarge, positions]));
  const stacked = shifted.length === 1 ? shifted[0]! : c.emit("Concat", shifted, { axis: attr.int(2) });
  const rows = reshape(c, small, [0, g.group, perGroupSmall, positions]);
  const batched = c.emit("MatMul", [rows, transpose(c, stacked, [0, 1, 3, 2])]);
  const byTap = reshape(c, reduceSum(c, batched, [0], false), [g.smallChannels, taps.length, perGroupLarge]);
  return reshape(c, transpose(c, byTap, [0, 2, 1]), [g.smallChannels, perGroupLarge, ...g.kernel]);
}

function byTap(c: GradContext, source: Value, small: Value, g: Geometry): Value {
  const positions = product(g.small);
  const rows = reshape(c, small, [0, g.smallChannels, positions]);
  const taps = tuples(g.kernel).map((tap) => {
    const columns = reshape(c, tapOf(c, source, g, tap), [0, g.largeChannels, positions]);
    const summed = reduceSum(c, c.emit("MatMul", [rows, transpose(c, columns, [0, 2, 1])]), [0], false);
    return reshape(c, summed, [g.smallChannels, g.largeChannels, 1]);
  });
  const stacked = taps.length === 1 ? taps[0]! : c.emit("Concat", taps, { axis: attr.int(2) });
  return reshape(c, stacked, [g.smallChannels, g.largeChannels, ...g.kernel]);
}

/**
 * Two spatial axes. x contributes one copy for each horizontal tap, [N, groups, kw * Ci, T] with T = padded rows * output columns; dy one copy for
 * each vertical tap, [N, groups, Co * kh, T], row a delayed by a lines. The delay costs nothing: dy followed by kh lines of zeros, written kh times
 * in a row (the last time without the zeros) and cut into rows of T, is delayed by one more line in each row.
 */
function separable(c: GradContext, source: Value, small: Value, g: Geometry): Value {
  const [kh = 1, kw = 1] = g.kernel;
  const [oh = 1, ow = 1] = g.small;
  const length = (oh + kh - 1) * ow;
  const [perGroupLarge, perGroupSmall] = [g.largeChannels / g.group, g.smallChannels / g.group];
  const shifted = range(0, kw).map((b) => reshape(c, kw === 1 ? source : c.emit("Slice", [source, ints(c, [b]), ints(c, [b + ow]), ints(c, [3])]), [0, g.group, perGroupLarge, length]));
  const wide = shifted.length === 1 ? shifted[0]! : c.emit("Concat", shifted, { axis: attr.int(2) });
  const flat = reshape(c, small, [0, g.smallChannels, oh * ow]);
  const withGap = kh === 1 ? flat : c.emit("Pad", [flat, ints(c, [0, 0, 0, 0, 0, kh * ow])]);
  const delayed = kh === 1 ? flat : c.emit("Concat", [...range(1, kh).map(() => withGap), flat], { axis: attr.int(2) });
  const rows = reshape(c, delayed, [0, g.group, perGroupSmall * kh, length]);
  const batched = c.emit("MatMul", [rows, transpose(c, wide, [0, 1, 3, 2])]);
  const byTap = reshape(c, reduceSum(c, batched, [0], false), [g.smallChannels, kh, kw, perGroupLarge]);
  return transpose(c, byTap, [0, 3, 1, 2]);
}

/**
 * x as one image of channels * N channels, dy as kernels [smallChannels, N, small...]: a grouped Conv whose strides are the dilations of
 * the forward pass and whose dilations are its strides. Positions beyond the kernel (columns that the stride left unused) are cut off.
 */
function grouped(c: GradContext, source: Value, small: Value, g: Geometry): Value {
  const swap = [1, 0, ...range(2, 2 + g.rank)];
  const sizes = g.large.map((size, i) => size + g.begin[i]! + g.end[i]!);
  const image = reshape(c, transpose(c, source, swap), [1, -1, ...sizes]);
  const product = c.emit("Conv", [image, transpose(c, small, swap)], {
    group: attr.int(g.group), strides: attr.ints(g.dilations), dilations: attr.ints(g.strides), kernel_shape: attr.ints(g.small),
  });
  const extents = sizes.map((size, i) => Math.floor((size - (g.small[i]! - 1) * g.strides[i]! - 1) / g.dilations[i]!) + 1);
  const axes = range(2, 2 + g.rank);
  const cut = extents.every((e, i) => e === g.kernel[i]) ? product : c.emit("Slice", [product, ints(c, axes.map(() => 0)), ints(c, g.kernel), ints(c, axes)]);
  return reshape(c, cut, [g.smallChannels, 1, ...g.kernel]);
}
