/** Rows for convolution, pooling, products, normalization, recurrence, attention, resizing, quantization, losses and com.microsoft. */
import { attr } from "@lathe/core";
import { constant as k, f, fed, ints, positive, row, weight, type Attrs, type OpCase, type Operand } from "./harness.ts";

const u8 = (...dims: number[]): Operand => fed("uint8", Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (i * 37) % 256), dims);
const s8 = (...dims: number[]): Operand => k("int8", Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 37) % 256) - 128), dims);
const bytes = (...dims: number[]): Operand => ({ ...u8(...dims), constant: true });
const i32 = (values: readonly number[], dims: readonly number[] = [values.length]): Operand => fed("int32", values, dims);
const scale = (...dims: number[]): Operand => ({ ...positive(...dims), constant: true });
const zero = (dtype: "uint8" | "int8" = "uint8"): Operand => k(dtype, [0], []);
const one = scale();
const ms = (op: string, inputs: readonly (Operand | null)[], attrs: Attrs = {}, outputs = 1): OpCase => row(op, inputs, attrs, { domain: "com.microsoft", outputs, opset: 17 });

export const networkCases: readonly OpCase[] = [
  // Convolutions: strides, dilations, groups, every auto_pad, odd sizes.
  row("Conv", [f(1, 3, 7, 9), weight(4, 3, 3, 3), weight(4)], { pads: [1, 1, 1, 1], strides: [2, 2] }), row("Conv", [f(1, 3, 7, 9), weight(4, 3, 3, 2)]), row("Conv", [f(2, 4, 8), weight(6, 2, 3)], { group: 2, dilations: [2] }),
  row("Conv", [f(1, 2, 7, 8), weight(3, 2, 3, 3)], { auto_pad: "SAME_UPPER", strides: [2, 3] }), row("Conv", [f(1, 2, 7, 8), weight(3, 2, 2, 2)], { auto_pad: "SAME_LOWER", strides: [2, 2] }), row("Conv", [f(1, 2, 7, 8), weight(3, 2, 3, 3)], { auto_pad: "VALID", strides: [2, 2] }),
  row("Conv", [f(1, 1, 4, 5, 6), weight(2, 1, 2, 2, 2)], { pads: [0, 1, 0, 1, 0, 0] }), row("Conv", [f(1, 3, 9, 9), weight(3, 1, 3, 3)], { group: 3, kernel_shape: [3, 3], pads: [1, 0, 2, 1] }, { opset: 7 }),
  row("ConvTranspose", [f(1, 3, 4, 5), weight(3, 2, 3, 3)]), row("ConvTranspose", [f(1, 3, 4, 5), weight(3, 2, 3, 3), weight(2)], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] }), row("ConvTranspose", [f(1, 4, 4, 5), weight(4, 2, 3, 3)], { group: 2, strides: [3, 2], output_shape: [10, 8] }),
  row("ConvTranspose", [f(1, 3, 4, 4), weight(3, 2, 3, 3)], { auto_pad: "SAME_UPPER", strides: [2, 2] }), row("ConvTranspose", [f(1, 2, 5), weight(2, 3, 2)], { dilations: [2], strides: [2] }, { opset: 7 }),
  row("ConvInteger", [u8(1, 2, 5, 5), bytes(3, 2, 3, 3), zero()], { pads: [1, 1, 1, 1] }, { opset: 10 }), row("QLinearConv", [u8(1, 2, 5, 5), one, zero(), s8(3, 2, 3, 3), one, zero("int8"), one, zero()], { strides: [2, 2] }, { opset: 13 }),
  row("DeformConv", [f(1, 2, 5, 5), weight(3, 2, 2, 2), f(1, 8, 4, 4)], { kernel_shape: [2, 2] }, { opset: 19 }),
  // Pools: ceil_mode where the last window would begin in the padding, and dilations.
  row("MaxPool", [f(1, 2, 7, 8)], { kernel_shape: [3, 2], strides: [2, 2] }, { outputs: 2 }), row("MaxPool", [f(1, 1, 5, 5)], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }), row("MaxPool", [f(1, 1, 2, 2)], { kernel_shape: [1, 1], strides: [2, 2], ceil_mode: 1 }), row("MaxPool", [f(1, 1, 9)], { kernel_shape: [3], dilations: [2], pads: [1, 1] }),
  row("MaxPool", [f(1, 1, 6, 6)], { kernel_shape: [3, 3], auto_pad: "SAME_UPPER", strides: [2, 2] }), row("MaxPool", [f(1, 1, 6, 6)], { kernel_shape: [3, 3], strides: [3, 3] }, { opset: 7 }), row("AveragePool", [f(1, 2, 7, 8)], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2], count_include_pad: 1 }),
  row("AveragePool", [f(1, 1, 7, 7)], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1, pads: [0, 0, 1, 1] }), row("LpPool", [f(1, 2, 5, 5)], { kernel_shape: [2, 2], p: 1 }), row("GlobalAveragePool", [f(2, 3, 4, 5)]), row("GlobalMaxPool", [f(2, 3, 4)]), row("GlobalLpPool", [f(1, 2, 3, 4)]),
  row("MaxUnpool", [f(1, 1, 2, 2), fed("int64", [0, 2, 8, 10], [1, 1, 2, 2])], { kernel_shape: [2, 2], strides: [2, 2] }), row("MaxUnpool", [f(1, 1, 2, 2), fed("int64", [0, 2, 8, 10], [1, 1, 2, 2]), ints(1, 1, 5, 5)], { kernel_shape: [2, 2], strides: [2, 2] }),
  // Normalization.
  row("BatchNormalization", [f(2, 3, 4), scale(3), weight(3), weight(3), scale(3)]), row("BatchNormalization", [f(2, 3, 4), scale(3), weight(3), weight(3), scale(3)], {}, { opset: 7 }), row("InstanceNormalization", [f(2, 3, 4), scale(3), weight(3)]), row("LayerNormalization", [f(2, 3, 4), scale(4), weight(4)], {}, { outputs: 3 }), row("LayerNormalization", [f(2, 3, 4), scale(3, 4)], { axis: 1 }, { outputs: 3 }),
  row("GroupNormalization", [f(2, 4, 3), scale(4), weight(4)], { num_groups: 2 }), row("LRN", [f(1, 4, 3, 3)], { size: 3 }), row("LpNormalization", [f(2, 3)]), row("MeanVarianceNormalization", [f(2, 3, 4, 4)]), row("RMSNormalization", [f(2, 4), scale(4)], {}, { opset: 23 }),
  // Products.
  row("MatMul", [f(2, 3), weight(3, 4)]), row("MatMul", [f(5, 1, 2, 3), weight(4, 3, 6)]), row("MatMul", [f(3), weight(3, 4)]), row("MatMul", [f(2, 4, 3), weight(3)]), row("MatMul", [f(3), weight(3)]), row("Gemm", [f(3, 2), weight(4, 3), weight(4)], { transA: 1, transB: 1 }), row("Gemm", [f(2, 3), weight(3, 4)]), row("Gemm", [f(2, 3), weight(3, 4), weight(1)], {}, { opset: 7 }),
  row("MatMulInteger", [u8(2, 3), s8(3, 4)], {}, { opset: 10 }), row("QLinearMatMul", [u8(2, 3), one, zero(), s8(3, 4), one, zero("int8"), one, zero()], {}, { opset: 10 }), row("Det", [f(4, 3, 3)]),
  row("Einsum", [f(2, 3), f(3, 4)], { equation: "ij,jk->ik" }), row("Einsum", [f(5, 2, 3), f(5, 3, 4)], { equation: "bij, bjk" }), row("Einsum", [f(2, 5, 3), f(1, 3, 4)], { equation: "...ij,...jk->...ik" }), row("Einsum", [f(3, 3)], { equation: "ii->i" }), row("Einsum", [f(2, 3)], { equation: "ij->" }),
  // Recurrence.
  row("LSTM", [f(5, 2, 3), weight(1, 16, 3), weight(1, 16, 4)], { hidden_size: 4 }, { outputs: 3 }), row("LSTM", [f(5, 2, 3), weight(2, 16, 3), weight(2, 16, 4), weight(2, 32)], { hidden_size: 4, direction: "bidirectional" }, { outputs: 3 }), row("GRU", [f(5, 2, 3), weight(1, 12, 3), weight(1, 12, 4)], { hidden_size: 4 }, { outputs: 2 }), row("RNN", [f(5, 2, 3), weight(1, 4, 3), weight(1, 4, 4)], { hidden_size: 4, direction: "reverse" }, { outputs: 2, opset: 7 }),
  // Attention.
  row("Attention", [f(2, 3, 4, 8), f(2, 3, 6, 8), f(2, 3, 6, 5)], {}, { opset: 23 }), row("Attention", [f(2, 4, 32), f(2, 6, 16), f(2, 6, 16)], { q_num_heads: 4, kv_num_heads: 2 }, { opset: 23, note: "Attention with kv heads of another count" }), row("Attention", [f(2, 4, 24), f(2, 6, 24), f(2, 6, 24), null, f(2, 3, 5, 8), f(2, 3, 5, 8)], { q_num_heads: 3, kv_num_heads: 3 }, { opset: 23, outputs: 4 }), row("RotaryEmbedding", [f(1, 2, 3, 4), weight(3, 2), weight(3, 2), k("int64", [0, 1, 2], [1, 3])], {}, { opset: 23 }),
  // Resizing, over the versions.
  row("Resize", [f(1, 2, 3, 5), null, k("float32", [1, 1, 2, 1.5])]), row("Resize", [f(1, 2, 3, 5), null, null, ints(1, 2, 7, 4)]), row("Resize", [f(1, 2, 4, 6), null, null, ints(3, 3)], { axes: [2, 3], keep_aspect_ratio_policy: "not_larger" }), row("Resize", [f(1, 2, 4, 6), null, null, ints(3, 3)], { axes: [2, 3], keep_aspect_ratio_policy: "not_smaller" }), row("Resize", [f(1, 1, 4, 4), k("float32", []), k("float32", [1, 1, 0.6, 0.6])], {}, { opset: 11 }), row("Resize", [f(1, 1, 4, 4), k("float32", [1, 1, 0.5, 2])], {}, { opset: 10 }),
  row("Upsample", [f(1, 1, 3, 4), k("float32", [1, 1, 2, 3])], {}, { opset: 9 }), row("Upsample", [f(1, 1, 3, 4)], { scales: attr.floats([1, 1, 2, 2]), mode: "nearest" }, { opset: 7 }),
  // Quantization.
  row("DynamicQuantizeLinear", [f(2, 3)], {}, { outputs: 3 }), row("QuantizeLinear", [f(2, 3), one], {}, { opset: 13 }), row("QuantizeLinear", [f(2, 3), one, k("int8", [0], [])], {}, { opset: 10 }), row("QuantizeLinear", [f(2, 3), one], { output_dtype: 3 }), row("DequantizeLinear", [u8(2, 3), scale(3), k("uint8", [1, 2, 3])], { axis: 1 }, { opset: 13 }),
  // Losses.
  row("SoftmaxCrossEntropyLoss", [f(2, 3), fed("int64", [0, 2])], {}, { opset: 13, outputs: 2 }), row("SoftmaxCrossEntropyLoss", [f(2, 3, 4), fed("int64", [0, 1, 2, 0, 1, 2, 0, 1], [2, 4])], { reduction: "none" }, { opset: 13 }), row("NegativeLogLikelihoodLoss", [f(2, 3), fed("int64", [0, 2])], { reduction: "sum" }, { opset: 13 }),
  // com.microsoft: quantized.
  ms("QLinearAdd", [u8(2, 3), one, zero(), u8(3), one, zero(), one, zero()]), ms("QLinearMul", [u8(2, 3), one, zero(), u8(2, 1), one, zero(), one, zero()]), ms("QLinearSigmoid", [u8(2, 3), one, zero(), one, zero()]), ms("QLinearLeakyRelu", [u8(2, 3), one, zero(), one, zero()]), ms("QLinearSoftmax", [u8(2, 3), one, zero(), k("float32", [1 / 256], []), zero()], { opset: 13 }),
  ms("QLinearConcat", [one, zero(), u8(2, 3), one, zero(), u8(2, 4), one, zero()], { axis: 1 }), ms("QLinearAveragePool", [u8(1, 2, 5, 5), one, zero(), one, zero()], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }), ms("QLinearAveragePool", [u8(1, 5, 5, 2), one, zero(), one, zero()], { kernel_shape: [2, 2], channels_last: 1 }), ms("QLinearGlobalAveragePool", [u8(1, 2, 5, 5), one, zero(), one, zero()]),
  ms("QLinearWhere", [fed("bool", [1, 0], [2, 1]), u8(2, 3), one, zero(), u8(3), one, zero(), one, zero()]), ms("QGemm", [u8(2, 3), one, zero(), s8(3, 4), one, zero("int8"), null, one, zero()]), ms("QGemm", [u8(2, 3), one, zero(), s8(4, 3), one, zero("int8")], { transB: 1 }), ms("QLinearConv", [u8(1, 5, 5, 2), one, zero(), s8(3, 2, 3, 3), one, zero("int8"), one, zero()], { channels_last: 1 }),
  ms("QuantizeLinear", [f(2, 3), one, k("uint16", [0], [])]), ms("DequantizeLinear", [u8(2, 3), one, zero()]),
  ms("DynamicQuantizeMatMul", [f(2, 3), s8(3, 4), one, zero("int8")]), ms("MatMulIntegerToFloat", [u8(5, 2, 3), s8(3, 4), one, one]), ms("NhwcMaxPool", [u8(1, 6, 6, 2)], { kernel_shape: [2, 2], strides: [2, 2] }),
  // com.microsoft: weight-only and fused products.
  ms("MatMulNBits", [f(2, 3, 32), bytes(8, 2, 8), scale(16)], { K: 32, N: 8, bits: 4, block_size: 16 }), ms("MatMulBnb4", [f(2, 32), bytes(128), scale(16)], { K: 32, N: 8, block_size: 16, quant_type: 1 }), ms("FusedMatMul", [f(3, 2), f(4, 3)], { transA: 1, transB: 1 }), ms("FusedMatMul", [f(5, 2, 3), f(5, 4, 3)], { transB: 1, alpha: attr.float(0.5) }), ms("FusedGemm", [f(2, 3), weight(3, 4), weight(4)], { activation: "Relu" }),
  ms("GatherBlockQuantized", [k("uint4", Array.from({ length: 5 * 32 }, (_, i) => i % 16), [5, 32]), fed("int64", [0, 4, 2], [1, 3]), scale(5, 2)], { block_size: 16 }), ms("FusedConv", [f(1, 3, 5, 5), weight(4, 3, 3, 3)], { activation: "Relu", pads: [1, 1, 1, 1] }),
  // com.microsoft: transformer layers.
  ms("SkipLayerNormalization", [f(2, 3, 4), f(2, 3, 4), scale(4), weight(4)], {}, 4), ms("SkipSimplifiedLayerNormalization", [f(2, 3, 4), f(2, 3, 4), scale(4)], {}), ms("EmbedLayerNormalization", [i32([0, 1, 2, 0, 1, 2], [2, 3]), null, weight(5, 4), weight(6, 4), null, scale(4), weight(4), i32([1, 1, 1, 1, 1, 1], [2, 3])], {}, 3),
  ms("BiasGelu", [f(2, 3), weight(3)]), ms("FastGelu", [f(2, 3), weight(3)]), ms("Gelu", [f(2, 3)]), ms("QuickGelu", [f(2, 3)]),
  ms("Attention", [f(2, 3, 8), weight(8, 24), weight(24)], { num_heads: 2 }), ms("Attention", [f(2, 3, 8), weight(8, 24), weight(24), null, f(2, 2, 2, 5, 4)], { num_heads: 2, unidirectional: 1 }, 2), ms("Attention", [f(2, 3, 6), weight(6, 28), weight(28)], { num_heads: 2, qkv_hidden_sizes: [8, 8, 12] }), ms("QAttention", [u8(2, 3, 8), s8(8, 24), weight(24), one, one, null, zero(), zero("int8")], { num_heads: 2 }),
  ms("MultiHeadAttention", [f(2, 3, 8), f(2, 5, 8), f(2, 5, 12)], { num_heads: 2 }), ms("MultiHeadAttention", [f(2, 3, 8), f(2, 3, 8), f(2, 3, 8), null, null, null, f(2, 2, 4, 4), f(2, 2, 4, 4)], { num_heads: 2 }, 3), ms("GroupQueryAttention", [f(1, 3, 32), f(1, 3, 16), f(1, 3, 16), f(1, 2, 8, 8), f(1, 2, 8, 8), k("int32", [2], [1]), k("int32", [3], [])], { num_heads: 4, kv_num_heads: 2 }, 3), ms("RotaryEmbedding", [f(1, 3, 8), k("int64", [0, 1, 2], [1, 3]), weight(4, 2), weight(4, 2)], { num_heads: 2 }),
  ms("DynamicQuantizeLSTM", [f(5, 2, 3), s8(1, 3, 16), s8(1, 4, 16), null, null, null, null, null, scale(1), k("int8", [0], [1]), scale(1), k("int8", [0], [1])], { hidden_size: 4 }, 3),
  ms("CDist", [f(3, 2), f(4, 2)]), ms("ExpandDims", [f(2, 3), k("int32", [1], [])]), ms("Inverse", [f(2, 2)]), ms("Unique", [f(4)], {}, 3),
];

