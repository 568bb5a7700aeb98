/** How each network of the pruning table is cut to less than half of its multiply-adds. */
import { inferShapes, type Model } from "@lathe/core";
import { dependencyGraph, type ChannelOptions } from "@lathe/prune";

export interface Cut {
  /** As the table calls it. */
  readonly title: string;
  readonly options: Partial<ChannelOptions>;
}

const HEADS = 4;

/** A share of the heads and one of the inner width of every layer; the width of the residual stream stays. */
function headsAndInner(model: Model, heads: number, inner: number): Partial<ChannelOptions> {
  const shaped = model.clone();
  inferShapes(shaped);
  const ratios = Object.fromEntries(dependencyGraph(shaped).groups.map(({ name, approximate, units }) => [name, approximate ? 0 : units.length === HEADS ? heads : inner]));
  return { ratio: 0, scope: "group", criterion: "activation", ratios };
}

/** Widths in steps of 16, the block of ONNX Runtime's convolution kernels with AVX-512. */
const channels = (ratio: number): Partial<ChannelOptions> => ({ ratio, target: "macs", scope: "global", criterion: "activation", roundTo: 16, minimum: 16 });

export function cutsOf(name: string, model: Model): Cut[] {
  switch (name) {
    case "ViT": return [
      { title: "half of the heads and inner widths", options: headsAndInner(model, 0.5, 0.5) },
      { title: "three quarters of the heads and inner widths", options: headsAndInner(model, 0.75, 0.75) },
      { title: "half of the heads, three quarters of the inner widths", options: headsAndInner(model, 0.5, 0.75) },
    ];
    case "ResNet-20": return [{ title: "52 % of the MACs", options: channels(0.52) }];
    default: return [{ title: "56 % of the MACs", options: channels(0.56) }];
  }
}
