/** The technique that lets weights share few values. */
import { Node, Tensor, attr, defineTechnique, floatWeights, tensorType, verified } from "@lathe/core";
import { z } from "zod";
import { weightsOf, type Weight } from "../sparse/weights.ts";
import { compressedSizes, sizeChange } from "../storage/sizes.ts";
import { setConstant } from "../structure/constants.ts";
import { prepare } from "../structure/prepare.ts";
import { kMeans, type Clusters } from "./kmeans.ts";

export const clusterOptions = z.strictObject({
  clusters: z.number().int().min(2).max(256).default(32).describe("different values that a tensor keeps"),
  start: z.enum(["linear", "density", "random", "plus-plus"]).default("plus-plus").describe("where the search for them begins"),
  keepZeros: z.boolean().default(true).describe("zeros stay zeros, so that pruned models stay sparse"),
  form: z.enum(["values", "gather"]).default("values").describe("plain float32 weights, small once compressed; or a table of values and 8-bit indices in the file, small as it is"),
  minimum: z.number().int().min(1).default(256).describe("tensors with fewer weights are left as they are"),
  exclude: z.array(z.string()).optional().describe("weights (by name) that stay"),
});

/**
 * @example pipeline(clusterWeights({ clusters: 16, form: "gather" })).run(model)
 */
export const clusterWeights = defineTechnique({
  name: "cluster-weights",
  summary: "Lets the weights of each tensor share few values: smaller files, the same speed.",
  options: clusterOptions,
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    await prepare(model, ctx.ops, ctx.signal);
    const before = await compressedSizes(model);
    const weights = weightsOf(model, options.exclude).filter((w) => w.tensor.size >= options.minimum);
    let [squares, error] = [0, 0];
    for (const [i, weight] of weights.entries()) {
      const data = weight.tensor.toFloat32();
      const clusters = kMeans(data, options.clusters, options.start, options.keepZeros, ctx.random.fork(weight.value.name));
      data.forEach((x, at) => {
        squares += x * x;
        error += (x - clusters.centroids[clusters.indices[at]!]!) ** 2;
      });
      if (options.form === "gather") gatherForm(weight, clusters);
      else setConstant(weight.value, Tensor.from("float32", weight.tensor.dims, Float32Array.from(clusters.indices, (k) => clusters.centroids[k]!)));
      ctx.progress({ done: i + 1, total: weights.length, message: weight.value.name });
      await ctx.turn();
    }
    const change = await sizeChange(before, model);
    return { metrics: { tensors: weights.length, clusters: options.clusters, relativeError: squares > 0 ? Math.sqrt(error / squares) : 0, ...change.metrics }, details: { sizes: change.sizes } };
  },
});

/** weight = Gather(values, Cast(indices)); engines compute it once, when they load the model. */
function gatherForm({ value, tensor }: Weight, { centroids, indices }: Clusters): void {
  const { name } = value;
  const graph = value.graph!;
  const first = graph.firstNode!;
  const stored = graph.addInitializer(`${name}_indices`, Tensor.from("uint8", tensor.dims, Array.from(indices)));
  const table = graph.addInitializer(`${name}_values`, Tensor.from("float32", [centroids.length], centroids));
  const wide = graph.insertBefore(first, new Node({ opType: "Cast", inputs: [stored], outputs: [`${name}_wide`], attributes: { to: attr.int(6) } }));
  const made = graph.insertBefore(first, new Node({ opType: "Gather", inputs: [table, wide.out], outputs: [`${name}_clustered`], attributes: { axis: attr.int(0) } }));
  wide.out.type = tensorType("int32", tensor.dims);
  made.out.type = tensorType("float32", tensor.dims);
  graph.replaceUses(value, made.out);
  graph.removeInitializer(value);
}
