/** The gradient of Conv where ONNX Runtime's blocked layout pays; elsewhere as in rules.ts. */
import type { GradContext, GradRule, OpRules, Value } from "@lathe/core";
import { each, ints, rule } from "../../build.ts";
import { blockedConv, blockedKernelGradient, fits, type BlockedConv, type Emitter } from "./blocked.ts";
import { all, type Geometry } from "./geometry.ts";
import { kernelGradient, padded } from "./kernel-gradient.ts";
import { biasGradient, geometryOf } from "./rules.ts";
import { adjoint, flippedKernel, spread } from "./spread.ts";

/** Rules for batches that are multiples of `block`. */
export const blockedConvolution = (block: number): OpRules => rule("Conv", gradientRule(block));

const gradientRule = (block: number): GradRule => (c) => {
  const dy = c.dy(0)!;
  const g = geometryOf(c, c.input(0), c.output(0));
  return each(c, [() => inputGradient(c, dy, g, block), () => weightGradient(c, dy, g, block), () => biasGradient(c, dy, g.rank)]);
};

const emitterOf = (c: GradContext): Emitter => ({
  emit(opType, inputs, attributes, domain = "") {
    const value = c.emit(opType, inputs, attributes);
    value.producer!.domain = domain;
    return value;
  },
  ints: (values) => ints(c, values),
});

const sizes = (g: Geometry, block: number): BlockedConv =>
  ({ block, inChannels: g.largeChannels, outChannels: g.smallChannels, kernel: g.kernel, strides: g.strides, dilations: g.dilations, pads: [...g.begin, ...g.end], group: g.group });

function inputGradient(c: GradContext, dy: Value, g: Geometry, block: number): Value {
  const { plain, pads } = adjoint(g);
  const swapped: BlockedConv = { ...sizes(g, block), inChannels: g.smallChannels, outChannels: g.largeChannels, pads };
  if (!plain || !fits(swapped)) return spread(c, dy, c.input(1), g);
  return blockedConv(emitterOf(c), dy, flippedKernel(c, c.input(1), g), null, swapped);
}

/** 1x1 kernels are matrix products, and the few channels of a first layer make columns cheap. */
function weightGradient(c: GradContext, dy: Value, g: Geometry, block: number): Value {
  const x = c.input(0);
  const pays = g.rank === 2 && g.group === 1 && !all(g.kernel, 1) && g.smallChannels % block === 0 && g.largeChannels > 4;
  if (!pays) return kernelGradient(c, x, dy, g);
  // Rows at the end that the stride left unused would make further taps: cut off while padding, where possible.
  const read = g.small.map((size, i) => (size - 1) * g.strides[i]! + (g.kernel[i]! - 1) * g.dilations[i]! + 1);
  const end = g.end.map((_, i) => Math.max(0, read[i]! - g.large[i]! - g.begin[i]!));
  const large = g.large.map((size, i) => size + g.begin[i]! + end[i]!);
  return blockedKernelGradient(emitterOf(c), padded(c, x, { ...g, end }), dy, { ...sizes(g, block), large, small: g.small });
}
