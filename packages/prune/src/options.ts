/** Options that the techniques share. */
import { z } from "zod";

export const share = z.number().min(0).max(0.99);

export const importanceOptions = {
  criterion: z.enum(["l1", "l2", "bn-scale", "fpgm", "lamp", "random", "taylor", "fisher", "activation", "apoz"]).default("l2").describe("how the importance of a unit is judged; the last four measure on data"),
  reduction: z.enum(["mean", "sum", "max", "first"]).default("mean").describe("how the weights that go with a unit are put together"),
  normalizer: z.enum(["mean", "max", "sum", "none"]).default("mean").describe("makes scores of different groups comparable"),
  samples: z.number().int().min(1).default(32).describe("samples of the data that importance, refit and timing use"),
  labels: z.string().default("labels").describe("name of the class labels in the samples (taylor, fisher)"),
  roundTo: z.number().int().min(1).optional().describe("kept widths (channels, columns) are multiples of this; others run slower in ONNX Runtime. Default: the nearest multiple of 8, or of less in groups narrower than 16"),
  exclude: z.array(z.string()).optional().describe("groups (by name) that stay whole"),
  factor: z.enum(["auto", "first", "last"]).default("auto").describe("heads or head columns, groups or channels within groups"),
  refit: z.boolean().default(false).describe("fit the kept weights anew on the data so that layers give what they gave before; needs no labels"),
  estimateBatchNorm: z.boolean().default(false).describe("measure statistics of BatchNormalization again on the data"),
};

export const channelOptions = z.strictObject({
  ratio: share.default(0.3).describe("share of what `target` says that is taken away"),
  target: z.enum(["units", "parameters", "bytes", "macs", "latency"]).default("units").describe("what `ratio` is a share of; latency is measured in the runtime"),
  scope: z.enum(["group", "global", "isomorphic", "sensitivity"]).default("global").describe("the same share in every group, one ranking over all, or one for each kind of group; sensitivity: by what cutting each group alone changes at the outputs, on data without labels"),
  maxRatio: share.default(0.8).describe("largest share that one group may lose"),
  minimum: z.number().int().min(1).default(1).describe("fewest units that stay in a group"),
  ratios: z.record(z.string(), share).optional().describe("share by group name, in place of ratio"),
  rounds: z.number().int().min(1).default(15).describe("timed rounds of each trial (target latency)"),
  tolerance: z.number().min(0.005).max(0.5).default(0.03).describe("share of the wanted speed-up by which the measured one may miss it (target latency)"),
  threads: z.number().int().min(1).optional().describe("threads when timing (target latency); default: all cores"),
  ...importanceOptions,
});

export type ChannelOptions = z.infer<typeof channelOptions>;

export const searchOptions = z.strictObject({
  maxDrop: z.number().min(0).default(0.01).describe("largest loss of score that is accepted"),
  trialRatios: z.array(share).min(1).default([0.25, 0.5, 0.75]).describe("shares of each group that are tried alone"),
  rounds: z.number().int().min(1).max(20).default(6).describe("steps of the search for the threshold"),
  ...importanceOptions,
});

export type SearchOptions = z.infer<typeof searchOptions>;
export type ImportanceOptions = z.infer<z.ZodObject<typeof importanceOptions>>;
