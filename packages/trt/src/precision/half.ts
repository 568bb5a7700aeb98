/** Mixed precision written into the graph, because engines of TensorRT 11 compute in the types that the graph has. */
import { defineTechnique, dtypes, floatWeights, simplifyModel, verified, type Json, type Model, type Node } from "@lathe/core";
import { applyFloat16, float16Options } from "@lathe/quantize";
import { z } from "zod";
import { isDq, isQ } from "../rules/facts.ts";
import { trtErrors } from "../errors.ts";
import { reductionDepth } from "./depth.ts";
import { legalTypes, tell } from "./legal.ts";
import { boundMasks } from "./masks.ts";
import { raiseOpset } from "./opset.ts";
import { versionOption } from "./options.ts";
import { isSquare, tinyEpsilon } from "../rules/half.ts";

/** Operators that TensorRT has in float32 only, or that count positions. */
export const halfKeepOpTypes: readonly string[] = ["Upsample", "NonMaxSuppression", "Celu", "Range", "CumSum"];

const names = z.array(z.string()).optional();

export const halfOptions = z.strictObject({
  version: versionOption,
  dtype: z.enum(["float16", "bfloat16"]).default("float16").describe("16-bit type"),
  limit: z.number().positive().default(512).describe("largest magnitude, on the data, of what a 16-bit node reads or writes"),
  weightLimit: z.number().positive().max(65504).default(65504).describe("largest magnitude of a weight that a 16-bit node reads"),
  maxDepth: z.number().int().positive().optional().describe("most terms of a sum (products of a matrix or window, elements reduced) in 16 bits; default: no bound"),
  keepOpTypes: names.describe("operators that stay in float32; default those that TensorRT has in float32 only, or that count"),
  exclude: names.describe("regular expressions; nodes whose names match stay in float32"),
  keepIo: z.boolean().default(true).describe("inputs and outputs of the model stay float32"),
  simplify: z.boolean().default(true).describe("first recognise LayerNormalization, whose sums TensorRT keeps in float32 (opset 17)"),
  samples: z.number().int().positive().default(32).describe("calibration samples used at most"),
});

export type HalfOptions = z.infer<typeof halfOptions>;

/**
 * float16 (or bfloat16) where the values of real samples allow it, float32 elsewhere, and a Cast wherever the two meet.
 * @example pipeline(trtFp16({ limit: 1024 })).run(model, { data, runtime })
 */
export const trtFp16 = defineTechnique({
  name: "trt-fp16",
  summary: "16-bit arithmetic for strongly typed engines: float32 where ranges, weights or long sums ask for it.",
  options: halfOptions,
  needs: ["data", "runtime"],
  expects: [floatWeights],
  ensures: [verified, legalTypes],
  async apply(model, options, ctx) {
    const { version, dtype, limit, keepIo, samples } = options;
    const keep = keeper(options);
    await ready(model, options);
    const masks = boundMasks(model, dtype);
    for (const name of masks) ctx.warn({ code: "TRT_MASK_BOUND", message: `Infinite values of "${name}" became ${dtypes[dtype].max}: rows that are masked as a whole give other results.` });
    await ctx.turn();
    const onSample = (done: number): void => ctx.progress({ done, total: samples, message: "measuring ranges" });
    const settings = float16Options.parse({ dtype, keepIo, keepOpTypes: options.keepOpTypes ?? halfKeepOpTypes, checkRanges: true, limit, samples });
    const { kept, ...metrics } = await applyFloat16(model, settings, { ...ctx.services, signal: ctx.signal, onSample, keep });
    const { findings, errors, warnings } = tell(model, version, (warning) => ctx.warn(warning));
    return { metrics: { ...metrics, kept: kept.length, errors, warnings }, details: { kept: kept.map((k) => ({ ...k })), masks, findings } satisfies Json };
  },
});

/** Operator sets in which the types exist: bfloat16 of all operators came with 22, 16-bit scales of Q and DQ with 19. */
async function ready(model: Model, { dtype, simplify }: HalfOptions): Promise<void> {
  const quantized = [...model.graph.allNodes()].some((n) => isQ(n) || isDq(n));
  raiseOpset(model, dtype === "bfloat16" ? 22 : quantized ? 19 : 13);
  if (!simplify || quantized) return;
  raiseOpset(model, 17, true);
  await simplifyModel(model);
}

/** Why a node stays float32 although its operator and the values seen would allow 16 bits. */
function keeper({ exclude = [], maxDepth, weightLimit }: HalfOptions): (node: Node) => string | undefined {
  const patterns = exclude.map(pattern);
  return (node) => {
    const match = patterns.find((p) => p.test(node.name));
    if (match) return `its name matches ${match}`;
    if (node.graph?.parent) return "the values inside a body were not measured";
    if (squares(node)) return "it is part of a variance, whose squares overflow";
    const epsilon = tinyEpsilon(node);
    if (epsilon) return `"${epsilon.name}" is too small a number in 16 bits`;
    const depth = maxDepth === undefined ? undefined : reductionDepth(node);
    if (depth !== undefined && depth > maxDepth!) return `it sums ${depth} terms`;
    const wide = weightLimit < dtypes.float16.max ? node.inputs.find((v) => v?.constant?.dtype === "float32" && v.constant.toFloat32().some((x) => Math.abs(x) > weightLimit)) : undefined;
    return wide ? `its weight "${wide.name}" exceeds ${weightLimit}` : undefined;
  };
}

/** @throws TRT_OPTION for what is no regular expression */
function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw trtErrors.TRT_OPTION({ option: "exclude", expected: "regular expressions", received: `"${text}"` }, cause);
  }
}

/** A square that is averaged, or the average. */
const squares = (node: Node): boolean =>
  (isSquare(node) && node.out.consumers.some((c) => c.is("ReduceMean") || c.is("ReduceSum"))) || ((node.is("ReduceMean") || node.is("ReduceSum")) && isSquare(node.input(0)?.producer));
