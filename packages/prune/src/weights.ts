/** The technique that zeroes single weights. The file compresses; ONNX Runtime runs it no faster. */
import { Tensor, defineTechnique, floatWeights, verified } from "@lathe/core";
import { z } from "zod";
import { chooseMasks } from "./sparse/choose.ts";
import { permuteForPattern } from "./sparse/permute.ts";
import { patternOf } from "./sparse/pattern.ts";
import { countOf, type Mask } from "./sparse/masks.ts";
import { magnitudeThreshold, zeroedBelow } from "./sparse/threshold.ts";
import { weightsOf, type Weight } from "./sparse/weights.ts";
import { compressedSizes, sizeChange } from "./storage/sizes.ts";
import { setConstant } from "./structure/constants.ts";
import { dependencyGraph } from "./structure/dependency-graph.ts";
import { prepare } from "./structure/prepare.ts";

export const weightOptions = z.strictObject({
  sparsity: z.number().min(0).max(0.999).default(0.5).describe("share of weights set to zero"),
  scope: z.enum(["tensor", "global"]).default("global").describe("the same share in every tensor, or one ranking over all"),
  pattern: z.string().regex(/^(free|channel|\d+:\d+)$/).default("free").describe('"free"; N:M, N of every M weights along the summed axis stay ("2:4"); or "channel", whole outputs by their L2 norm'),
  permute: z.boolean().default(false).describe("with N:M: reorder channels first so that larger weights stay; the model computes the same"),
  block: z.string().regex(/^\d+x\d+$/).optional().describe('whole blocks of outputs x inputs go ("4x1"), in place of a pattern'),
  pooling: z.enum(["average", "max"]).default("average").describe("what a block is judged by"),
  criterion: z.enum(["magnitude", "lamp", "random"]).default("magnitude").describe("which weights go"),
  exclude: z.array(z.string()).optional().describe("weights (by name) that stay"),
});

export type WeightOptions = z.infer<typeof weightOptions>;

/** The weights of tensor `i` with zeros; asked for once each, in order, so that one copy at a time is made. */
type Zeroed = (i: number) => Float32Array;

const byMasks = (weights: readonly Weight[], masks: readonly Mask[]): Zeroed => (i) => {
  const data = weights[i]!.tensor.toFloat32().slice();
  masks[i]!.forEach((keep, at) => keep === 0 && (data[at] = 0));
  return data;
};

/** One threshold over all magnitudes needs no scores and masks in memory: what large models are pruned by. */
function byMagnitude(weights: readonly Weight[], { criterion, scope, pattern, block, sparsity }: WeightOptions): Zeroed | undefined {
  if (criterion !== "magnitude" || scope !== "global" || pattern !== "free" || block !== undefined) return undefined;
  const arrays = weights.map((w) => w.tensor.toFloat32());
  const threshold = magnitudeThreshold(arrays, countOf(sparsity, arrays.reduce((sum, a) => sum + a.length, 0)));
  const budget = { equal: threshold?.equal ?? 0 };
  return (i) => (threshold ? zeroedBelow(arrays[i]!, threshold, budget) : arrays[i]!.slice());
}

function zerosIn(data: Float32Array): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === 0) count++;
  return count;
}

/** What unstructured zeros do not do. */
export const NO_SPEEDUP = "Zeros among the weights make the compressed file smaller; ONNX Runtime multiplies with them all the same, so it runs no faster.";

/**
 * @example pipeline(pruneWeights({ sparsity: 0.8 })).run(model)
 */
export const pruneWeights = defineTechnique({
  name: "prune-weights",
  summary: "Sets single weights to zero: the file compresses better, but does not run faster in ONNX Runtime.",
  options: weightOptions,
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    await prepare(model, ctx.ops, ctx.signal);
    const before = await compressedSizes(model);
    const pattern = options.block === undefined && options.pattern !== "channel" ? patternOf(options.pattern) : undefined;
    const permuted = pattern && options.permute ? permuteForPattern(model, dependencyGraph(model, { ops: ctx.ops }), pattern) : undefined;
    const weights = weightsOf(model, options.exclude);
    const zeroed = byMagnitude(weights, options) ?? byMasks(weights, chooseMasks(weights, options, ctx.random));
    const perTensor: { weight: string; weights: number; zeros: number }[] = [];
    for (const [i, { value, tensor }] of weights.entries()) {
      const data = zeroed(i);
      perTensor.push({ weight: value.name, weights: data.length, zeros: zerosIn(data) });
      setConstant(value, Tensor.from("float32", tensor.dims, data));
      ctx.progress({ done: i + 1, total: weights.length, message: value.name });
      await ctx.turn();
    }
    ctx.warn({ code: "PRUNE_NO_SPEEDUP", message: NO_SPEEDUP });
    const total = perTensor.reduce((sum, w) => sum + w.weights, 0);
    const zeros = perTensor.reduce((sum, w) => sum + w.zeros, 0);
    const change = await sizeChange(before, model);
    return {
      metrics: { tensors: weights.length, weights: total, zeros, sparsity: zeros / total, ...change.metrics, ...(permuted ? { permutedGroups: permuted.groups, keptMagnitudeGain: permuted.gain } : {}) },
      details: { sizes: change.sizes, tensors: perTensor, curves: [{ title: "Zeros in each weight", x: "weight", y: "share of zeros", series: [{ name: "zeros", points: perTensor.map((w, i) => [i + 1, w.zeros / w.weights]) }] }] },
    };
  },
});
