/**
 * What each kind of machine runs fastest, as options with the reason for each. The reasons are measured facts about ONNX Runtime 1.30
 * where docs/packages/quantize.md gives a figure, else its source or its maintainers' word.
 */
import type { StaticOptions } from "./options.ts";

export const targetNames = ["x64-vnni", "x64", "arm64", "wasm", "webgpu", "tensorrt", "qnn"] as const;
export type Target = (typeof targetNames)[number];

type Chosen = Partial<Omit<StaticOptions, "target">>;

export interface Choice {
  readonly options: Chosen;
  readonly why: string;
}

/** Operators with weights, what moves their values, and what a quantizer does for free: where integer kernels win on CPUs. */
const cpuOpTypes: readonly string[] = [
  "Conv", "MatMul", "Gemm", "Relu", "Clip", "Add", "GlobalAveragePool", "AveragePool", "MaxPool", "Concat",
  "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Pad", "Resize", "Gather",
];

const u8s8: Choice = {
  options: { activationType: "uint8", weightType: "int8", perChannel: true, symmetricActivations: false },
  why: "uint8 activations with int8 weights is the pair ONNX Runtime's x64 and WASM kernels are written for; int8 activations leave residual Adds and shared inputs unfused.",
};
const whereItPays: Choice = {
  options: { opTypes: [...cpuOpTypes], constantOperands: false },
  why: "Integer kernels of other operators, and of Add with a constant, are slower than float ones or do not exist: quantizing them was measured to cost speed.",
};
const floatTail: Choice = { options: { floatTail: true }, why: "What follows the last weighted layer (Softmax, box decoding) needs range more than speed." };

const choices: Readonly<Record<Target, readonly Choice[]>> = {
  "x64-vnni": [u8s8, whereItPays, floatTail],
  x64: [
    u8s8,
    whereItPays, floatTail,
    {
      options: { saturationSafe: true },
      why: "Without VNNI two products are added in 16 bits: weights of channels where that can overflow keep 7 bits, the others all 8.",
    },
  ],
  arm64: [
    {
      options: { activationType: "int8", weightType: "int8", perChannel: true, symmetricActivations: false },
      why: "The arm64 kernels multiply signed by signed, and the session default keeps int8 Q and DQ as they are.",
    },
    whereItPays, floatTail,
  ],
  wasm: [
    u8s8, whereItPays, floatTail,
    {
      options: { groupedConv: false },
      why: "WASM has no integer kernel for depthwise and grouped convolutions: quantized ones took two to three times as long as float ones.",
    },
  ],
  webgpu: [
    u8s8,
    { options: { biasZeroPoint: false }, why: "WebGPU refuses an int32 zero point; without one the bias still fuses elsewhere." },
    { options: { opTypes: ["Conv", "MatMul", "Gemm"] }, why: "Integer support is partial there: only what saves weight is quantized. float16 is usually the better choice." },
  ],
  tensorrt: [
    {
      options: { activationType: "int8", weightType: "int8", perChannel: true, symmetricActivations: true },
      why: "TensorRT takes symmetric int8 with zero point 0 only.",
    },
    { options: { quantizeBias: false, graphOutputs: false }, why: "TensorRT keeps biases and network outputs in float." },
    {
      options: { placement: "tensorrt" },
      why: "TensorRT pulls the next Q into the layer before: pairs stand at the operands of layers that gain, on the skip branch of residual Adds, and with one scale around a Concat.",
    },
    { options: { opTypes: ["Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Concat"] }, why: "Layers that TensorRT runs in int8; what stands between follows them." },
  ],
  qnn: [
    {
      options: { activationType: "uint8", weightType: "uint8", perChannel: false, symmetricActivations: false },
      why: "The Hexagon kernels take uint8 on both sides, and per-channel weights for convolutions only.",
    },
    { options: { minimumRealRange: 1e-4 }, why: "QNN refuses scales that are too small." },
    { options: { fuseActivations: false }, why: "QNN may drop Q/DQ pairs later, so that clips must stay in the graph." },
  ],
};

export interface Plan {
  readonly options: Chosen;
  /** What was chosen and why, in words for the report. */
  readonly reasons: readonly string[];
}

/** Options for a target. What the caller gave wins, and is then not explained. */
export function planFor(target: Target | undefined, given: Chosen): Plan {
  if (!target) return { options: given, reasons: [] };
  let options: Chosen = {};
  const reasons: string[] = [];
  for (const choice of choices[target]) {
    const names = Object.keys(choice.options) as (keyof Chosen)[];
    const free = names.filter((name) => given[name] === undefined);
    if (free.length === 0) continue;
    options = { ...options, ...Object.fromEntries(free.map((name) => [name, choice.options[name]])) };
    reasons.push(`${free.map((name) => `${name} = ${short(choice.options[name])}`).join(", ")}: ${choice.why}`);
  }
  return { options: { ...options, ...given }, reasons };
}

const short = (value: unknown): string => (Array.isArray(value) ? `[${value.length} operator types]` : JSON.stringify(value));
