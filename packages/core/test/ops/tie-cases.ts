/** Rows for the tie property: every axis that a rule speaks of is cut, and the smaller node must agree with the whole one. */
import { attr } from "@lathe/core";
import { constant as k, f, fed, int, ints, positive, row, weight, type OpCase } from "./harness.ts";

const ms = { domain: "com.microsoft" };

export const tieCases: readonly OpCase[] = [
  // Elementwise
  row("Relu", [f(2, 3, 4)]), row("Clip", [f(2, 3), k("float32", [-1], []), k("float32", [1], [])]), row("Cast", [f(2, 3)], { to: 11 }), row("Dropout", [f(2, 3)], {}, { outputs: 2 }), row("HardSwish", [f(2, 3)]), row("PRelu", [f(2, 3, 4), weight(3, 1)]),
  row("Add", [f(2, 3, 4), f(2, 3, 4)]), row("Add", [f(2, 3, 4), weight(4)]), row("Mul", [f(2, 3, 4), f(2, 1, 4)]), row("Mul", [f(3, 1), f(1, 4)]), row("Sub", [f(2, 3), weight()]), row("Where", [fed("bool", [1, 0, 1], [3]), f(2, 3), f(2, 1)]), row("Max", [f(2, 3), f(3), f(2, 1)]),
  row("CastLike", [f(2, 3), k("int64", [0, 0])]), row("Equal", [f(2, 3), f(3)]),
  // Convolutions
  row("Conv", [f(1, 4, 5, 5), weight(6, 4, 3, 3), weight(6)]), row("Conv", [f(1, 4, 7), weight(6, 4, 3)], { strides: [2], pads: [1, 1] }), row("Conv", [f(1, 4, 5, 5), weight(4, 1, 3, 3), weight(4)], { group: 4 }), row("Conv", [f(1, 3, 5, 5), weight(6, 1, 3, 3), weight(6)], { group: 3 }),
  row("Conv", [f(1, 6, 4, 4), weight(9, 2, 1, 1), weight(9)], { group: 3 }), row("Conv", [f(1, 6, 4, 4), weight(3, 2, 1, 1)], { group: 3 }), row("Conv", [f(1, 2, 3, 4, 5), weight(3, 2, 2, 2, 2)]),
  row("ConvTranspose", [f(1, 4, 3, 3), weight(4, 5, 2, 2), weight(5)], { strides: [2, 2] }), row("ConvTranspose", [f(1, 4, 3, 3), weight(4, 3, 2, 2), weight(6)], { group: 2 }), row("ConvTranspose", [f(1, 3, 4), weight(3, 1, 2), weight(3)], { group: 3 }),
  // Products
  row("MatMul", [f(2, 3), f(3, 4)]), row("MatMul", [f(2, 3, 4), weight(4, 5)]), row("MatMul", [f(2, 3, 4, 5), f(2, 3, 5, 6)]), row("MatMul", [f(2, 1, 4, 5), f(3, 5, 6)]), row("MatMul", [f(4), f(4, 3)]), row("MatMul", [f(2, 4), f(4)]), row("MatMul", [f(4), f(4)]),
  row("Gemm", [f(2, 3), weight(3, 4), weight(4)]), row("Gemm", [f(3, 2), weight(4, 3), weight(2, 1)], { transA: 1, transB: 1 }), row("Gemm", [f(2, 3), weight(4, 3), weight()], { transB: 1 }), row("Gemm", [f(2, 3), weight(3, 4)]),
  row("Einsum", [f(2, 3, 4), f(2, 4, 5)], { equation: "bij,bjk->bik" }), row("Einsum", [f(2, 3, 4, 5), f(2, 3, 6, 5)], { equation: "bhqd, bhkd -> bhqk" }), row("Einsum", [f(2, 3)], { equation: "ij->j" }), row("Einsum", [f(3, 4), f(4, 5)], { equation: "ij,jk" }),
  // Norms
  row("BatchNormalization", [f(2, 3, 4), weight(3), weight(3), weight(3), positive(3)]), row("InstanceNormalization", [f(2, 3, 4), weight(3), weight(3)]), row("LayerNormalization", [f(2, 3, 4), weight(4), weight(4)]), row("LayerNormalization", [f(2, 3, 4), weight(3, 4)], { axis: 1 }, { outputs: 3 }),
  row("GroupNormalization", [f(2, 6, 4), weight(6), weight(6)], { num_groups: 3 }), row("GroupNormalization", [f(2, 4, 3), weight(4), weight(4)], { num_groups: 4 }), row("RMSNormalization", [f(2, 3, 4), weight(4)], {}, { opset: 23 }), row("LRN", [f(1, 5, 3, 3)], { size: 3 }), row("LpNormalization", [f(2, 4)], { axis: 1 }), row("MeanVarianceNormalization", [f(2, 3, 4, 4)]),
  row("Softmax", [f(2, 3, 4)]), row("Softmax", [f(2, 3, 4)], { axis: 1 }, { opset: 11 }), row("LogSoftmax", [f(2, 3, 4)], { axis: 1 }),
  // Pools and resampling
  row("MaxPool", [f(1, 3, 6, 6)], { kernel_shape: [2, 2] }), row("AveragePool", [f(1, 3, 6)], { kernel_shape: [3] }), row("GlobalAveragePool", [f(2, 3, 4, 4)]), row("GlobalMaxPool", [f(2, 3, 4, 4)]), row("LpPool", [f(1, 3, 6, 6)], { kernel_shape: [2, 2] }),
  row("Resize", [f(1, 3, 4, 4), null, k("float32", [1, 1, 2, 2])]), row("Resize", [f(1, 3, 4, 4), null, null, ints(1, 3, 7, 7)], { mode: "linear" }), row("Resize", [f(2, 3, 4, 4), null, null, ints(8, 8)], { axes: [2, 3] }), row("Resize", [f(1, 3, 4, 4), null, null, fed("int64", [1, 3, 8, 8])]),
  row("Upsample", [f(1, 3, 4, 4), k("float32", [1, 1, 2, 2])], {}, { opset: 9 }), row("GridSample", [f(2, 3, 4, 4), f(2, 3, 3, 2)], {}, { opset: 20 }), row("RoiAlign", [f(1, 3, 6, 6), fed("float32", [0, 0, 3, 3, 1, 1, 5, 5], [2, 4]), k("int64", [0, 0])], { output_height: 2, output_width: 2 }),
  // Reductions and order
  row("ReduceSum", [f(2, 3, 4), ints(1)]), row("ReduceMean", [f(2, 3, 4), ints(2, 1)], { keepdims: 0 }), row("ReduceL2", [f(2, 3, 4)], { axes: [-1], keepdims: 0 }, { opset: 13 }), row("ReduceMax", [f(2, 3)]), row("ReduceSumSquare", [f(3, 4), ints(0)], { keepdims: 0 }), row("ReduceLogSumExp", [f(3, 4), ints(0)]),
  row("ArgMax", [f(2, 3, 4)], { axis: 1, keepdims: 0 }), row("TopK", [f(2, 3, 4), ints(2)], { axis: 1 }, { outputs: 2 }), row("CumSum", [f(2, 3, 4), int(1)]), row("ReverseSequence", [f(3, 2, 4), k("int64", [2, 3])]), row("Trilu", [f(3, 4, 4)]),
  // Shapes
  row("Transpose", [f(2, 3, 4)], { perm: [2, 0, 1] }), row("Transpose", [f(2, 3)]), row("Squeeze", [f(1, 3, 1, 4), ints(0)]), row("Squeeze", [f(1, 3, 1, 4)]), row("Unsqueeze", [f(2, 3), ints(0, -1)]), row("Flatten", [f(2, 3, 2, 2)]), row("Flatten", [f(2, 3, 4)], { axis: 2 }),
  row("Reshape", [f(2, 3, 8), ints(2, 3, 4, 2)]), row("Reshape", [f(2, 3, 8), ints(0, 0, 4, -1)]), row("Reshape", [f(2, 3, 4, 2), ints(0, 0, -1)]), row("Reshape", [f(2, 6, 2, 2), ints(2, 3, 2, 2, 2)], { allowzero: 1 }), row("Reshape", [f(1, 8, 3, 2), ints(1, 4, -1)]), row("Reshape", [f(2, 3, 4), ints(6, 4)]),
  row("Reshape", [f(2, 3, 4), ints(-1)]), row("Reshape", [f(6, 4), ints(8, 3)], {}, { note: "Reshape of interleaving axes" }), row("Reshape", [f(2, 3, 8), fed("int64", [2, 3, 4, 2])]), row("Reshape", [f(1, 4, 4), ints(4, 0)], {}, { note: "Reshape that copies the length of another axis" }),
  row("DepthToSpace", [f(1, 12, 2, 2)], { blocksize: 2 }), row("DepthToSpace", [f(1, 12, 2, 2)], { blocksize: 2, mode: "CRD" }), row("SpaceToDepth", [f(1, 3, 4, 4)], { blocksize: 2 }),
  row("Concat", [f(2, 3), f(2, 4), f(2, 2)], { axis: 1 }), row("Concat", [f(2, 3), f(4, 3)], { axis: 0 }), row("Split", [f(2, 6)], { axis: 1, num_outputs: 3 }, { outputs: 3 }), row("Split", [f(2, 7), ints(3, 4)], { axis: -1 }, { outputs: 2 }), row("Split", [f(6, 2)], {}, { outputs: 2, opset: 11 }), row("Split", [f(5, 2)], { split: [3, 2] }, { outputs: 2, opset: 11 }), row("Split", [f(6, 2)], {}, { outputs: 2, opset: 13 }),
  row("Slice", [f(2, 6, 4), ints(2), ints(5), ints(1)]), row("Slice", [f(2, 6), ints(0), k("int64", [2n ** 63n - 1n]), ints(1)]), row("Slice", [f(2, 6), ints(0), ints(-2), ints(1)]), row("Slice", [f(2, 6), ints(0), ints(6), ints(1), ints(2)]), row("Slice", [f(3, 6)], { starts: [1], ends: [5], axes: [1] }, { opset: 9 }),
  row("Pad", [f(2, 3), ints(0, 1, 0, 2)]), row("Pad", [f(2, 3, 4), ints(1, 1), k("float32", [5], []), ints(2)]), row("Pad", [f(2, 3), ints(0, 1, 0, 1)], { mode: "reflect" }), row("Pad", [f(2, 3)], { pads: [0, 1, 0, 1] }, { opset: 9 }),
  row("Expand", [f(3, 1), ints(2, 3, 4)]), row("Expand", [f(3, 4), ints(1, 4)]), row("Expand", [f(3, 1), fed("int64", [3, 4])]), row("Tile", [f(2, 3), ints(1, 2)]), row("Tile", [f(1, 3), ints(4, 1)]), row("ConstantOfShape", [ints(2, 3)]),
  // Indices
  row("Gather", [weight(5, 4), fed("int64", [1, 3, 0, 2, 2, 4], [2, 3])]), row("Gather", [f(2, 5), ints(4, 0, 2, 2)], { axis: 1 }), row("Gather", [f(2, 5, 3), int(1)], { axis: 1 }), row("GatherElements", [f(3, 4), fed("int64", [0, 2, 1, 0, 2, 1], [3, 2])], { axis: 1 }), row("GatherND", [f(2, 3, 4), k("int64", [0, 1], [2, 1])]),
  row("ScatterND", [f(4, 3), k("int64", [1, 3], [2, 1]), f(2, 3)]), row("ScatterElements", [f(3, 4), k("int64", [0, 2, 1, 0, 2, 1], [3, 2]), f(3, 2)], { axis: 1 }),
  // Quantization
  row("QuantizeLinear", [f(2, 3), k("float32", [0.1, 0.2, 0.3]), k("int8", [0, 0, 0])], { axis: 1 }), row("QuantizeLinear", [f(2, 3), k("float32", [0.1], []), k("uint8", [0], [])]), row("DequantizeLinear", [fed("int8", [1, -2, 3, -4, 5, -6], [2, 3]), k("float32", [0.1, 0.2, 0.3])], { axis: 1 }), row("DequantizeLinear", [fed("int8", [1, -2, 3, -4, 5, -6, 7, 8], [4, 2]), k("float32", [0.1, 0.2, 0.3, 0.4], [2, 2]), k("int8", [0, 0, 0, 0], [2, 2])], { axis: 0, block_size: 2 }),
  row("DynamicQuantizeLinear", [f(3, 4)], {}, { outputs: 3 }),
  // Recurrent
  row("LSTM", [f(3, 2, 4), weight(1, 12, 4), weight(1, 12, 3), weight(1, 24), null, f(1, 2, 3), f(1, 2, 3), weight(1, 9)], { hidden_size: 3 }, { outputs: 3 }), row("LSTM", [f(3, 2, 4), weight(2, 8, 4), weight(2, 8, 2)], { hidden_size: 2, direction: "bidirectional" }, { outputs: 1 }),
  row("GRU", [f(3, 2, 4), weight(1, 9, 4), weight(1, 9, 3), weight(1, 18)], { hidden_size: 3 }, { outputs: 2 }), row("GRU", [f(3, 2, 4), weight(1, 9, 4), weight(1, 9, 3), weight(1, 18)], { hidden_size: 3, linear_before_reset: 1 }, { outputs: 2 }), row("RNN", [f(3, 2, 4), weight(1, 3, 4), weight(1, 3, 3)], { hidden_size: 3 }, { outputs: 2 }),
  // Attention
  row("Attention", [f(2, 3, 4, 2), f(2, 3, 5, 2), f(2, 3, 5, 3)], {}, { opset: 23 }), row("Attention", [f(2, 4, 3, 2), f(2, 2, 5, 2), f(2, 2, 5, 3)], {}, { opset: 23 }), row("Attention", [f(2, 3, 8), f(2, 5, 4), f(2, 5, 6)], { q_num_heads: 4, kv_num_heads: 2 }, { opset: 23 }),
  row("RotaryEmbedding", [f(1, 3, 12), weight(4, 2), weight(4, 2), k("int64", [0, 1, 2], [1, 3])], { num_heads: 3 }, { opset: 23 }), row("RotaryEmbedding", [f(1, 3, 2, 4), weight(4, 2), weight(4, 2), k("int64", [0, 1], [1, 2])], {}, { opset: 23 }),
  // com.microsoft
  row("Gelu", [f(2, 3)], {}, ms), row("FastGelu", [f(2, 3), weight(3)], {}, ms), row("BiasGelu", [f(2, 3), weight(3)], {}, ms), row("QuickGelu", [f(2, 3)], {}, ms), row("SkipLayerNormalization", [f(2, 3, 4), f(2, 3, 4), weight(4), weight(4), weight(4)], {}, ms), row("SkipSimplifiedLayerNormalization", [f(2, 3, 4), f(2, 3, 4), weight(4)], {}, ms),
  row("FusedMatMul", [f(2, 3, 4), f(2, 5, 4)], { transB: 1, alpha: attr.float(0.5) }, ms), row("FusedMatMul", [f(4, 3), f(4, 5)], { transA: 1 }, ms), row("FusedConv", [f(1, 2, 4, 4), weight(3, 2, 1, 1), weight(3), f(1, 3, 4, 4)], { activation: "Relu" }, ms), row("FusedGemm", [f(2, 3), weight(3, 4), weight(4)], { activation: "Relu" }, ms),
];
