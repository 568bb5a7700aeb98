/** The technique that removes whole residual blocks: the model becomes shallower. */
import { defineTechnique, floatWeights, inferShapes, stats, verified, type Json } from "@lathe/core";
import { z } from "zod";
import { pruneErrors } from "../errors.ts";
import { share } from "../options.ts";
import { estimateBatchNorm } from "../recover/batch-norm.ts";
import { prepare } from "../structure/prepare.ts";
import { Measurements } from "../unit-pruning.ts";
import { residualBranches, type Branch } from "./branches.ts";
import { blockInfluence } from "./influence.ts";
import { removeBranches } from "./remove.ts";
import { blocksOf, type Block } from "./block.ts";

export const blockOptions = z.strictObject({
  ratio: share.default(0.25).describe("share of the blocks that is removed, those of least influence; one at least"),
  branches: z.number().int().min(1).default(1).describe("residual branches that one block is made of: 2 is a transformer layer, attention and MLP"),
  blocks: z.array(z.string()).min(1).optional().describe("blocks (by the name of their first sum) that are removed; then nothing is measured"),
  exclude: z.array(z.string()).optional().describe("blocks (by name) that stay"),
  samples: z.number().int().min(1).default(32).describe("samples of the data that influence is measured on"),
  estimateBatchNorm: z.boolean().default(false).describe("measure statistics of BatchNormalization again on the data"),
});

/**
 * @example pipeline(pruneBlocks({ ratio: 0.25, branches: 2 })).run(model, { data, runtime })
 * @example pipeline(pruneBlocks({ blocks: ["/layer3/layer3.1/Add"] })).run(model)
 */
export const pruneBlocks = defineTechnique({
  name: "prune-blocks",
  summary: "Removes whole residual blocks that change little: a shallower model.",
  options: blockOptions,
  expects: [floatWeights],
  ensures: [verified],
  async apply(model, options, ctx) {
    await prepare(model, ctx.ops, ctx.signal);
    const branches = residualBranches(model.graph);
    const parameters = (): number => stats(model, { ops: ctx.ops, sparsity: false }).parameters;
    const before = parameters();
    const blocks = blocksOf(branches, options.branches);
    if (blocks.length === 0) throw pruneErrors.PRUNE_NO_BLOCKS({ branches: branches.length, size: options.branches });
    named(blocks, [...(options.blocks ?? []), ...(options.exclude ?? [])]);
    const measurements = new Measurements(ctx, options.samples);
    const influence = options.blocks ? undefined : await blockInfluence(model, blocks, { runtime: measurements.runtime, batches: await measurements.batches(), signal: ctx.signal });
    ctx.progress({ done: 1, total: 2, message: `${blocks.length} blocks measured` });
    await ctx.turn();
    const gone = influence ? least(blocks, influence, options.ratio, options.exclude) : blocks.filter(({ name }) => options.blocks?.includes(name));
    await removeBranches(model, outermost(gone), { ops: ctx.ops, signal: ctx.signal });
    inferShapes(model, { ops: ctx.ops });
    const batchNorms = options.estimateBatchNorm ? await estimateBatchNorm(model, await measurements.batches(), { runtime: measurements.runtime, ops: ctx.ops, signal: ctx.signal }) : undefined;
    ctx.progress({ done: 2, total: 2, message: `${gone.length} of ${blocks.length} blocks removed` });
    return {
      metrics: { blocks: blocks.length, removedBlocks: gone.length, removedParameters: before - parameters(), ...(batchNorms === undefined ? {} : { batchNorms }) },
      details: { blocks: rowsOf(blocks, gone, influence), ...(influence ? { curves: [influenceCurve(blocks, influence)] } : {}) },
    };
  },
});

/** @throws PRUNE_UNKNOWN_BLOCK */
function named(blocks: readonly Block[], names: readonly string[]): void {
  const known = blocks.map((block) => block.name);
  for (const block of names) if (!known.includes(block)) throw pruneErrors.PRUNE_UNKNOWN_BLOCK({ block, known });
}

function least(blocks: readonly Block[], influence: readonly number[], ratio: number, exclude: readonly string[] = []): Block[] {
  const order = blocks.map((_, i) => i).filter((i) => !exclude.includes(blocks[i]!.name)).toSorted((a, b) => influence[a]! - influence[b]! || a - b);
  const chosen = new Set(order.slice(0, Math.max(1, Math.floor(ratio * blocks.length))));
  return blocks.filter((_, i) => chosen.has(i));
}

/** Branches that do not lie inside another one of the list: those go with the outer one. */
function outermost(blocks: readonly Block[]): Branch[] {
  const all = blocks.flatMap((block) => block.branches);
  return all.filter((branch) => !all.some((other) => other.nodes.has(branch.add)));
}

const rowsOf = (blocks: readonly Block[], gone: readonly Block[], influence: readonly number[] | undefined): Json[] =>
  blocks.map((block, i) => ({
    block: block.name, removed: gone.includes(block), parameters: block.branches.reduce((sum, b) => sum + b.parameters, 0), ...(influence ? { influence: influence[i]! } : {}),
  }));

const influenceCurve = (blocks: readonly Block[], influence: readonly number[]): Json => ({
  title: "Influence of each block", x: "block", y: "1 - cos(in, out)", series: [{ name: "influence", points: blocks.map((_, i) => [i + 1, influence[i]!]) }],
});
