/**
 * Gradients of normalisations. With xh = (x - mean) * inv and g = dy * scale, over the m normalised positions:
 * dx = inv * (g - mean(g) - xh * mean(g * xh)).  Source: Ioffe & Szegedy 2015 (batch), Ba et al. 2016 (layer), Zhang & Sennrich 2019 (RMS).
 */
import { attr, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { add, castLike, div, ints, mul, neg, positive, range, rankOf, reduceMean, reduceSum, rule, scalar, shapeOf, shapeVector, sub, sumTo, unsupported } from "../build.ts";
import { BATCH_STATISTICS } from "../../step/statistics.ts";

/** mean and 1 / sqrt(var + epsilon) over `axes`, kept as 1. */
function moments(c: GradContext, x: Value, axes: readonly number[], epsilon: number): { mean: Value; inv: Value } {
  const mean = reduceMean(c, x, axes, true);
  const centred = sub(c, x, mean);
  const variance = reduceMean(c, mul(c, centred, centred), axes, true);
  return { mean, inv: inverseRoot(c, variance, epsilon) };
}

const inverseRoot = (c: GradContext, variance: Value, epsilon: number): Value =>
  c.emit("Reciprocal", [c.emit("Sqrt", [add(c, variance, scalar(c, epsilon, variance))])]);

/** The formula above, given xh and g. */
function normalizedGradient(c: GradContext, xh: Value, g: Value, inv: Value, axes: readonly number[]): Value {
  const meanG = reduceMean(c, g, axes, true);
  const meanGx = reduceMean(c, mul(c, g, xh), axes, true);
  return mul(c, inv, sub(c, sub(c, g, meanG), mul(c, xh, meanGx)));
}

/** Uses the node's own Mean and InvStdDev outputs (added when absent), so that the forward pass is not done twice. */
const layerNorm: GradRule = (c) => {
  const { node } = c;
  const [x, scale, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const rank = rankOf(c, x);
  const axes = range(positive(node.int("axis", -1), rank), rank);
  while (node.outputs.length < 3) node.addOutput();
  const [mean, inv] = [c.output(1), c.output(2)];
  const xh = mul(c, sub(c, x, mean), inv);
  return [
    c.wants(0) ? normalizedGradient(c, xh, mul(c, dy, scale), inv, axes) : undefined,
    c.wants(1) ? sumTo(c, mul(c, dy, xh), shapeOf(c, x), scale) : undefined,
    c.wants(2) ? sumTo(c, dy, shapeOf(c, x), c.input(2)) : undefined,
  ];
};

/** y = x / rms * scale: dx = inv * (g - xh * mean(g xh)). */
const rmsNorm: GradRule = (c) => {
  const { node } = c;
  const [x, scale, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const rank = rankOf(c, x);
  const axes = range(positive(node.int("axis", -1), rank), rank);
  const inv = inverseRoot(c, reduceMean(c, mul(c, x, x), axes, true), node.float("epsilon", 1e-5));
  const xh = mul(c, x, inv);
  const g = mul(c, dy, scale);
  return [
    c.wants(0) ? mul(c, inv, sub(c, g, mul(c, xh, reduceMean(c, mul(c, g, xh), axes, true)))) : undefined,
    c.wants(1) ? sumTo(c, mul(c, dy, xh), shapeOf(c, x), scale) : undefined,
  ];
};

/** A per-channel vector [C] shaped to broadcast over [N, C, ...]. */
const perChannel = (c: GradContext, vector: Value, rank: number): Value => (rank <= 2 ? vector : c.emit("Unsqueeze", [vector, ints(c, range(1, rank - 1))]));

/** Sum over batch and space, space first (faster than all axes at once). */
function channelSum(c: GradContext, x: Value, rank: number): Value {
  const overSpace = rank > 2 ? reduceSum(c, x, range(2, rank), false) : x;
  return reduceSum(c, overSpace, [0], false);
}

/** Frozen statistics: a fixed affine map per channel. Statistics of the batch (see step/statistics.ts): mean and variance follow x. */
const batchNorm: GradRule = (c) => {
  const { node } = c;
  const [x, scale, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const rank = rankOf(c, x);
  const epsilon = node.float("epsilon", 1e-5);
  if (node.int("training_mode", 0) === 1) return unsupported(c, "training_mode 1 (give the model in inference form; the training step switches it)");
  const inv = inverseRoot(c, c.input(4), epsilon);
  if (node.metadata?.has(BATCH_STATISTICS)) return batchNormTraining(c, x, scale, dy, rank, inv);
  const xh = (): Value => mul(c, sub(c, x, perChannel(c, c.input(3), rank)), perChannel(c, inv, rank));
  return [
    c.wants(0) ? mul(c, dy, perChannel(c, mul(c, scale, inv), rank)) : undefined,
    c.wants(1) ? channelSum(c, mul(c, dy, xh()), rank) : undefined,
    c.wants(2) ? channelSum(c, dy, rank) : undefined,
  ];
};

/** The per-channel form of the formula: dx = A dy + B x + C, two fused BatchNormalization passes and one sum. */
function batchNormTraining(c: GradContext, x: Value, scale: Value, dy: Value, rank: number, inv: Value): readonly (Value | undefined)[] {
  const mean = c.input(3);
  const dbeta = channelSum(c, dy, rank);
  const dyx = channelSum(c, mul(c, dy, x), rank);
  const dgamma = mul(c, inv, sub(c, dyx, mul(c, mean, dbeta)));
  if (!c.wants(0)) return [undefined, dgamma, dbeta];
  const count = elementsPerChannel(c, x, rank);
  const a = mul(c, scale, inv);
  const b = div(c, mul(c, neg(c, a), mul(c, inv, dgamma)), count);
  const shift = sub(c, div(c, mul(c, neg(c, a), dbeta), count), mul(c, b, mean));
  const [zeros, ones] = [sub(c, scale, scale), c.emit("Expand", [scalar(c, 1, scale), shapeVector(c, scale)])];
  const affine = (v: Value, factor: Value, offset: Value): Value => c.emit("BatchNormalization", [v, factor, offset, zeros, ones], { epsilon: attr.float(0) });
  return [add(c, affine(dy, a, shift), affine(x, b, zeros)), dgamma, dbeta];
}

/** N * H * W as a float value. */
function elementsPerChannel(c: GradContext, x: Value, rank: number): Value {
  const dims = [0, ...range(2, rank)].map((axis) => shapeOf(c, x)[axis]);
  if (dims.every((d) => typeof d === "number")) return scalar(c, (dims as number[]).reduce((p, d) => p * d, 1), x);
  const sizes = c.emit("Gather", [c.emit("Shape", [x]), ints(c, [0, ...range(2, rank)])]);
  return castLike(c, c.emit("ReduceProd", [sizes], { keepdims: attr.int(0) }), x);
}

const instanceNorm: GradRule = (c) => {
  const [x, scale, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const rank = rankOf(c, x);
  const axes = range(2, rank);
  const { mean, inv } = moments(c, x, axes, c.node.float("epsilon", 1e-5));
  const xh = mul(c, sub(c, x, mean), inv);
  return [
    c.wants(0) ? normalizedGradient(c, xh, mul(c, dy, perChannel(c, scale, rank)), inv, axes) : undefined,
    c.wants(1) ? channelSum(c, mul(c, dy, xh), rank) : undefined,
    c.wants(2) ? channelSum(c, dy, rank) : undefined,
  ];
};

/** Opset 21 form: scale and bias have one entry a channel. x is viewed as [N, groups, everything else]. */
const groupNorm: GradRule = (c) => {
  const groups = c.node.int("num_groups");
  if (groups === undefined) return unsupported(c, "an absent num_groups");
  const [x, scale, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const rank = rankOf(c, x);
  const grouped = (v: Value): Value => c.emit("Reshape", [v, ints(c, [0, groups, -1])]);
  const back = (v: Value): Value => c.emit("Reshape", [v, shapeVector(c, x)]);
  const { mean, inv } = moments(c, grouped(x), [2], c.node.float("epsilon", 1e-5));
  const xh = mul(c, sub(c, grouped(x), mean), inv);
  const flat = back(xh);
  return [
    c.wants(0) ? back(normalizedGradient(c, xh, grouped(mul(c, dy, perChannel(c, scale, rank))), inv, [2])) : undefined,
    c.wants(1) ? channelSum(c, mul(c, dy, flat), rank) : undefined,
    c.wants(2) ? channelSum(c, dy, rank) : undefined,
  ];
};

/** y = x / ||x||_p along an axis (p = 2). */
const lpNorm: GradRule = (c) => {
  if (c.node.int("p", 2) !== 2) return unsupported(c, "p other than 2");
  const [x, y, dy] = [c.input(0), c.output(0), c.dy(0)!];
  const axis = positive(c.node.int("axis", -1), rankOf(c, x));
  const norm = c.emit("ReduceL2", [x, ints(c, [axis])], { keepdims: attr.int(1) });
  return [div(c, sub(c, dy, mul(c, y, reduceSum(c, mul(c, dy, y), [axis], true))), norm)];
};

export const normalization: readonly OpRules[] = [
  rule("LayerNormalization", layerNorm),
  rule("RMSNormalization", rmsNorm),
  rule("BatchNormalization", batchNorm),
  rule("InstanceNormalization", instanceNorm),
  rule("GroupNormalization", groupNorm),
  rule("LpNormalization", lpNorm),
];
