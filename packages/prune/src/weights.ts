/** The technique that zeroes single weights. The file compresses; ONNX Runtime runs it no faster. */
import { Tensor, defineTechnique, floatWeights, verified, type Model, type Node, type Value } from "@lathe/core";
import { z } from "zod";
import { pruneErrors } from "./errors.ts";
import { countOf, nOfM, nth, randomMask, smallest, type Mask } from "./sparse/masks.ts";
import { prepare } from "./structure/prepare.ts";

export const weightOptions = z.strictObject({
  sparsity: z.number().min(0).max(0.999).default(0.5).describe("share of weights set to zero"),
  scope: z.enum(["tensor", "global"]).default("global").describe("the same share in every tensor, or one ranking over all"),
  pattern: z.string().regex(/^(free|\d+:\d+)$/).default("free").describe('"free", or N:M: N of every M weights along the summed axis stay ("2:4")'),
  criterion: z.enum(["magnitude", "random"]).default("magnitude").describe("which weights go"),
  exclude: z.array(z.string()).optional().describe("weights (by name) that stay"),
});

export type WeightOptions = z.infer<typeof weightOptions>;

interface Weight {
  readonly value: Value;
  readonly tensor: Tensor;
  /** Axis that the operator sums over. */
  readonly axis: number;
}

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
    const weights = weightsOf(model, options.exclude ?? []);
    if (weights.length === 0) throw pruneErrors.PRUNE_NO_WEIGHTS({});
    const masks = maskAll(weights, options, ctx.random);
    let zeros = 0;
    for (const [i, { value, tensor }] of weights.entries()) {
      const data = tensor.toFloat32().slice();
      masks[i]!.forEach((keep, at) => keep === 0 && (data[at] = 0));
      for (const x of data) if (x === 0) zeros++;
      model.graph.setInitializer(value, Tensor.from("float32", tensor.dims, data));
      ctx.progress({ done: i + 1, total: weights.length, message: value.name });
      await ctx.turn();
    }
    const total = weights.reduce((sum, w) => sum + w.tensor.size, 0);
    return { metrics: { tensors: weights.length, weights: total, zeros, sparsity: zeros / total } };
  },
});

/** Kernels and matrices: constants with two or more axes that Conv, ConvTranspose, Gemm or MatMul multiply with. */
function weightsOf(model: Model, exclude: readonly string[]): Weight[] {
  const values = [...model.graph.initializers];
  for (const name of exclude) if (!values.some((v) => v.name === name)) throw pruneErrors.PRUNE_UNKNOWN_WEIGHT({ weight: name });
  return values.flatMap((value) => {
    const { tensor } = value;
    const axis = tensor?.dtype === "float32" && tensor.dims.length >= 2 ? value.uses.map((u) => summedAxis(u.node, u.index, tensor.dims.length)).find((a) => a !== undefined) : undefined;
    return axis === undefined || exclude.includes(value.name) ? [] : [{ value, tensor: tensor!, axis }];
  });
}

function summedAxis(node: Node, index: number, rank: number): number | undefined {
  if (node.is("MatMul")) return index === 1 ? rank - 2 : rank - 1;
  if (index !== 1) return undefined;
  if (node.is("Conv")) return 1;
  if (node.is("ConvTranspose")) return 0;
  return node.is("Gemm") ? (node.int("transB", 0) === 1 ? 1 : 0) : undefined;
}

function maskAll(weights: readonly Weight[], options: WeightOptions, random: Parameters<typeof randomMask>[2]): Mask[] {
  const magnitudes = (w: Weight): Float32Array => w.tensor.toFloat32().map(Math.abs);
  if (options.pattern !== "free") {
    const [n, m] = options.pattern.split(":").map(Number) as [number, number];
    if (n >= m || m < 2) throw pruneErrors.PRUNE_PATTERN({ pattern: options.pattern });
    return weights.map((w) => nOfM(options.criterion === "random" ? w.tensor.toFloat32().map(() => random.float()) : magnitudes(w), w.tensor.dims, w.axis, n, m));
  }
  if (options.criterion === "random") return weights.map((w) => randomMask(w.tensor.size, countOf(options.sparsity, w.tensor.size), random));
  if (options.scope === "tensor") return weights.map((w) => smallest(magnitudes(w), countOf(options.sparsity, w.tensor.size)));
  return globalMasks(weights.map(magnitudes), options.sparsity);
}

/** One threshold over all tensors; ties at the threshold go in file order until the count is reached. */
function globalMasks(scores: readonly Float32Array[], sparsity: number): Mask[] {
  const total = scores.reduce((sum, s) => sum + s.length, 0);
  const all = new Float32Array(total);
  let at = 0;
  for (const s of scores) {
    all.set(s, at);
    at += s.length;
  }
  const count = countOf(sparsity, total);
  if (count === 0) return scores.map((s) => new Uint8Array(s.length).fill(1));
  const threshold = nth(all, count - 1);
  let left = count - all.reduce((n, x) => n + (x < threshold ? 1 : 0), 0);
  return scores.map((s) => Uint8Array.from(s, (x) => (x < threshold || (x === threshold && left-- > 0) ? 0 : 1)));
}
