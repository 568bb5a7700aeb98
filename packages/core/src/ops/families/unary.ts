/** Elementwise functions of one tensor. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";

export const unaryOps: readonly OpDef[] = [
  op({
    name: "Abs",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs | T+: ints uints",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Neg",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs | T+: ints",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Ceil",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Floor",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Round",
    since: {
      11: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Sign",
    since: {
      9: "input:T -> output:T | | T: reals",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Reciprocal",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Sqrt",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Exp",
    since: {
      1: "input:T -> output:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Log",
    since: {
      1: "input:T -> output:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Sin",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Cos",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Tan",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Asin",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Acos",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Atan",
    since: {
      7: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Sinh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Cosh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Tanh",
    since: {
      1: "input:T -> output:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Asinh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Acosh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Atanh",
    since: {
      9: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Erf",
    since: {
      9: "input:T -> output:T | | T: reals",
      13: "| | T: floats bfloat16",
    },
  }),
  op({
    name: "IsInf",
    since: {
      10: "X:T1 -> Y:T2 | detect_negative:int=1 detect_positive:int=1 | T1: float32 float64; T2: bool",
      20: "| | T1+: float8s float16 bfloat16",
    },
  }),
  op({
    name: "IsNaN",
    since: {
      9: "X:T1 -> Y:T2 | | T1: floats; T2: bool",
      13: "| | T1+: bfloat16",
      20: "| | T1+: float8s",
    },
  }),
];
