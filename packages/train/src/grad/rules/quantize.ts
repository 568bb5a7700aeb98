/**
 * Fake quantization, a QuantizeLinear and DequantizeLinear pair. Rounding counts as the identity inside the representable range
 * (straight-through, Bengio et al. 2013). The scale learns too (learned step size, Esser et al. 2020): with q = round(x / s) + z clamped,
 * d/ds = (q - z) - x / s inside the range and (q - z) outside; the first part comes from DequantizeLinear, the second from QuantizeLinear.
 */
import { type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { castLike, div, ints, mul, neg, positive, range, rankOf, reduceSum, rule, scalar, shapeOf, sub, unsupported } from "../build.ts";

/** Gradients "of" a quantized value are those of what it stands for. */
const dequantize: GradRule = (c) => {
  const [q, scale, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const ds = (): Value => toScale(c, mul(c, dy, centred(c, q, scale)), scale, q);
  return [c.wants(0) ? dy : undefined, c.wants(1) ? ds() : undefined];
};

const limits: Readonly<Record<string, readonly [number, number]>> = {
  uint8: [0, 255], int8: [-128, 127], uint16: [0, 65535], int16: [-32768, 32767], uint4: [0, 15], int4: [-8, 7], uint2: [0, 3], int2: [-2, 1],
};

const quantize: GradRule = (c) => {
  const [x, scale, dy] = [c.input(0), c.input(1), c.dy(0)!];
  const dtype = c.output(0).dtype ?? "uint8";
  const [low, high] = limits[dtype] ?? unsupported(c, `the quantized type ${dtype}`);
  const units = div(c, x, along(c, scale, x));
  const zero = c.has(2) ? along(c, castLike(c, c.input(2), x), x) : scalar(c, 0, x);
  const bound = (q: number): Value => sub(c, scalar(c, q, x), zero);
  const inside = c.emit("And", [c.emit("GreaterOrEqual", [units, bound(low - 0.5)]), c.emit("LessOrEqual", [units, bound(high + 0.5)])]);
  const passed = mul(c, dy, castLike(c, inside, x));
  return [c.wants(0) ? passed : undefined, c.wants(1) ? toScale(c, neg(c, mul(c, passed, units)), scale, x) : undefined];
};

/** q - z as a float value. */
function centred(c: GradContext, q: Value, like: Value): Value {
  const value = castLike(c, q, like);
  return c.has(2) ? sub(c, value, along(c, castLike(c, c.input(2), like), q)) : value;
}

/** A scalar as it is; one value for each index of the node's axis, shaped to broadcast over x. Blocked scales are refused. */
function along(c: GradContext, parameter: Value, x: Value): Value {
  if (c.node.int("block_size", 0) !== 0) return unsupported(c, "blocks");
  const rank = rankOf(c, x);
  if (shapeOf(c, c.input(1)).length === 0 || rank <= 1) return parameter;
  const axis = positive(c.node.int("axis", 1), rank);
  return c.emit("Unsqueeze", [parameter, ints(c, range(0, rank).filter((i) => i !== axis))]);
}

/** Sums what reaches each scale. */
function toScale(c: GradContext, parts: Value, scale: Value, x: Value): Value {
  const rank = rankOf(c, x);
  if (shapeOf(c, scale).length === 0) return reduceSum(c, parts, range(0, rank), false);
  const axis = positive(c.node.int("axis", 1), rank);
  return rank === 1 ? reduceSum(c, parts, [0], true) : reduceSum(c, parts, range(0, rank).filter((i) => i !== axis), false);
}

export const fakeQuantization: readonly OpRules[] = [rule("QuantizeLinear", quantize), rule("DequantizeLinear", dequantize)];
