/** Comparisons, logic and bit operations. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";

export const logicalOps: readonly OpDef[] = [
  op({
    name: "Equal",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: bool int32 int64; T1: bool",
      7: "| -axis -broadcast",
      11: "| | T+: floats uints int8 int16",
      13: "| | T+: bfloat16",
      19: "| | T+: string",
    },
  }),
  op({
    name: "Greater",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: floats; T1: bool",
      7: "| -axis -broadcast",
      9: "| | T+: ints uints",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "GreaterOrEqual",
    since: {
      12: "A:T B:T -> C:T1 | | T: reals; T1: bool",
      16: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Less",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: floats; T1: bool",
      7: "| -axis -broadcast",
      9: "| | T+: ints uints",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "LessOrEqual",
    since: {
      12: "A:T B:T -> C:T1 | | T: reals; T1: bool",
      16: "| | T+: bfloat16",
    },
  }),
  op({
    name: "And",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: bool; T1: bool",
      7: "| -axis -broadcast",
    },
  }),
  op({
    name: "Or",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: bool; T1: bool",
      7: "| -axis -broadcast",
    },
  }),
  op({
    name: "Xor",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: bool; T1: bool",
      7: "| -axis -broadcast",
    },
  }),
  op({ name: "Not", since: { 1: "X:T -> Y:T | | T: bool" } }),
  op({ name: "BitwiseAnd", since: { 18: "A:T B:T -> C:T | | T: ints uints" } }),
  op({ name: "BitwiseOr", since: { 18: "A:T B:T -> C:T | | T: ints uints" } }),
  op({ name: "BitwiseXor", since: { 18: "A:T B:T -> C:T | | T: ints uints" } }),
  op({ name: "BitwiseNot", since: { 18: "X:T -> Y:T | | T: ints uints" } }),
  op({ name: "BitShift", since: { 11: "X:T Y:T -> Z:T | direction:string! | T: uints" } }),
];
