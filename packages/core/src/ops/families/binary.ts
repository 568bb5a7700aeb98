/** Elementwise arithmetic of several tensors, with broadcasting. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { maxDims, minDims } from "../dim.ts";
import { elementwise } from "../shape.ts";
import { binary, variadic, where } from "../evaluate/elementwise.ts";
import { perOperand, perOutput } from "../rules/cost.ts";
import { inferAdd, inferDiv, inferElementwise, inferMod, inferMul, inferSub, inferWhere } from "../rules/elementwise.ts";
import { dimArithmetic } from "../rules/values.ts";
import { broadcasting } from "../ties/elementwise.ts";

export const binaryOps: readonly OpDef[] = [
  op({
    name: "Add",
    since: {
      1: "A:T B:T -> C:T | axis:int consumed_inputs:ints broadcast:int=0 | T: floats",
      6: "| -consumed_inputs | T+: int32 int64 uint32 uint64",
      7: "| -axis -broadcast",
      13: "| | T+: bfloat16",
      14: "| | T+: int8 int16 uint8 uint16",
    },
    infer: inferAdd,
    evaluate: binary("add"),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Sub",
    since: {
      1: "A:T B:T -> C:T | axis:int consumed_inputs:ints broadcast:int=0 | T: floats",
      6: "| -consumed_inputs | T+: int32 int64 uint32 uint64",
      7: "| -axis -broadcast",
      13: "| | T+: bfloat16",
      14: "| | T+: int8 int16 uint8 uint16",
    },
    infer: inferSub,
    evaluate: binary("sub"),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Mul",
    since: {
      1: "A:T B:T -> C:T | axis:int consumed_inputs:ints broadcast:int=0 | T: floats",
      6: "| -consumed_inputs | T+: int32 int64 uint32 uint64",
      7: "| -axis -broadcast",
      13: "| | T+: bfloat16",
      14: "| | T+: int8 int16 uint8 uint16",
    },
    infer: inferMul,
    evaluate: binary("mul"),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Div",
    since: {
      1: "A:T B:T -> C:T | axis:int consumed_inputs:ints broadcast:int=0 | T: floats",
      6: "| -consumed_inputs | T+: int32 int64 uint32 uint64",
      7: "| -axis -broadcast",
      13: "| | T+: bfloat16",
      14: "| | T+: int8 int16 uint8 uint16",
    },
    infer: inferDiv,
    evaluate: binary("div"),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Pow",
    since: {
      1: "X:T Y:T -> Z:T | axis:int broadcast:int=0 | T: floats",
      7: "| -axis -broadcast",
      12: "X:T Y:T1 -> Z:T | | T+: int32 int64; T1: reals",
      13: "| | T+: bfloat16",
      15: "| | T1+: bfloat16",
    },
    infer: inferElementwise,
    evaluate: binary("pow"),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Mod",
    since: {
      10: "A:T B:T -> C:T | fmod:int=0 | T: reals",
      13: "| | T+: bfloat16",
    },
    infer: inferMod,
    evaluate: binary((node) => (node.int("fmod", 0) !== 0 ? "fmod" : "mod")),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Max",
    since: {
      1: "data_0:T+ -> max:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      8: "",
      12: "| | T+: ints uints",
      13: "| | T+: bfloat16",
    },
    infer: dimArithmetic(maxDims),
    evaluate: variadic("max"),
    cost: perOperand,
    ties: broadcasting,
  }),
  op({
    name: "Min",
    since: {
      1: "data_0:T+ -> min:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      8: "",
      12: "| | T+: ints uints",
      13: "| | T+: bfloat16",
    },
    infer: dimArithmetic(minDims),
    evaluate: variadic("min"),
    cost: perOperand,
    ties: broadcasting,
  }),
  op({
    name: "Mean",
    since: {
      1: "data_0:T+ -> mean:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      8: "",
      13: "| | T+: bfloat16",
    },
    infer: elementwise,
    cost: perOperand,
    ties: broadcasting,
  }),
  op({
    name: "Sum",
    since: {
      1: "data_0:T+ -> sum:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      8: "",
      13: "| | T+: bfloat16",
    },
    infer: elementwise,
    evaluate: variadic("add"),
    cost: perOperand,
    ties: broadcasting,
  }),
  op({
    name: "Where",
    since: {
      9: "condition:B X:T Y:T -> output:T | | B: bool; T: any",
      16: "| | T+: bfloat16",
    },
    infer: inferWhere,
    evaluate: where,
    cost: perOutput(),
    ties: broadcasting,
  }),
];
