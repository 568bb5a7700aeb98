/** Elementwise arithmetic of several tensors, with broadcasting. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";

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
  }),
  op({
    name: "Mod",
    since: {
      10: "A:T B:T -> C:T | fmod:int=0 | T: reals",
      13: "| | T+: bfloat16",
    },
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
  }),
  op({
    name: "Mean",
    since: {
      1: "data_0:T+ -> mean:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      8: "",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Sum",
    since: {
      1: "data_0:T+ -> sum:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      8: "",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Where",
    since: {
      9: "condition:B X:T Y:T -> output:T | | B: bool; T: any",
      16: "| | T+: bfloat16",
    },
  }),
];
