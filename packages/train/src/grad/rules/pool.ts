/** Gradients of pooling. The batch may be symbolic. */
import { Tensor, type GradContext, type GradRule, type OpRules, type Value, attr } from "@lathe/core";
import { castLike, div, expandLike, ints, mul, range, reduceSum, rule, scalar, shapeOf, shapeVector, unsupported, zerosLike } from "../build.ts";
import { all, geometry, product, staticSpatial, tuples, type Geometry } from "./conv/geometry.ts";
import { spread } from "./conv/spread.ts";

/** AveragePool is a convolution with equal weights, one channel at a time. */
const averagePool: GradRule = (c) => {
  const kernel = c.node.ints("kernel_shape", []);
  const [x, y, dy] = [c.input(0), c.output(0), c.dy(0)!];
  const [channels = 0] = staticSpatial(c, x);
  const declared = geometry(c, x, y, kernel, channels);
  // With ceil_mode the last window may hang over the padded edge: it is given padding of its own, which no divisor counts.
  const end = declared.end.map((p, i) => Math.max(p, (declared.small[i]! - 1) * declared.strides[i]! + (kernel[i]! - 1) * declared.dilations[i]! + 1 - declared.large[i]! - declared.begin[i]!));
  const g: Geometry = { ...declared, end };
  const weight = c.constant(Tensor.from(x.dtype ?? "float32", [channels, 1, ...kernel], new Float32Array(channels * product(kernel)).fill(1)));
  const counted = c.node.int("count_include_pad", 0) === 1;
  const plain = all([...g.begin, ...g.end], 0) || (counted && end.every((p, i) => p === declared.end[i]));
  const share = plain ? scalar(c, 1 / product(kernel), x) : c.constant(windowShares(declared, counted, x));
  return [spread(c, mul(c, dy, share), weight, g)];
};

/** 1 / (number of elements that the window's mean divides by), for each output position: [1, 1, small...]. */
function windowShares(g: Geometry, counted: boolean, like: Value): Tensor {
  const inWindow = (o: number, i: number): number => {
    const [low, high] = counted ? [-g.begin[i]!, g.large[i]! + g.end[i]!] : [0, g.large[i]!];
    return range(0, g.kernel[i]!).map((k) => o * g.strides[i]! + k * g.dilations[i]! - g.begin[i]!).filter((at) => at >= low && at < high).length;
  };
  const values = tuples(g.small).map((at) => 1 / product(at.map(inWindow)));
  return Tensor.from(like.dtype ?? "float32", [1, 1, ...g.small], values);
}

/** The maximum's position, which MaxPool's Indices output names, gets the gradient; windows that overlap add up. */
const maxPool: GradRule = (c) => {
  const { node } = c;
  const [x, dy] = [c.input(0), c.dy(0)!];
  if (node.int("storage_order", 0) === 1) return unsupported(c, "storage_order 1");
  if (!node.output(1)) node.addOutput();
  const kernel = node.ints("kernel_shape", []);
  const g = geometry(c, x, c.output(0), kernel, 1);
  const apart = all([...g.begin, ...g.end], 0) && all(g.dilations, 1) && kernel.every((k, i) => k <= g.strides[i]!);
  return [apart ? unpool(c, g, dy) : scatter(c, g, dy)];
};

/** Windows that do not overlap: each input position is the maximum of one window at most. */
const unpool = (c: GradContext, g: Geometry, dy: Value): Value =>
  c.emit("MaxUnpool", [dy, c.output(1), shapeVector(c, c.input(0))], { kernel_shape: attr.ints(g.kernel), strides: attr.ints(g.strides) });

function scatter(c: GradContext, g: Geometry, dy: Value): Value {
  const plane = product(g.large);
  const planes = (v: Value, size: number): Value => c.emit("Reshape", [v, ints(c, [0, g.largeChannels, size])]);
  // Indices count over the whole [N, C, plane] block; inside one plane they are that modulo the plane.
  const within = c.emit("Mod", [c.output(1), c.constant(Tensor.int64([plane], []))]);
  const zeros = planes(zerosLike(c, c.input(0)), plane);
  const indices = planes(within, product(g.small));
  const summed = c.emit("ScatterElements", [zeros, indices, planes(dy, product(g.small))], { axis: attr.int(2), reduction: attr.string("add") });
  return c.emit("Reshape", [summed, ints(c, [0, g.largeChannels, ...g.large])]);
}

const globalAveragePool: GradRule = (c) => {
  const [, ...spatial] = staticSpatial(c, c.input(0));
  return [expandLike(c, mul(c, c.dy(0)!, scalar(c, 1 / product(spatial), c.input(0))), c.input(0))];
};

/** Equal maxima share the gradient evenly. */
const globalMaxPool: GradRule = (c) => {
  const [x, y] = [c.input(0), c.output(0)];
  const mask = castLike(c, c.emit("Equal", [x, y]), x);
  const axes = range(2, shapeOf(c, x).length);
  return [mul(c, div(c, mask, reduceSum(c, mask, axes, true)), c.dy(0)!)];
};

export const pooling: readonly OpRules[] = [
  rule("AveragePool", averagePool),
  rule("MaxPool", maxPool),
  rule("GlobalAveragePool", globalAveragePool),
  rule("GlobalMaxPool", globalMaxPool),
];
