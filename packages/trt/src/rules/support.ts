/**
 * Which operators TensorRT's ONNX parser takes, from which release, in which element types, and with which limits: the one table.
 * Rows are those of the parser of TensorRT 10.1; what later release notes add carries its release. Types are those of the operand that
 * gives the result its type; FP8, INT8 and INT4 exist between Q and DQ only, and DOUBLE is read as FLOAT.
 */
import type { DType } from "@lathe/core";
import * as limits from "./limits.ts";
import type { Limit } from "./limits.ts";

export interface Support {
  readonly types: readonly DType[];
  /** Release that brought it; absent: 10.0 has it. */
  readonly since?: readonly [number, number];
  readonly limits?: readonly Limit[];
  /** Where the type in question is read: an input, or "out". Default input 0. */
  readonly port?: number | "out";
}

const F: readonly DType[] = ["float32", "float16", "bfloat16"];
const F_NO_BF16: readonly DType[] = ["float32", "float16"];
const FI: readonly DType[] = [...F, "int32", "int64"];
const FIB: readonly DType[] = [...FI, "bool"];
const FIBU: readonly DType[] = [...FIB, "uint8"];
const B: readonly DType[] = ["bool"];

const each = (names: string, support: Support): Record<string, Support> => Object.fromEntries(names.split(" ").map((name) => [name, support]));
const axesInput = (index: number): readonly Limit[] => [limits.constantInput(index, "axes")];

export const support: Readonly<Record<string, Support>> = {
  ...each("Acos Acosh Asin Asinh Atan Atanh Ceil Celu Clip Cos Cosh Elu Erf Exp Floor GlobalAveragePool GlobalLpPool GlobalMaxPool HardSigmoid HardSwish", { types: F }),
  ...each("InstanceNormalization IsInf LeakyRelu Log LogSoftmax LRN LpNormalization MatMul Gemm MeanVarianceNormalization PRelu Pow Reciprocal Round Selu", { types: F }),
  ...each("Sigmoid Sin Sinh Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Upsample Einsum GroupNormalization", { types: F }),
  ...each("Mish RoiAlign NonMaxSuppression", { types: F_NO_BF16 }),
  ...each("Abs Add ArgMax ArgMin DepthToSpace Div Gelu Max Mean Min Mod Mul Neg Relu Shrink Sign SpaceToDepth Sub Sum", { types: FI }),
  ...each("Equal Greater GreaterOrEqual Less LessOrEqual IsNaN ScatterElements Scatter", { types: FI }),
  // Of NonZero the list names two types, the importer takes all.
  ...each("Concat Constant Expand Flatten Gather GatherElements GatherND Identity NonZero Reshape ReverseSequence Shape Size Split Tile Transpose Trilu", { types: FIB }),
  ...each("And Not Or Xor", { types: B }),
  ...each("Cast CastLike", { types: FIBU }),
  ...each("ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare", { types: FI, limits: axesInput(1) }),
  ...each("Squeeze Unsqueeze", { types: FIB, limits: axesInput(1) }),
  ...each("RandomNormal RandomNormalLike RandomUniform RandomUniformLike", { types: F, port: "out", limits: [limits.seed] }),
  ...each("GRU LSTM RNN", { types: F, limits: [limits.rnnAttributes] }),
  Slice: { types: FIB, limits: axesInput(3) },
  Pad: { types: FI, limits: axesInput(3) },
  Where: { types: FIB, port: 1 },
  Range: { types: FI, port: "out" },
  ConstantOfShape: { types: FIB, port: "out" },
  Constant: { types: FIBU, port: "out", limits: [limits.plainConstant] },
  OneHot: { types: FIB, port: "out", limits: [limits.constantInput(1, "a depth")] },
  EyeLike: { types: FIB, port: "out", limits: [limits.staticInput] },
  CumSum: { types: F, limits: [limits.constantInput(1, "an axis", [10, 8])] },
  Hardmax: { types: F, limits: [limits.staticAxis] },
  TopK: { types: FI, limits: [limits.topKCount, limits.topKSorted] },
  ScatterND: { types: FI, limits: [limits.noReduction] },
  Resize: { types: F, limits: [limits.resizeMode] },
  Conv: { types: F, limits: [limits.windowRank, limits.constantKernel] },
  ConvTranspose: { types: F, limits: [limits.windowRank, limits.constantKernel] },
  DeformConv: { types: F_NO_BF16, limits: [limits.evenPads] },
  AveragePool: { types: F, limits: [limits.windowRank, limits.noDilation] },
  LpPool: { types: F, limits: [limits.windowRank, limits.noDilation] },
  MaxPool: { types: F, limits: [limits.windowRank, limits.noDilation, limits.noIndices] },
  BatchNormalization: { types: F, limits: [limits.inference] },
  Dropout: { types: F, limits: [limits.inference] },
  LayerNormalization: { types: F, limits: [limits.firstOutputOnly] },
  GridSample: { types: F_NO_BF16, limits: [limits.imagesOnly] },
  If: { types: FIB, port: "out", limits: [limits.branchRanks] },
  Loop: { types: FIB, port: "out", limits: [limits.loopLength] },
  Scan: { types: F, port: "out" },
  // Quantization has rules of its own.
  QuantizeLinear: { types: F },
  DequantizeLinear: { types: ["int8", "float8e4m3fn", "int4", "float4e2m1"] },
  // Later releases.
  STFT: { types: F_NO_BF16, since: [10, 5] },
  Attention: { types: F_NO_BF16, since: [10, 14] },
  ...each("RotaryEmbedding RMSNormalization TensorScatter", { types: F, since: [10, 15] }),
  Swish: { types: F, since: [11, 0] },
};

/** Operators of the vendor's own domain, which stand for quantizers of types that ONNX lacks, and the release that brought them. */
export const vendorOps: Readonly<Record<string, readonly [number, number]>> = {
  TRT_FP8QuantizeLinear: [10, 0], TRT_FP8DequantizeLinear: [10, 0], TRT_INT4QuantizeLinear: [10, 0], TRT_INT4DequantizeLinear: [10, 0],
  TRT_FP4DynamicQuantize: [10, 8], TRT_MXFP8DynamicQuantize: [10, 12], TRT_MXFP8DequantizeLinear: [10, 12],
};

/** Integer operators: quantization in a form that the parser does not read. */
export const integerOps: ReadonlySet<string> = new Set([
  "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear", "QLinearAdd", "QLinearMul", "QLinearConcat", "QLinearSigmoid",
  "QLinearLeakyRelu", "QLinearSoftmax", "QLinearGlobalAveragePool", "QLinearAveragePool", "QGemm", "QAttention", "DynamicQuantizeMatMul", "MatMulIntegerToFloat",
  "DynamicQuantizeLSTM", "MatMulNBits", "MatMulBnb4", "GatherBlockQuantized",
]);
