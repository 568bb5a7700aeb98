/** Options of quantize-weights. */
import { z } from "zod";
import { targetNames, type Target } from "../targets.ts";
import { blockAlgorithms } from "./fit.ts";

export const weightFormats = ["nbits", "qdq", "nf4", "fp4"] as const;
export const weightAlgorithms = [...blockAlgorithms, "gptq", "awq"] as const;
export type WeightFormat = (typeof weightFormats)[number];
export type WeightAlgorithm = (typeof weightAlgorithms)[number];

const names = z.array(z.string()).optional();
const bits = z.literal([2, 4, 8]);
const blockSize = z.literal([16, 32, 64, 128, 256]);

const override = z.strictObject({
  bits: bits.optional(),
  blockSize: blockSize.optional(),
  symmetric: z.boolean().optional(),
});

export const weightOnlyOptions = z.strictObject({
  target: z.enum(targetNames).optional().describe("machine to optimise for; fills in format and accuracyLevel"),
  format: z.enum(weightFormats).optional().describe("nbits: MatMulNBits; qdq: blocked DequantizeLinear (opset 21); nf4, fp4: MatMulBnb4. Default nbits"),
  algorithm: z.enum(weightAlgorithms).default("default").describe("how weights are rounded; gptq and awq learn from calibration data"),
  bits: bits.default(4).describe("bits of a weight"),
  blockSize: blockSize.optional().describe("weights that share a scale; default 32, for nf4 and fp4 64"),
  symmetric: z.boolean().optional().describe("no zero points; default true, for k-quant and hqq false"),
  accuracyLevel: z.number().int().min(0).max(4).optional().describe("least precision of the product: 0 unset, 1 float32, 2 float16, 3 bfloat16, 4 int8; default by target"),
  headBits: bits.optional().describe("bits of the products whose results leave the model (lm_head); default as the others"),
  embeddingBits: bits.optional().describe("quantize tables of Gather to this many bits; default: leave them"),
  realZeroPoints: z.boolean().default(false).describe("hqq: zero points that are no integers; nearer, but its kernels are slower"),
  minElements: z.number().int().min(0).default(1024).describe("smaller weights stay float: there is nothing to save"),
  samples: z.number().int().positive().default(32).describe("calibration samples used at most (gptq, awq)"),
  damping: z.number().gt(0).max(1).default(0.01).describe("gptq: share of the mean diagonal added to the Hessian"),
  actOrder: z.boolean().default(true).describe("gptq: round the inputs that matter most first"),
  clip: z.boolean().default(false).describe("awq: also clip each block's weights to the range that changes its products least"),
  plainBranches: z.boolean().default(false).describe("gptq, awq: round products whose activation is computed inside a branch or loop body without data, in place of refusing"),
  opTypes: z.array(z.enum(["MatMul", "Gemm"])).default(["MatMul", "Gemm"]).describe("products to quantize"),
  nodes: names.describe("only these nodes"),
  excludeNodes: names.describe("all but these nodes"),
  overrides: z.record(z.string(), override).optional().describe("bits, blockSize, symmetric of single nodes, by name"),
});

export type WeightOnlyOptions = z.infer<typeof weightOnlyOptions>;
export type WeightOnlyInput = z.input<typeof weightOnlyOptions>;

interface TargetChoice {
  readonly format: WeightFormat;
  readonly accuracyLevel: number;
  readonly why: string;
}

const cpu: TargetChoice = {
  format: "nbits",
  accuracyLevel: 4,
  why: "accuracyLevel 4 multiplies int8 activations with the codes; without it the kernel restores float weights first and is about three times slower than that",
};

/** What runs well where; measured for x64, from ONNX Runtime's sources for the others. */
export const targetChoices: Readonly<Record<Target, TargetChoice>> = {
  "x64-vnni": cpu,
  x64: cpu,
  arm64: cpu,
  wasm: { ...cpu, why: "the WebAssembly kernel is many times slower than the float one at batch 1 whatever the level: prefer quantize-dynamic there" },
  webgpu: { format: "nbits", accuracyLevel: 0, why: "the WebGPU kernel computes in the activation's type" },
  tensorrt: { format: "qdq", accuracyLevel: 0, why: "TensorRT reads blocked DequantizeLinear of opset 21, not MatMulNBits, with 4 bits, positive scales and no zero points" },
  qnn: { format: "qdq", accuracyLevel: 0, why: "QNN reads DequantizeLinear, not MatMulNBits" },
};
