/** Rows for the evaluator: each is computed by us and by ONNX Runtime, and must agree bit for bit. */
import { attr, Tensor } from "@lathe/core";
import { constant as k, f, int, ints, row, weight, type OpCase, type Operand } from "./harness.ts";

const big = [2n ** 53n + 1n, -(2n ** 53n) - 3n, 7n, -7n];
const s = (...values: string[]): Operand => ({ tensor: Tensor.fromStrings([values.length], values), constant: true });
const bools = (...values: number[]): Operand => k("bool", values);

export const evaluateCases: readonly OpCase[] = [
  row("Shape", [f(2, 3, 4)]), row("Shape", [f(2, 3, 4)], { start: 1 }), row("Shape", [f(2, 3, 4)], { start: -2, end: -1 }), row("Size", [f(2, 3, 4)]),
  row("Gather", [ints(5, 6, 7), int(1)]), row("Gather", [ints(5, 6, 7), int(-1)]), row("Gather", [weight(3, 4), k("int64", [2, 0, 1, 1], [2, 2])], { axis: 1 }), row("Gather", [weight(3, 4, 2), ints(-1, 0)], { axis: -2 }),
  row("GatherElements", [weight(3, 3), k("int64", [1, 2, 0, 2, 0, 0], [2, 3])], { axis: 0 }), row("GatherElements", [weight(2, 3), k("int64", [2, -1, 0, 1], [2, 2])], { axis: 1 }),
  row("GatherND", [weight(2, 3), k("int64", [0, 1, 1, 2], [2, 2])]), row("GatherND", [weight(2, 3, 4), k("int64", [1, 0], [2, 1])]), row("GatherND", [weight(2, 3, 4), k("int64", [1, 2], [2, 1])], { batch_dims: 1 }),
  row("ScatterElements", [weight(3, 3), k("int64", [1, 0, 2, 0, 2, 1], [2, 3]), weight(2, 3)], { axis: 0 }), row("ScatterND", [weight(4, 2), k("int64", [3, 1], [2, 1]), weight(2, 2)]),
  row("Slice", [weight(5, 6), ints(1, 0), ints(4, 100)]), row("Slice", [weight(5, 6), ints(-1), ints(-100), ints(1), ints(-2)]), row("Slice", [weight(5), ints(3), ints(1)]), row("Slice", [ints(1, 2, 3, 4), ints(1), k("int64", [2n ** 63n - 1n]), ints(0)]),
  row("Slice", [weight(5, 6)], { starts: [1, -3], ends: [3, -1], axes: [0, 1] }, { opset: 9 }), row("Slice", [weight(4), ints(-1), ints(-2147483648), ints(0), ints(-1)]),
  row("Concat", [weight(2, 3), weight(2, 1), weight(2, 2)], { axis: 1 }), row("Concat", [ints(1), ints(2, 3)], { axis: 0 }), row("Concat", [s("a", "b"), s("c")], { axis: 0 }), row("Concat", [weight(2, 3), weight(1, 3)], { axis: -2 }),
  row("Squeeze", [weight(1, 3, 1)]), row("Squeeze", [weight(1, 3, 1), ints(-1)]), row("Squeeze", [weight(1, 3)], { axes: [0] }, { opset: 11 }), row("Unsqueeze", [weight(2, 3), ints(0, -1)]), row("Unsqueeze", [weight(2, 3)], { axes: [1] }, { opset: 11 }),
  row("Reshape", [weight(2, 6), ints(0, -1, 2)]), row("Reshape", [weight(2, 6), ints(-1)]), row("Reshape", [weight(0, 3), ints(3, 0)], { allowzero: 1 }), row("Flatten", [weight(2, 3, 4)], { axis: 2 }), row("Flatten", [weight(2, 3)], { axis: 0 }), row("Flatten", [weight(2, 3, 4)], { axis: -1 }),
  row("Transpose", [weight(2, 3, 4)]), row("Transpose", [weight(2, 3, 4)], { perm: [1, 2, 0] }), row("Transpose", [k("int8", [1, 2, 3, 4, 5, 6], [2, 3])]), row("Expand", [weight(3, 1), ints(2, 1, 4)]), row("Expand", [int(7), ints(2, 2)]), row("Expand", [weight(3, 4), ints(1)]),
  row("Tile", [weight(2, 3), ints(2, 3)]), row("Split", [weight(7, 2), ints(3, 4)], { axis: 0 }, { outputs: 2 }), row("Split", [weight(7, 2)], { num_outputs: 3 }, { outputs: 3, opset: 18 }), row("Split", [weight(2, 6)], { axis: 1 }, { outputs: 3, opset: 11 }), row("Split", [weight(5)], { split: [2, 3] }, { outputs: 2, opset: 11 }),
  row("Pad", [weight(2, 3), ints(1, 0, 0, 2)]), row("Pad", [weight(2, 3), ints(1, 1), k("float32", [9], []), ints(1)]), row("Pad", [ints(1, 2, 3), ints(-1, 2)]), row("Pad", [weight(2, 2)], { pads: [0, 1, 1, 0], value: attr.float(2.5) }, { opset: 9 }),
  row("Trilu", [weight(3, 4)]), row("Trilu", [weight(2, 3, 3), int(-1)], { upper: 0 }), row("Trilu", [k("int64", [1, 2, 3, 4], [2, 2]), int(1)]),
  row("Identity", [s("x")]), row("Identity", [weight(2)]),
  row("Cast", [k("float32", [1.9, -1.9, 0, 3.5])], { to: 7 }), row("Cast", [k("int64", big)], { to: 6 }), row("Cast", [k("int64", [300, -1, 7])], { to: 2 }), row("Cast", [k("float32", [0, 0.5, -2])], { to: 9 }), row("Cast", [bools(1, 0)], { to: 1 }), row("Cast", [k("float32", [1.0009765625, 65519, 1e-8])], { to: 10 }),
  row("Cast", [k("int32", [1, 2, -3])], { to: 11 }), row("Cast", [k("int64", [16777217, -5])], { to: 1 }), row("Cast", [k("int64", [12, -5])], { to: 8 }), row("CastLike", [k("float32", [1.5, -2.5]), k("int32", [0])]),
  row("Add", [k("int64", big), ints(1)]), row("Add", [weight(2, 3), weight(3)]), row("Sub", [k("uint8", [1, 2]), k("uint8", [2, 1])]), row("Mul", [k("int32", [2 ** 20, -3]), k("int32", [2 ** 20, 5])]), row("Mul", [k("int64", [3037000500n, 4294967297n]), k("int64", [3037000500n, 4294967297n])]),
  row("Mul", [weight(4, 1), weight(1, 5)]), row("Div", [k("int64", [7, -7, 7, -7]), k("int64", [2, 2, -2, -2])]), row("Div", [k("int32", [7, -7]), k("int32", [2])]), row("Div", [weight(5), k("float32", [3])]),
  row("Mod", [k("int64", [7, -7, 7, -7]), k("int64", [3, 3, -3, -3])]), row("Mod", [k("int64", [7, -7]), k("int64", [3])], { fmod: 1 }), row("Mod", [k("int8", [-5, 5]), k("int8", [3])]), row("Mod", [k("float32", [5.5, -5.5]), k("float32", [2])], { fmod: 1 }),
  row("Pow", [k("int64", [2, -3, 10]), k("int64", [10, 3, 2])]), row("Pow", [weight(4), k("float32", [2], [])]), row("Pow", [k("int32", [3, 4]), k("int32", [2])]),
  row("Min", [ints(1, 5), ints(3, 2), ints(4, 4)]), row("Max", [weight(3), weight(2, 3)]), row("Max", [k("int32", [1, -5]), k("int32", [0])]), row("Sum", [weight(2, 3), weight(3)]),
  row("Neg", [k("int64", big)]), row("Neg", [weight(3)]), row("Abs", [k("int32", [-3, 2 ** 31 - 1, 0])]), row("Abs", [weight(4)]), row("Sign", [weight(5)]), row("Floor", [weight(6)]), row("Ceil", [weight(6)]), row("Round", [k("float32", [0.5, 1.5, 2.5, -0.5, -1.5, 2.4])]),
  row("Sqrt", [k("float32", [2, 3, 4, 1e-30])]), row("Reciprocal", [k("float32", [3, 7, -0.1])]), row("Relu", [weight(5)]),
  row("Equal", [ints(1, 2, 3), ints(1, 0, 3)]), row("Equal", [s("a", "b"), s("a", "c")]), row("Equal", [bools(1, 0), bools(1, 1)]), row("Greater", [k("int64", big), k("int64", [2n ** 53n])]), row("Less", [weight(2, 3), weight(3)]), row("GreaterOrEqual", [ints(1, 2), ints(2)]), row("LessOrEqual", [ints(1, 2), ints(2)]),
  row("And", [bools(1, 1, 0), bools(1, 0, 0)]), row("Or", [bools(1, 1, 0), bools(1, 0, 0)]), row("Xor", [bools(1, 1, 0), bools(1, 0, 0)]), row("Not", [bools(1, 0)]),
  row("BitwiseAnd", [k("int32", [-4, 7]), k("int32", [6, 5])]), row("BitwiseOr", [k("uint8", [12, 7]), k("uint8", [3])]), row("BitwiseXor", [k("int64", [-1n, 5n]), k("int64", [6n])]), row("BitwiseNot", [k("int16", [0, -1, 5])]),
  row("BitShift", [k("uint8", [1, 200]), k("uint8", [1, 2])], { direction: "LEFT" }), row("BitShift", [k("uint64", [16n, 5n]), k("uint64", [2n, 1n])], { direction: "RIGHT" }),
  row("Where", [bools(1, 0, 1), ints(1, 2, 3), ints(9)]), row("Where", [k("bool", [1, 0], [2, 1]), weight(2, 3), weight(3)]), row("Where", [bools(1, 0), s("a", "b"), s("c", "d")]), row("Clip", [weight(6), k("float32", [-1], []), k("float32", [1], [])]), row("Clip", [k("int64", [5, -5], [2]), int(-2)]), row("Clip", [weight(4)], { min: attr.float(-0.5), max: attr.float(0.5) }, { opset: 10 }),
  row("Range", [int(2), int(9), int(3)]), row("Range", [int(5), int(0), int(-2)]), row("Range", [k("float32", [0], []), k("float32", [4], []), k("float32", [1], [])]), row("Range", [int(3), int(3), int(1)]),
  row("ConstantOfShape", [ints(2, 3)]), row("ConstantOfShape", [ints(2)], { value: attr.tensor(Tensor.int64([7])) }), row("ConstantOfShape", [constantEmpty()], { value: attr.tensor(Tensor.from("float32", [1], [2.5])) }), row("ConstantOfShape", [ints(0, 4)], { value: attr.tensor(Tensor.from("bool", [1], [1])) }),
  row("EyeLike", [weight(3, 4)], { k: 1 }), row("EyeLike", [k("int32", [0, 0, 0, 0], [2, 2])], { dtype: 1 }), row("OneHot", [ints(1, -1, 5), ints(4), k("float32", [0, 1])]), row("OneHot", [k("int64", [0, 2], [1, 2]), ints(3), k("int64", [5, 9])], { axis: 1 }),
  row("ReduceProd", [ints(2, 3, 4)]), row("ReduceProd", [k("int64", [1, 2, 3, 4, 5, 6], [2, 3]), ints(1)], { keepdims: 0 }), row("ReduceSum", [k("int64", [1, 2, 3, 4, 5, 6], [2, 3]), ints(0)]), row("ReduceSum", [k("int32", [1, 2], [2])], { noop_with_empty_axes: 1 }), row("ReduceMax", [weight(3, 4)], { axes: [1] }, { opset: 13 }), row("ReduceMin", [k("int32", [4, -2, 7], [3])], { keepdims: 0 }), row("ReduceMax", [weight(2, 3), ints(-1)]),
  row("ArgMax", [weight(3, 4)], { axis: 1 }), row("ArgMax", [k("int32", [3, 1, 3], [3])], { select_last_index: 1, keepdims: 0 }), row("ArgMin", [weight(3, 4)], { axis: 0, keepdims: 0 }),
  row("NonZero", [k("float32", [1, 0, 0, -2], [2, 2])]), row("CumSum", [ints(1, 2, 3, 4), int(0)]), row("CumSum", [k("int32", [1, 2, 3, 4, 5, 6], [2, 3]), int(-1)], { exclusive: 1, reverse: 1 }), row("CumSum", [k("int64", [1, 2, 3, 4], [2, 2]), int(0)], { reverse: 1 }),
  row("QuantizeLinear", [k("float32", [0.5, 1.5, -200, 200, 0.25]), k("float32", [0.5], []), k("uint8", [128], [])]), row("QuantizeLinear", [weight(2, 3), positive3(), k("int8", [0, 3, -5])], { axis: 1 }), row("QuantizeLinear", [weight(2, 3), k("float32", [0.1], []), k("uint16", [32768], [])]), row("QuantizeLinear", [weight(3), k("float32", [0.3], [])]),
  row("DequantizeLinear", [k("uint8", [0, 128, 255]), k("float32", [0.1], []), k("uint8", [128], [])]), row("DequantizeLinear", [k("int8", [1, -2, 3, -4, 5, -6], [2, 3]), k("float32", [0.1, 0.2, 0.3]), k("int8", [0, 1, -1])], { axis: 1 }), row("DequantizeLinear", [k("int32", [100, -7]), k("float32", [0.001], [])]),
  row("DequantizeLinear", [k("int4", [1, -2, 3, -4, 5, -6, 7, -8], [2, 4]), k("float32", [0.1, 0.2, 0.3, 0.4], [2, 2])], { axis: 1, block_size: 2 }), row("QuantizeLinear", [weight(2, 4), k("float32", [0.1, 0.2, 0.3, 0.4], [2, 2]), k("int8", [0, 1, 2, 3], [2, 2])], { axis: 1, block_size: 2 }),
];

function constantEmpty(): Operand {
  return k("int64", [], [0]);
}

function positive3(): Operand {
  return k("float32", [0.125, 0.3, 0.07]);
}
