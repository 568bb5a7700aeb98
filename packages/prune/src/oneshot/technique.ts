/** The technique for large matrix layers: pruned in one go by their inputs' statistics, without training. */
import {
  defineTechnique, floatWeights, inputRows, linearLayers, matrices, placesOf, setMatrices, verified, type Linear, type Model, type Place, type Random, type TechniqueContext,
} from "@lathe/core";
import { z } from "zod";
import { pruneErrors } from "../errors.ts";
import { addProducts, mirror } from "../linear/algebra.ts";
import { firstSamples } from "../linear/samples.ts";
import { Walk } from "../linear/walk.ts";
import { patternOf, type Pattern } from "../sparse/pattern.ts";
import { compressedSizes, sizeChange } from "../storage/sizes.ts";
import { prepare } from "../structure/prepare.ts";
import { NO_SPEEDUP } from "../weights.ts";
import { sparseGpt } from "./sparsegpt.ts";
import { wandaMask } from "./wanda.ts";

export const oneShotOptions = z.strictObject({
  method: z.enum(["sparsegpt", "wanda"]).default("sparsegpt").describe("sparsegpt updates what stays to make up for what goes; wanda only chooses, and is faster"),
  sparsity: z.number().min(0).max(0.99).default(0.5).describe("share of weights set to zero"),
  pattern: z.string().regex(/^(free|\d+:\d+)$/).default("free").describe('"free", or N:M along the summed axis ("2:4")'),
  samples: z.number().int().min(1).default(32).describe("samples of the data that inputs are measured on"),
  places: z.number().int().min(1).default(4096).describe("most input vectors that each layer's statistics are taken from"),
  bits: z.number().int().min(2).max(8).optional().describe("also rounds what stays to so many bits, in the same pass (sparsegpt): float32 values on a grid"),
  groupSize: z.number().int().min(1).default(32).describe("weights of a row that share a scale (with bits)"),
  damping: z.number().min(0).default(0.01).describe("share of the mean diagonal added before inversion (sparsegpt)"),
  maxColumns: z.number().int().min(1).default(4096).describe("layers with more inputs are left alone: memory and work grow with the square and the cube"),
  exclude: z.array(z.string()).optional().describe("layers (by node name) that stay"),
});

type Options = z.infer<typeof oneShotOptions>;

/**
 * Layer by layer in execution order, each with the inputs that the layers before it now give; the statistics of one layer are in memory at a
 * time.
 * @example pipeline(pruneOneShot({ method: "wanda", pattern: "2:4" })).run(model, { data, runtime })
 */
export const pruneOneShot = defineTechnique({
  name: "prune-oneshot",
  summary: "Sets weights to zero by what their inputs carry (SparseGPT, Wanda): needs samples, no labels and no training.",
  options: oneShotOptions,
  needs: ["data", "runtime"],
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    await prepare(model, ctx.ops, ctx.signal);
    const pattern = patternOf(options.pattern);
    const before = await compressedSizes(model);
    await ctx.turn();
    const batches = await firstSamples(ctx.services.data, options.samples, ctx.signal);
    const walk = new Walk(model, { batches, runtime: ctx.services.runtime, signal: ctx.signal });
    const layers = chosenLayers(model, options.exclude);
    const left: string[] = [];
    let [zeros, weights] = [0, 0];
    for (const [i, layer] of layers.entries()) {
      if (layer.columns > options.maxColumns) left.push(layer.node.label);
      else {
        zeros += await pruneLayer(model, layer, pattern, options, ctx, walk, batches.length);
        weights += layer.groups * layer.rows * layer.columns;
      }
      ctx.progress({ done: i + 1, total: layers.length, message: layer.node.label });
      await ctx.turn();
    }
    ctx.warn({ code: "PRUNE_NO_SPEEDUP", message: NO_SPEEDUP });
    const change = await sizeChange(before, model);
    return { metrics: { layers: layers.length - left.length, weights, zeros, sparsity: weights > 0 ? zeros / weights : 0, ...change.metrics }, details: { left, sizes: change.sizes } };
  },
});

/** @throws PRUNE_NO_WEIGHTS, PRUNE_UNKNOWN_LAYER */
function chosenLayers(model: Model, exclude: readonly string[] = []): Linear[] {
  const layers = linearLayers(model.graph);
  if (layers.length === 0) throw pruneErrors.PRUNE_NO_WEIGHTS({});
  const known = layers.map((layer) => layer.node.label);
  for (const layer of exclude) if (!known.includes(layer)) throw pruneErrors.PRUNE_UNKNOWN_LAYER({ layer, known });
  return layers.filter((layer) => !exclude.includes(layer.node.label));
}

async function pruneLayer(model: Model, layer: Linear, pattern: Pattern | undefined, options: Options, ctx: TechniqueContext, walk: Walk, batches: number): Promise<number> {
  const grams = await secondMoments(walk, layer, Math.max(1, Math.floor(options.places / batches)), ctx.random.fork(layer.node.label));
  const order = reductionOrder(layer);
  const made = matrices(layer).map((matrix, g) => {
    const [w, h] = [reordered(matrix, order), symmetric(grams[g]!, order)];
    if (options.method === "sparsegpt") return restored(sparseGpt(w, h, layer.rows, { sparsity: options.sparsity, pattern, damping: options.damping, bits: options.bits, groupSize: options.groupSize, name: layer.node.label }), layer.rows, order);
    const norms = Float64Array.from({ length: layer.columns }, (_, c) => Math.sqrt(h[c * layer.columns + c]!));
    const mask = wandaMask(w, norms, layer.rows, options.sparsity, pattern);
    return restored(w.map((x, i) => (mask[i] === 1 ? x : 0)), layer.rows, order);
  });
  setMatrices(layer, made, model.graph);
  return made.reduce((sum, m) => sum + m.reduce((n, x) => n + (x === 0 ? 1 : 0), 0), 0);
}

/** Rows that are in memory at a time. */
const BLOCK = 512;

/** XᵀX of each group over at most `each` places of a batch. */
async function secondMoments(walk: Walk, layer: Linear, each: number, random: Random): Promise<Float64Array[]> {
  const { columns, groups } = layer;
  const grams = Array.from({ length: groups }, () => new Float64Array(columns * columns));
  await walk.before(layer.node, [layer.input.name, layer.output.name], (tensors) => {
    const [x, { dims }] = [tensors[layer.input.name]!, tensors[layer.output.name]!];
    const [examples, positions] = placesOf(layer, dims);
    const all = examples * positions;
    const places = Array.from({ length: Math.min(all, each) }, (_, i): Place => {
      const at = all <= each ? i : random.int(all);
      return { example: Math.floor(at / positions), position: at % positions };
    });
    for (let from = 0; from < places.length; from += BLOCK) {
      inputRows(layer, x, dims, places.slice(from, from + BLOCK)).forEach((rows, g) => addProducts(grams[g]!, columns, rows, columns, rows, columns, true));
    }
  });
  for (const gram of grams) mirror(gram, columns);
  return grams;
}

/** Columns with the channels of one tap of the window side by side: N:M counts along channels, as sparse kernels read them. */
function reductionOrder({ node, weight, columns }: Linear): number[] {
  const taps = node.is("Conv") ? weight.tensor!.dims.slice(2).reduce((p, d) => p * d, 1) : 1;
  const channels = columns / taps;
  return Array.from({ length: columns }, (_, i) => (i % channels) * taps + Math.floor(i / channels));
}

const reordered = (matrix: Float64Array, order: readonly number[]): Float64Array =>
  Float64Array.from({ length: matrix.length }, (_, i) => matrix[Math.floor(i / order.length) * order.length + order[i % order.length]!]!);

function restored(matrix: Float64Array, rows: number, order: readonly number[]): Float64Array {
  const out = new Float64Array(matrix.length);
  for (let r = 0; r < rows; r++) order.forEach((from, to) => (out[r * order.length + from] = matrix[r * order.length + to]!));
  return out;
}

function symmetric(gram: Float64Array, order: readonly number[]): Float64Array {
  const n = order.length;
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i * n + j] = gram[order[i]! * n + order[j]!]!;
  return out;
}
