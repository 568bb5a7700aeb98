/** Elementwise functions of one tensor. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { unary } from "../evaluate/elementwise.ts";
import { perOutput } from "../rules/cost.ts";
import { shapeAs } from "../rules/elementwise.ts";
import { sameShape } from "../ties/elementwise.ts";

export const unaryOps: readonly OpDef[] = [
  op({
    name: "Abs",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs | T+: ints uints",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    evaluate: unary("abs"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Neg",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs | T+: ints",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    evaluate: unary("neg"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Ceil",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    evaluate: unary("ceil"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Floor",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    evaluate: unary("floor"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Round",
    since: {
      11: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    evaluate: unary("round"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Sign",
    since: {
      9: "input:T -> output:T | | T: reals",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    evaluate: unary("sign"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Reciprocal",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    evaluate: unary("reciprocal"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Sqrt",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    evaluate: unary("sqrt"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Exp",
    since: {
      1: "input:T -> output:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Log",
    since: {
      1: "input:T -> output:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Sin",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Cos",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Tan",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Asin",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Acos",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Atan",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Sinh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Cosh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Tanh",
    since: {
      1: "input:T -> output:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Asinh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Acosh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Atanh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Erf",
    since: {
      9: "input:T -> output:T | | T: reals",
      13: "| | T: floats bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "IsInf",
    since: {
      10: "X:T1 -> Y:T2 | detect_negative:int=1 detect_positive:int=1 | T1: float32 float64; T2: bool",
      20: "| | T1+: float8s float16 bfloat16",
    },
    infer: shapeAs("bool"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "IsNaN",
    since: {
      9: "X:T1 -> Y:T2 | | T1: floats; T2: bool",
      13: "| | T1+: bfloat16",
      20: "| | T1+: float8s",
    },
    infer: shapeAs("bool"),
    cost: perOutput(),
    ties: sameShape,
  }),
];
