/** Gradients of Conv and ConvTranspose: any rank, stride, dilation, padding and group count; the batch may be symbolic. */
import { attr, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { each, range, reduceSum, rule, shapeOf, unsupported } from "../../build.ts";
import { geometry, type Geometry } from "./geometry.ts";
import { kernelGradient } from "./kernel-gradient.ts";
import { spread } from "./spread.ts";

/** Sum over batch and space, space first (faster than all axes at once). */
export const biasGradient = (c: GradContext, dy: Value, rank: number): Value => reduceSum(c, reduceSum(c, dy, range(2, rank + 2), false), [0], false);

export function geometryOf(c: GradContext, large: Value, small: Value): Geometry {
  const weight = shapeOf(c, c.input(1));
  if (!weight.every((d) => typeof d === "number")) return unsupported(c, "a kernel of symbolic size");
  return geometry(c, large, small, weight.slice(2) as number[], c.node.int("group", 1));
}

const conv: GradRule = (c) => {
  const dy = c.dy(0)!;
  const g = geometryOf(c, c.input(0), c.output(0));
  return each(c, [() => spread(c, dy, c.input(1), g), () => kernelGradient(c, c.input(0), dy, g), () => biasGradient(c, dy, g.rank)]);
};

/** ConvTranspose is Conv's input gradient, so the roles of the two sides swap: dx is a plain Conv of dy. */
const convTranspose: GradRule = (c) => {
  const [x, w, dy] = [c.input(0), c.input(1), c.dy(0)!];
  if (c.node.attributes.has("output_shape")) return unsupported(c, "output_shape (give pads instead)");
  const g = geometryOf(c, c.output(0), x);
  return each(c, [
    () => c.emit("Conv", [dy, w], { strides: attr.ints(g.strides), dilations: attr.ints(g.dilations), group: attr.int(g.group), kernel_shape: attr.ints(g.kernel), pads: attr.ints([...g.begin, ...g.end]) }),
    () => kernelGradient(c, dy, x, g),
    () => biasGradient(c, dy, g.rank),
  ]);
};

export const convolution: readonly OpRules[] = [rule("Conv", conv), rule("ConvTranspose", convTranspose)];
