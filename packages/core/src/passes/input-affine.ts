/** y = scale * x + shift per input channel, folded into the weights of the Conv behind it. */
import { dtypes } from "../dtype.ts";
import type { Node } from "../ir/node.ts";
import { rounded, type Affine } from "./channel-affine.ts";
import type { Site } from "./scope.ts";

const at = (list: ArrayLike<number>, i: number): number => list[list.length === 1 ? 0 : i]!;

/** Padding puts zeros behind the map, so that a shift would be missing at the border. */
const pads = (conv: Node): boolean => !["NOTSET", "VALID"].includes(conv.string("auto_pad", "NOTSET")) || (conv.ints("pads") ?? []).some((p) => p !== 0);

/** Changes weights and bias of `conv`; false, changing nothing, when its weights are not constant or a shift meets padding. */
export function foldIntoInput(conv: Node, affine: Affine, site: Site): boolean {
  const w = conv.input(1)?.constant;
  if (!w || dtypes[w.dtype].kind !== "float" || dtypes[w.dtype].bits < 16 || (conv.input(2) && !conv.input(2)!.constant)) return false;
  const shifts = Array.from(affine.shift).some((t) => t !== 0);
  if (shifts && pads(conv)) return false;
  const [outputs, perGroup] = [w.dims[0]!, w.dims[1]!];
  const taps = w.dims.slice(2).reduce((p, d) => p * d, 1);
  const outputsPerGroup = outputs / conv.int("group", 1);
  const old = w.toFloat64();
  const weights = new Float64Array(old.length);
  const oldBias = conv.input(2)?.constant?.toFloat64();
  const bias = Float64Array.from({ length: outputs }, (_, o) => oldBias?.[o] ?? 0);
  for (let i = 0; i < old.length; i++) {
    const output = Math.floor(i / (perGroup * taps));
    const channel = Math.floor(output / outputsPerGroup) * perGroup + (Math.floor(i / taps) % perGroup);
    weights[i] = old[i]! * at(affine.scale, channel);
    bias[output]! += old[i]! * at(affine.shift, channel);
  }
  const newWeights = rounded(weights, w.dtype, w.dims);
  const newBias = rounded(bias, w.dtype, [outputs]);
  if (!newWeights || !newBias) return false;
  const before = site.at(conv, conv.graph);
  conv.setInput(1, before.constant(newWeights, conv.input(1)!.name));
  if (shifts) conv.setInput(2, before.constant(newBias, conv.input(2)?.name || `${conv.name || "Conv"}_bias`));
  return true;
}
