/**
 * Gradients of convolutions. The weight gradient is one batched product over the columns of x (im2col: one strided slice a kernel tap);
 * the input gradient is a transposed convolution. Any rank, stride, dilation, padding and group count.
 */
import { Tensor, attr, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { each, ints, reduceSum, shapeOf, transpose, unsupported } from "../build.ts";

interface Geometry {
  readonly rank: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly group: number;
  /** Spatial sizes of the larger (input of Conv) and the smaller side (output of Conv). */
  readonly large: readonly number[];
  readonly small: readonly number[];
  readonly largeChannels: number;
  readonly smallChannels: number;
}

function staticSpatial(c: GradContext, value: Value): number[] {
  const spatial = shapeOf(c, value).slice(1);
  if (!spatial.every((d) => typeof d === "number")) return unsupported(c, `symbolic channels or spatial size of "${value.name}"`);
  return spatial as number[];
}

function geometry(c: GradContext, large: Value, small: Value): Geometry {
  const { node } = c;
  const weight = shapeOf(c, c.input(1)) as number[];
  const kernel = weight.slice(2);
  const rank = kernel.length;
  const [largeChannels = 0, ...largeSizes] = staticSpatial(c, large);
  const [smallChannels = 0, ...smallSizes] = staticSpatial(c, small);
  const ones = kernel.map(() => 1);
  const strides = node.ints("strides", ones);
  const dilations = node.ints("dilations", ones);
  const { begin, end } = padding(c, kernel, strides, dilations, largeSizes, smallSizes);
  return { rank, kernel, strides, dilations, begin, end, group: node.int("group", 1), large: largeSizes, small: smallSizes, largeChannels, smallChannels };
}

/** Explicit pads, or those that auto_pad stands for given both sizes. */
function padding(c: GradContext, kernel: readonly number[], strides: readonly number[], dilations: readonly number[], large: readonly number[], small: readonly number[]): { begin: number[]; end: number[] } {
  const mode = c.node.string("auto_pad", "NOTSET");
  const pads = c.node.ints("pads", kernel.flatMap(() => [0, 0]));
  if (mode === "NOTSET" || mode === "VALID") return { begin: pads.slice(0, kernel.length), end: pads.slice(kernel.length) };
  const total = kernel.map((k, i) => Math.max(0, (small[i]! - 1) * strides[i]! + (k - 1) * dilations[i]! + 1 - large[i]!));
  const less = total.map((t) => Math.floor(t / 2));
  const more = total.map((t, i) => t - less[i]!);
  return mode === "SAME_UPPER" ? { begin: less, end: more } : { begin: more, end: less };
}

/** All index tuples below `sizes`, last fastest. */
function tuples(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>((rows, size) => rows.flatMap((row) => Array.from({ length: size }, (_, i) => [...row, i])), [[]]);
}

const reshape = (c: GradContext, x: Value, dims: readonly number[]): Value => c.emit("Reshape", [x, ints(c, dims)]);

const product = (values: readonly number[]): number => values.reduce((p, v) => p * v, 1);

/** x padded with zeros; negative pads are not met here because ONNX forbids them for convolutions. */
function padded(c: GradContext, x: Value, g: Geometry): Value {
  if ([...g.begin, ...g.end].every((p) => p === 0)) return x;
  return c.emit("Pad", [x, ints(c, [0, 0, ...g.begin, 0, 0, ...g.end])]);
}

/** The values that one kernel tap meets: [N, C, small...]. */
function tapOf(c: GradContext, source: Value, g: Geometry, tap: readonly number[]): Value {
  const starts = tap.map((t, i) => t * g.dilations[i]!);
  const ends = starts.map((s, i) => s + (g.small[i]! - 1) * g.strides[i]! + 1);
  const axes = tap.map((_, i) => i + 2);
  return c.emit("Slice", [source, ints(c, starts), ints(c, ends), ints(c, axes), ints(c, g.strides)]);
}

/**
 * Gradient of the kernel, as [smallChannels, largeChannels / group, kernel...]: for every tap, the product over batch and positions
 * of the small side's gradient with the large side's values.
 */
function kernelGradient(c: GradContext, large: Value, small: Value, g: Geometry): Value {
  const source = padded(c, large, g);
  const taps = tuples(g.kernel);
  const positions = product(g.small);
  const [perGroupLarge, perGroupSmall] = [g.largeChannels / g.group, g.smallChannels / g.group];
  const columns = taps.map((tap) => reshape(c, tapOf(c, source, g, tap), [0, g.group, perGroupLarge, positions]));
  const stacked = columns.length === 1 ? columns[0]! : c.emit("Concat", columns, { axis: attr.int(2) });
  const rows = reshape(c, small, [0, g.group, perGroupSmall, positions]);
  const batched = c.emit("MatMul", [rows, transpose(c, stacked, [0, 1, 3, 2])]);
  const summed = reduceSum(c, batched, [0], false);
  const byTap = reshape(c, summed, [g.smallChannels, taps.length, perGroupLarge]);
  return reshape(c, transpose(c, byTap, [0, 2, 1]), [g.smallChannels, perGroupLarge, ...g.kernel]);
}

/** Scatters the small side back to the large one: a transposed convolution sized to give exactly the large side. */
function spread(c: GradContext, small: Value, weight: Value, g: Geometry): Value {
  const outputPadding = g.large.map((size, i) => size - ((g.small[i]! - 1) * g.strides[i]! + (g.kernel[i]! - 1) * g.dilations[i]! + 1 - g.begin[i]! - g.end[i]!));
  if (outputPadding.every((p) => p === 0) && g.strides.every((s) => s === 1) && g.group === 1) {
    const flipped = flippedKernel(c, weight, g);
    const pads = [...g.begin, ...g.end].map((p, i) => (g.kernel[i % g.rank]! - 1) * g.dilations[i % g.rank]! - p);
    if (pads.every((p) => p >= 0)) return c.emit("Conv", [small, flipped], { pads: attr.ints(pads), dilations: attr.ints(g.dilations), kernel_shape: attr.ints(g.kernel) });
  }
  return c.emit("ConvTranspose", [small, weight], {
    strides: attr.ints(g.strides), dilations: attr.ints(g.dilations), group: attr.int(g.group), kernel_shape: attr.ints(g.kernel),
    pads: attr.ints([...g.begin, ...g.end]), output_padding: attr.ints(outputPadding),
  });
}

/** [Co, Ci, k...] -> [Ci, Co, k reversed...]. */
function flippedKernel(c: GradContext, weight: Value, g: Geometry): Value {
  const swapped = transpose(c, weight, [1, 0, ...g.kernel.map((_, i) => i + 2)]);
  const axes = g.kernel.map((_, i) => i + 2).filter((axis) => g.kernel[axis - 2]! > 1);
  if (axes.length === 0) return swapped;
  const lowest = axes.map(() => -Number.MAX_SAFE_INTEGER);
  return c.emit("Slice", [swapped, ints(c, axes.map(() => -1)), ints(c, lowest), ints(c, axes), ints(c, axes.map(() => -1))]);
}

const biasGradient = (c: GradContext, dy: Value, rank: number): Value => {
  const overSpace = reduceSum(c, dy, Array.from({ length: rank }, (_, i) => i + 2), false);
  return reduceSum(c, overSpace, [0], false);
};

const conv: GradRule = (c) => {
  const dy = c.dy(0)!;
  const g = geometry(c, c.input(0), c.output(0));
  return each(c, [() => spread(c, dy, c.input(1), g), () => kernelGradient(c, c.input(0), dy, g), () => biasGradient(c, dy, g.rank)]);
};

/** ConvTranspose is Conv's input gradient, so the roles of the two sides swap: dx is a plain Conv of dy. */
const convTranspose: GradRule = (c) => {
  const [x, w, dy] = [c.input(0), c.input(1), c.dy(0)!];
  if (c.node.attributes.has("output_shape")) return unsupported(c, "output_shape (give pads instead)");
  const g = geometry(c, c.output(0), x);
  return each(c, [
    () => c.emit("Conv", [dy, w], { strides: attr.ints(g.strides), dilations: attr.ints(g.dilations), group: attr.int(g.group), kernel_shape: attr.ints(g.kernel), pads: attr.ints([...g.begin, ...g.end]) }),
    () => kernelGradient(c, dy, x, g),
    () => biasGradient(c, dy, g.rank),
  ]);
};

/** AveragePool is a convolution with equal weights, one channel at a time. */
const averagePool: GradRule = (c) => {
  const { node } = c;
  const kernel = node.ints("kernel_shape", []);
  const [x, y, dy] = [c.input(0), c.output(0), c.dy(0)!];
  if (node.int("ceil_mode", 0) === 1) return unsupported(c, "ceil_mode");
  const [channels = 0, ...large] = staticSpatial(c, x);
  const [, ...small] = staticSpatial(c, y);
  const ones = kernel.map(() => 1);
  const strides = node.ints("strides", ones);
  const dilations = node.ints("dilations", ones);
  const { begin, end } = padding(c, kernel, strides, dilations, large, small);
  const g: Geometry = { rank: kernel.length, kernel, strides, dilations, begin, end, group: channels, large, small, largeChannels: channels, smallChannels: channels };
  const weight = c.constant(Tensor.from("float32", [channels, 1, ...kernel], new Float32Array(channels * product(kernel)).fill(1)));
  const share = node.int("count_include_pad", 0) === 1 || [...begin, ...end].every((p) => p === 0)
    ? c.constant(Tensor.from("float32", [], [1 / product(kernel)]))
    : c.constant(windowShares(g));
  return [spread(c, c.emit("Mul", [dy, share]), weight, g)];
};

/** 1 / (number of real elements in the window), for each output position: [1, 1, small...]. */
function windowShares(g: Geometry): Tensor {
  const values = tuples(g.small).map((at) => 1 / product(at.map((o, i) => {
    let real = 0;
    for (let k = 0; k < g.kernel[i]!; k++) {
      const position = o * g.strides[i]! + k * g.dilations[i]! - g.begin[i]!;
      if (position >= 0 && position < g.large[i]!) real++;
    }
    return real;
  })));
  return Tensor.from("float32", [1, 1, ...g.small], values);
}

/**
 * The maximum's position gets the gradient. MaxPool's Indices output says where; windows that overlap add up (ScatterElements with add,
 * over the flattened plane of each image and channel).
 */
const maxPool: GradRule = (c) => {
  const { node } = c;
  const [x, dy] = [c.input(0), c.dy(0)!];
  if (node.int("storage_order", 0) === 1) return unsupported(c, "storage_order 1");
  if (!node.output(1)) node.addOutput();
  const indices = c.output(1);
  const [channels = 0, ...large] = staticSpatial(c, x);
  const plane = product(large);
  const small = staticSpatial(c, c.output(0)).slice(1);
  // Indices count over the whole [N, C, plane] block; inside one plane they are that modulo the plane.
  const within = c.emit("Mod", [indices, c.constant(Tensor.int64([plane], []))]);
  const flatIndices = reshape(c, within, [0, channels, product(small)]);
  const flat = reshape(c, dy, [0, channels, product(small)]);
  const zeros = c.emit("Expand", [c.constant(Tensor.from("float32", [], [0])), c.emit("Shape", [reshape(c, x, [0, channels, plane])])]);
  const scattered = c.emit("ScatterElements", [zeros, flatIndices, flat], { axis: attr.int(2), reduction: attr.string("add") });
  return [reshape(c, scattered, [0, channels, ...large])];
};

const globalAveragePool: GradRule = (c) => {
  const [, ...spatial] = staticSpatial(c, c.input(0));
  const share = c.emit("Mul", [c.dy(0)!, c.constant(Tensor.from("float32", [], [1 / product(spatial)]))]);
  return [c.emit("Expand", [share, c.emit("Shape", [c.input(0)])])];
};

const globalMaxPool: GradRule = (c) => {
  const [x, y] = [c.input(0), c.output(0)];
  const mask = c.emit("Cast", [c.emit("Equal", [x, y])], { to: attr.int(1) });
  const axes = Array.from({ length: shapeOf(c, x).length - 2 }, (_, i) => i + 2);
  return [c.emit("Mul", [c.emit("Div", [mask, reduceSum(c, mask, axes, true)]), c.dy(0)!])];
};

const rule = (name: string, grad: GradRule): OpRules => ({ domain: "", name, grad });

export const convolution: readonly OpRules[] = [
  rule("Conv", conv),
  rule("ConvTranspose", convTranspose),
  rule("AveragePool", averagePool),
  rule("MaxPool", maxPool),
  rule("GlobalAveragePool", globalAveragePool),
  rule("GlobalMaxPool", globalMaxPool),
];
