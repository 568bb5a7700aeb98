/** A model whose weights are multiplied by masks that are inputs: ratios can be tried, and training goes on, without rebuilding it. */
import { Node, Tensor, tensorType, type Model } from "@lathe/core";
import type { Mask } from "../sparse/masks.ts";
import type { Weight } from "../sparse/weights.ts";

export const maskInput = (weight: string): string => `mask/${weight}`;

/**
 * A copy with a float32 input `mask/<weight>` of the weight's shape for each weight. Through the product the gradient of a masked weight is
 * zero as well, so that momentum and Adam's moments leave it alone.
 */
export function withMaskInputs(model: Model, weights: readonly Weight[]): Model {
  const copy = model.clone();
  const { graph } = copy;
  const names = new Map(weights.map((w) => [w.value.name, w.tensor]));
  for (const value of [...graph.initializers]) {
    const tensor = names.get(value.name);
    if (!tensor) continue;
    const [first] = value.uses;
    const mask = graph.addInput(maskInput(value.name), tensorType("float32", tensor.dims));
    const masked = graph.insertBefore(first!.node, new Node({ opType: "Mul", inputs: [value, mask], outputs: [`masked/${value.name}`] }));
    masked.out.type = tensorType("float32", tensor.dims);
    for (const { node, index } of [...value.uses]) if (node !== masked) node.setInput(index, masked.out);
  }
  graph.sort();
  return copy;
}

/** What to feed for these masks. */
export const maskFeeds = (weights: readonly Weight[], masks: readonly Mask[]): Record<string, Tensor> =>
  Object.fromEntries(weights.map(({ value, tensor }, i) => [maskInput(value.name), Tensor.from("float32", tensor.dims, Float32Array.from(masks[i]!))]));
