/** Rows for shape inference beside those of the evaluator and of the ties: sizes that depend on data, signal, image, string, random operators. */
import { attr, Tensor } from "@lathe/core";
import { constant as k, f, fed, int, ints, row, weight, type OpCase, type Operand } from "./harness.ts";

const strings = (...values: string[]): Operand => ({ tensor: Tensor.fromStrings([values.length], values), constant: false });
const floats = (...values: number[]) => attr.floats(values);

const functions = ["Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Elu", "HardSigmoid", "LeakyRelu", "Log", "Selu", "Sin", "Sinh", "Softsign", "Tan", "Tanh"];

export const inferCases: readonly OpCase[] = [
  ...functions.map((op) => row(op, [fed("float32", [0.5, 0.25], [1, 2])])), row("Swish", [f(2, 3)], {}, { opset: 24 }), row("CumProd", [f(3), int(0)], {}, { opset: 26 }),
  row("ConvInteger", [fed("uint8", [1, 2, 3, 4], [1, 1, 2, 2]), k("uint8", [1], [1, 1, 1, 1])]), row("MatMulInteger", [fed("uint8", [1, 2], [1, 2]), k("int8", [1, 2, 3, 4], [2, 2])]), row("Det", [f(2, 3, 3)]), row("GlobalLpPool", [f(1, 2, 3, 3)]),
  row("QLinearMatMul", [fed("uint8", [1, 2], [1, 2]), k("float32", [0.1], []), k("uint8", [0], []), k("int8", [1, 2, 3, 4], [2, 2]), k("float32", [0.1], []), k("int8", [0], []), k("float32", [0.1], []), k("uint8", [0], [])]),
  row("QLinearConv", [fed("uint8", [1, 2, 3, 4], [1, 1, 2, 2]), k("float32", [0.1], []), k("uint8", [0], []), k("int8", [1, 2], [2, 1, 1, 1]), k("float32", [0.1], []), k("int8", [0], []), k("float32", [0.1], []), k("uint8", [0], [])]),
  row("MaxUnpool", [f(1, 1, 2, 2), fed("int64", [0, 3, 8, 11], [1, 1, 2, 2])], { kernel_shape: [2, 2], strides: [2, 2] }),
  row("Exp", [f(2, 3)]), row("Erf", [f(2, 3)]), row("IsNaN", [f(2, 3)]), row("IsInf", [f(2, 3)]), row("Sigmoid", [f(2, 3)]), row("Softplus", [f(3)]), row("Hardmax", [f(2, 3)]), row("Mean", [f(2, 3), f(3)]), row("Mish", [f(2)]), row("Shrink", [f(2)]), row("Celu", [f(2)]), row("ThresholdedRelu", [f(2)]),
  row("Pow", [f(2, 3), fed("int64", [2])]), row("BitShift", [fed("uint8", [1, 2]), fed("uint8", [1])], { direction: "LEFT" }), row("Dropout", [f(2, 3)], {}, { outputs: 2, opset: 10 }),
  row("ReduceL1", [f(2, 3, 4), ints(0, 2)], { keepdims: 0 }), row("ReduceLogSum", [fed("float32", [1, 2, 3], [1, 3])]), row("ReduceProd", [f(2, 3)], { axes: [0] }, { opset: 11 }), row("ReduceSum", [f(2, 3)], { noop_with_empty_axes: 1 }), row("ArgMin", [f(2, 3)], { axis: -1 }),
  row("TopK", [f(2, 5)], { k: 3, axis: 1 }, { opset: 9, outputs: 2 }), row("TopK", [f(2, 5), ints(2)], {}, { outputs: 2 }), row("Unique", [f(6)], {}, { outputs: 4 }), row("Unique", [f(4, 3)], { axis: 0 }, { outputs: 4 }), row("NonZero", [f(2, 3)]), row("NonZero", [fed("float32", [3], [])]),
  row("Compress", [f(3, 2), fed("bool", [1, 0, 1])], { axis: 0 }), row("Compress", [f(3, 2), fed("bool", [1, 0, 1, 1])]), row("OneHot", [fed("int64", [0, 2], [1, 2]), k("float32", [3]), k("float32", [0, 1])], { axis: 0 }),
  row("CenterCropPad", [f(5, 4), ints(3, 6)]), row("CenterCropPad", [f(5, 4), ints(7)], { axes: [-1] }), row("Tile", [f(2, 3), ints(2, 1)]), row("Transpose", [f(2, 3, 4)]), row("Reshape", [f(2, 3, 4), ints(-1, 6)]), row("Pad", [f(2, 3), ints(0, 1, 0, -1)]), row("Pad", [f(2, 5), ints(1, 1), null, ints(-1)], { mode: "reflect" }),
  row("Slice", [f(5, 6), ints(1, -2), ints(100, -7), ints(0, 1), ints(2, -1)]), row("Split", [f(7, 2)], { num_outputs: 3, axis: 0 }, { outputs: 3 }), row("ReverseSequence", [f(3, 2), k("int64", [1, 3])]),
  row("GatherND", [f(2, 3, 4), k("int64", [0, 1, 1, 2], [2, 1, 2])]), row("ScatterElements", [f(3, 3), k("int64", [0, 1, 2], [1, 3]), f(1, 3)]), row("EyeLike", [f(3, 4)], { dtype: 7 }), row("Range", [k("float32", [0.5], []), k("float32", [3], []), k("float32", [0.5], [])]), row("Range", [fed("int64", [3], []), fed("int64", [7], []), int(2)]),
  row("RandomNormal", [], { shape: [2, 3] }), row("RandomUniform", [], { shape: [4], dtype: 11 }), row("RandomNormalLike", [f(2, 3)]), row("RandomUniformLike", [fed("int64", [1, 2])], { dtype: 1 }), row("Multinomial", [f(2, 3)], { sample_size: 4, dtype: 7 }), row("Bernoulli", [fed("float32", [0.5, 0.2])], { dtype: 6 }),
  row("HannWindow", [int(8)]), row("HammingWindow", [int(10)], { periodic: 0, output_datatype: 11 }), row("BlackmanWindow", [int(6)]), row("DFT", [f(1, 8, 1)], { axis: 1, onesided: 1 }, { opset: 17 }), row("DFT", [f(1, 6, 4, 2), null, int(1)], {}, { opset: 20 }), row("DFT", [f(1, 8, 1), int(5)], { axis: 1 }, { opset: 17 }),
  row("STFT", [f(1, 32, 1), int(8), weight(16)]), row("STFT", [f(2, 32, 1), int(4), null, int(8)], { onesided: 0 }), row("MelWeightMatrix", [int(8), int(16), int(8192), k("float32", [0], []), k("float32", [4000], [])]),
  row("AffineGrid", [f(2, 2, 3), ints(2, 3, 4, 5)], {}, { opset: 20 }), row("AffineGrid", [f(1, 3, 4), ints(1, 2, 3, 4, 5)], {}, { opset: 20 }), row("Col2Im", [f(1, 8, 9), ints(4, 4), ints(2, 2)]), row("MaxRoiPool", [f(1, 3, 8, 8), fed("float32", [0, 0, 0, 4, 4], [1, 5])], { pooled_shape: [2, 3] }),
  row("NonMaxSuppression", [fed("float32", [0, 0, 1, 1, 0, 0.5, 1, 1.5], [1, 2, 4]), fed("float32", [0.9, 0.8], [1, 1, 2]), ints(2)]),
  row("StringNormalizer", [strings("a", "B")], { is_case_sensitive: 1 }), row("StringNormalizer", [strings("a", "b")], { stopwords: attr.strings(["b"]), is_case_sensitive: 1 }), row("StringConcat", [strings("a", "b"), strings("c")], {}, { opset: 20 }), row("StringSplit", [strings("a b", "c")], { delimiter: " " }, { opset: 20, outputs: 2 }), row("RegexFullMatch", [strings("a", "b")], { pattern: "a" }, { opset: 20 }),
  row("TfIdfVectorizer", [fed("int32", [1, 2, 3])], { mode: "TF", min_gram_length: 1, max_gram_length: 1, max_skip_count: 0, ngram_counts: [0], ngram_indexes: [0, 1, 4], pool_int64s: [1, 2, 3], weights: floats(1, 1, 1) }),
  row("DepthToSpace", [f(1, 8, 2, 3)], { blocksize: 2 }), row("SpaceToDepth", [f(1, 2, 4, 6)], { blocksize: 2 }), row("Constant", [], { value: attr.tensor(Tensor.from("int32", [2], [1, 2])) }), row("Constant", [], { value_float: attr.float(1) }), row("ConstantOfShape", [fed("int64", [2, 3])]),
];
