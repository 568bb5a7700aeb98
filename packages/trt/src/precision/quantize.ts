/** Explicit quantization for TensorRT: static quantization with pairs where its kernels want them. */
import { defineTechnique, floatWeights, verified, type Json, type Model, type TechniqueContext } from "@lathe/core";
import { calibrationMethods, quantizeStatic, staticOptions, type QuantType } from "@lathe/quantize";
import { z } from "zod";
import { legalQuantizers, tell } from "./legal.ts";
import { raiseOpset } from "./opset.ts";
import { versionOption } from "./options.ts";

const shared = staticOptions.pick({
  percentile: true, bins: true, samples: true, tensorsPerRun: true, nodes: true, excludeNodes: true, bodies: true, simplify: true, equalize: true, smooth: true, correctBias: true,
  weightPairs: true,
}).shape;

export const quantizeOptions = z.strictObject({
  version: versionOption,
  // Of the methods, the least error lost least accuracy where it was measured; the table is in the docs page.
  method: z.enum(calibrationMethods).default("mse").describe("how ranges follow from the calibration data"),
  ...shared,
});

/** Float formats keep small values as exact as large ones: nothing is gained by clipping. */
export const quantize8Options = z.strictObject({ ...quantizeOptions.shape, method: z.enum(calibrationMethods).default("minmax").describe("how ranges follow from the calibration data") });

export type QuantizeOptions = z.infer<typeof quantizeOptions>;

/** LayerNormalization can be recognised, and 16-bit scales written, from here on; the parser of TensorRT 10.0 ends at 20. */
const OPSET = 19;

type Context = TechniqueContext<"data" | "runtime">;

async function apply(model: Model, { version, ...options }: QuantizeOptions, ctx: Context, dtype: QuantType) {
  const { data, runtime } = ctx.services;
  if (options.simplify) raiseOpset(model, OPSET, true);
  const onSample = (done: number): void => ctx.progress({ done, total: options.samples, message: "calibrating" });
  const made = await quantizeStatic(model, { ...options, target: "tensorrt", activationType: dtype, weightType: dtype }, { data, runtime, signal: ctx.signal, random: ctx.random, turn: () => ctx.turn(), onSample });
  for (const node of made.unreached) ctx.warn({ code: "QUANT_UNREACHED", node, message: "stays float: no calibration sample reached the body it stands in, or gave anything but zeros there" });
  const { reasons, absorbed: _, biases: __, ...metrics } = made.report;
  const { findings, errors, warnings } = tell(made.model, version, (warning) => ctx.warn(warning));
  const declined = made.declined.map((d) => ({ ...d }));
  return { model: made.model, metrics: { ...metrics, declined: declined.length, errors, warnings }, details: { reasons: [...reasons], declined, findings } satisfies Json };
}

/**
 * INT8 Q and DQ as TensorRT takes them: symmetric, with zero points and axes written, at the operands of layers that gain.
 * @example pipeline(trtInt8()).run(model, { data, runtime })
 */
export const trtInt8 = defineTechnique({
  name: "trt-int8",
  summary: "INT8 for TensorRT as Q and DQ in the graph, placed and written as its builder takes them.",
  options: quantizeOptions,
  needs: ["data", "runtime"],
  expects: [floatWeights],
  ensures: [verified, legalQuantizers],
  apply: (model, options, ctx) => apply(model, options, ctx, "int8"),
});

/**
 * FP8 (E4M3) Q and DQ, for Ada, Hopper and later. The scale takes the greatest magnitude to 448, the largest E4M3 value: the scale of int8
 * times 127/448.
 * @example pipeline(trtFp8()).run(model, { data, runtime })
 */
export const trtFp8 = defineTechnique({
  name: "trt-fp8",
  summary: "FP8 (E4M3) for TensorRT as Q and DQ in the graph, for GPUs from Ada and Hopper on.",
  options: quantize8Options,
  needs: ["data", "runtime"],
  expects: [floatWeights],
  ensures: [verified, legalQuantizers],
  apply: (model, options, ctx) => apply(model, options, ctx, "float8e4m3fn"),
});
