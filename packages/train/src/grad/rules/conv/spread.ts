/** The adjoint of a convolution with respect to its input: the small side is scattered back to the large one. */
import { attr, type GradContext, type Value } from "@lathe/core";
import { ints, range, transpose } from "../../build.ts";
import { all, type Geometry } from "./geometry.ts";

/**
 * Pads of the convolution that undoes this one, and the rows at the end that no output reads. `plain`: it is an ordinary convolution
 * with the flipped kernel.
 */
export function adjoint(g: Geometry): { readonly plain: boolean; readonly pads: readonly number[]; readonly missing: readonly number[] } {
  const pads = [...g.begin, ...g.end].map((p, i) => (g.kernel[i % g.rank]! - 1) * g.dilations[i % g.rank]! - p);
  const missing = g.large.map((size, i) => size - ((g.small[i]! - 1) * g.strides[i]! + (g.kernel[i]! - 1) * g.dilations[i]! + 1 - g.begin[i]! - g.end[i]!));
  return { plain: all(missing, 0) && all(g.strides, 1) && pads.every((p) => p >= 0), pads, missing };
}

/** For stride 1 a convolution with the flipped kernel, which runs faster than the transposed convolution used otherwise. */
export function spread(c: GradContext, small: Value, weight: Value, g: Geometry): Value {
  const { plain, pads, missing } = adjoint(g);
  if (plain) {
    return c.emit("Conv", [small, flippedKernel(c, weight, g)], { pads: attr.ints(pads), dilations: attr.ints(g.dilations), kernel_shape: attr.ints(g.kernel), group: attr.int(g.group) });
  }
  return c.emit("ConvTranspose", [small, weight], {
    strides: attr.ints(g.strides), dilations: attr.ints(g.dilations), group: attr.int(g.group), kernel_shape: attr.ints(g.kernel),
    pads: attr.ints([...g.begin, ...g.end]), output_padding: attr.ints(missing),
  });
}

/** [Co, Ci / group, k...] -> [Ci, Co / group, k reversed...]. */
export function flippedKernel(c: GradContext, weight: Value, g: Geometry): Value {
  const swapped = swappedKernel(c, weight, g);
  const axes = range(2, 2 + g.rank).filter((axis) => g.kernel[axis - 2]! > 1);
  if (axes.length === 0) return swapped;
  const backwards = ints(c, axes.map(() => -1));
  return c.emit("Slice", [swapped, backwards, ints(c, axes.map(() => -Number.MAX_SAFE_INTEGER)), ints(c, axes), backwards]);
}

function swappedKernel(c: GradContext, weight: Value, g: Geometry): Value {
  const space = range(2, 2 + g.rank);
  const [perGroupLarge, perGroupSmall] = [g.largeChannels / g.group, g.smallChannels / g.group];
  if (g.group === 1) return transpose(c, weight, [1, 0, ...space]);
  if (perGroupLarge === 1 && perGroupSmall === 1) return weight;
  const byGroup = c.emit("Reshape", [weight, ints(c, [g.group, perGroupSmall, perGroupLarge, ...g.kernel])]);
  const swapped = transpose(c, byGroup, [0, 2, 1, ...space.map((axis) => axis + 1)]);
  return c.emit("Reshape", [swapped, ints(c, [g.largeChannels, perGroupSmall, ...g.kernel])]);
}
