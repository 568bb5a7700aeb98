/** Options of the techniques: one schema gives types, checks, defaults, help texts. */
import { z } from "zod";
import { quantizeErrors } from "./errors.ts";
import { calibrationMethods } from "./calibrate/choose.ts";
import { quantTypes } from "./params.ts";
import { placementNames } from "./plan.ts";
import { targetNames } from "./targets.ts";

const type = z.enum(quantTypes);
const names = z.array(z.string()).optional();
const params = z.array(z.strictObject({ scale: z.number().positive(), zeroPoint: z.number().int() })).min(1);
const range = z.strictObject({ min: z.number(), max: z.number() }).refine((r) => r.min <= r.max, "min must not exceed max");

const override = z.strictObject({
  dtype: type.optional(),
  symmetric: z.boolean().optional(),
  reduceRange: z.boolean().optional(),
  range: range.optional().describe("in place of the calibrated range"),
  params: params.optional().describe("fixed scale and zero point, one pair or one per channel"),
  axis: z.number().int().nullable().optional().describe("per-channel axis; null: per tensor"),
  convert: z
    .object({ dtype: type, symmetric: z.boolean().optional(), range: range.optional(), params: params.optional(), nodes: names })
    .optional()
    .describe("a second type for some consumers (mixed precision)"),
});

export const adaroundOptions = z.strictObject({
  iterations: z.number().int().min(1).max(100_000).default(300).describe("steps of Adam for each layer"),
  learningRate: z.number().positive().default(0.05),
  regularization: z.number().min(0).default(0.05).describe("pull of each weight to one of its two codes, in units of what moving it alone costs"),
  warmStart: z.number().min(0).lt(1).default(0.2).describe("share of the steps before that pull sets in"),
  samples: z.number().int().positive().default(128).describe("calibration samples used at most"),
  asymmetric: z.boolean().default(true).describe("take each layer's inputs from the network whose earlier layers are rounded"),
  maxColumns: z.number().int().positive().default(4608).describe("layers with more inputs are rounded to nearest"),
});

export const staticOptions = z.strictObject({
  target: z.enum(targetNames).optional().describe("machine to optimise for; fills in whatever is not given"),
  format: z.enum(["qdq", "qoperator"]).default("qdq").describe("Q/DQ pairs that the engine fuses, or integer operators"),
  placement: z.enum(placementNames).optional().describe("where quantizers go: around operators, as ONNX Runtime fuses them (default), or at the operands of layers alone, as TensorRT does"),
  activationType: type.optional().describe("default uint8"),
  weightType: type.optional().describe("default int8"),
  perChannel: z.boolean().optional().describe("a scale for each output channel of a weight; default true"),
  symmetricActivations: z.boolean().optional().describe("default false"),
  symmetricWeights: z.boolean().optional().describe("default: when the weight type is signed"),
  reduceRange: z.boolean().optional().describe("7-bit weights, for CPUs whose int8 dot product saturates; default false"),
  saturationSafe: z.boolean().optional().describe("for x64 without VNNI: a larger weight scale only in channels where a pair of products can overflow; default false"),
  restrictedAsymmetric: z.boolean().optional().describe("uint8 zero points 0 or 128 only; default false"),
  minimumRealRange: z.number().positive().optional().describe("least width of a range"),
  blockSize: z.number().int().min(0).optional().describe("elements a block of matrix weights (opset 21); activations then stay float; 0: no blocks"),
  method: z.enum(calibrationMethods).default("minmax").describe("how ranges follow from the calibration data"),
  percentile: z.number().gt(50).max(100).default(99.999).describe("share of values kept, in percent"),
  bins: z.number().int().min(128).max(65536).default(2048).describe("bins that histograms start with"),
  averagingConstant: z.number().gt(0).max(1).optional().describe("weight of a new sample in moving averages; default: plain mean"),
  samples: z.number().int().positive().default(512).describe("calibration samples used at most"),
  tensorsPerRun: z.number().int().positive().optional().describe("tensors fetched in one run when histograms are made; bounds the memory"),
  opTypes: names.describe("operators to quantize"),
  nodes: names.describe("only these nodes"),
  excludeNodes: names.describe("all but these nodes"),
  bodies: z.boolean().default(false).describe("also quantize inside the bodies of If, Loop and Scan"),
  simplify: z.boolean().default(true).describe("fold BatchNorm, constants and no-ops first: what stands between layers keeps them from fusing"),
  equalize: z.boolean().default(false).describe("cross-layer equalisation before quantizing: helps per-tensor weights"),
  smooth: z.number().min(0).max(1).optional().describe("SmoothQuant with this alpha, before quantizing: helps transformers with outlier channels"),
  correctBias: z.boolean().default(false).describe("take the mean shift that rounding weights causes off the biases"),
  rounding: z.enum(["nearest", "adaround"]).default("nearest").describe("how weights become integers: to nearest, or learned layer by layer on the calibration data (for 4-bit and per-tensor weights)"),
  adaround: adaroundOptions.optional().describe("settings of the learned rounding"),
  groupedConv: z.boolean().optional().describe("also depthwise and grouped convolutions; default true"),
  constantOperands: z.boolean().optional().describe("quantize Add and Mul with a constant operand; default true"),
  floatTail: z.boolean().optional().describe("keep what follows the last weighted layer in float; default false"),
  fuseActivations: z.boolean().optional().describe("let the quantizer clip in place of Relu and Clip; default true"),
  quantizeBias: z.boolean().optional().describe("default true"),
  biasZeroPoint: z.boolean().optional().describe("give int32 biases a zero point; default true"),
  adjustBias: z.boolean().optional().describe("widen weight scales where a bias would overflow int32; default true"),
  quantizeMoves: z.boolean().optional().describe("quantize Reshape, Transpose, MaxPool even behind float; default false"),
  floatOutputs: names.describe("operator types whose outputs stay float"),
  graphOutputs: z.boolean().optional().describe("quantize what leaves the graph; default true"),
  dedicatedPairs: z.boolean().optional().describe("one Q/DQ pair for each consumer; default false"),
  verify: z.boolean().default(false).describe("load the result in ONNX Runtime; report integer kernels, why nodes stay float, and the noisiest tensors"),
  failIfSlower: z.boolean().default(false).describe("fail when the result is not faster than the float model"),
  weightPairs: z.boolean().optional().describe("keep float weights behind Q/DQ; default false"),
  contribOps: z.boolean().optional().describe("Q and DQ of domain com.microsoft"),
  channelAxes: z.record(z.string(), z.number().int()).optional().describe("per-channel axis by operator type"),
  overrides: z.record(z.string(), override).optional().describe("settings of single tensors, by name"),
});

export type StaticOptions = z.infer<typeof staticOptions>;
export type StaticOptionsInput = z.input<typeof staticOptions>;

export const dynamicOptions = z.strictObject({
  target: z.enum(targetNames).optional().describe("CPU targets: let ONNX Runtime take its faster kernels around the integer ones"),
  weightType: z.enum(["int8", "uint8"]).default("int8").describe("type of MatMul weights"),
  convWeightType: z.enum(["int8", "uint8"]).default("uint8").describe("type of Conv kernels; int8 ones run several times slower on ONNX Runtime"),
  perChannel: z.boolean().default(true).describe("a scale for each output column of a MatMul weight"),
  perChannelConv: z.boolean().default(true).describe("a scale for each output channel of a Conv kernel"),
  groupedConv: z.boolean().default(false).describe("also depthwise and grouped convolutions"),
  reduceRange: z.boolean().default(false).describe("7-bit weights, for CPUs whose int8 dot product saturates"),
  symmetricWeights: z.boolean().optional().describe("default: when the weight type is signed"),
  constantOnly: z.boolean().default(true).describe("only MatMuls with a constant right side"),
  opTypes: names.describe("operators to quantize"),
  nodes: names.describe("only these nodes"),
  excludeNodes: names.describe("all but these nodes"),
});

export type DynamicTechniqueOptions = z.infer<typeof dynamicOptions>;

export const searchOptions = z.strictObject({
  maxDrop: z.number().min(0).default(0.005).describe("largest loss of the evaluate score"),
  methods: z.array(z.enum(calibrationMethods)).optional().describe("calibration methods to try; default all but moving-average"),
  maxExcluded: z.number().int().min(0).optional().describe("nodes that may stay float; default half of the weighted ones"),
  static: staticOptions.partial().optional().describe("options of every candidate"),
});

export const autoOptions = z.strictObject({
  target: z.enum(targetNames).default("x64-vnni").describe("machine to optimise for; the timing happens on the lent runtime"),
  minSqnr: z.number().default(10).describe("least signal to noise ratio of the outputs, in decibels"),
  threads: z.number().int().positive().default(1).describe("threads to time with"),
  rounds: z.number().int().positive().default(15).describe("timed rounds"),
});

/** Options checked by a schema, with defaults. @throws QUANT_OPTION naming the option */
export function checked<S extends z.ZodType>(schema: S, input: z.input<S>): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw quantizeErrors.QUANT_OPTION({ option: issue?.path.join(".") || "list", reason: issue?.message ?? "it has the wrong form" }, result.error);
}
