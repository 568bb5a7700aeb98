/** Reductions over axes. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";

export const reduceOps: readonly OpDef[] = [
  op({
    name: "ReduceL1",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
  }),
  op({
    name: "ReduceL2",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
  }),
  op({
    name: "ReduceLogSum",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
  }),
  op({
    name: "ReduceLogSumExp",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
  }),
  op({
    name: "ReduceMax",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      12: "| | T+: int8 uint8",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
      20: "| | T+: bool",
    },
  }),
  op({
    name: "ReduceMean",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
  }),
  op({
    name: "ReduceMin",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      12: "| | T+: int8 uint8",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
      20: "| | T+: bool",
    },
  }),
  op({
    name: "ReduceProd",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
  }),
  op({
    name: "ReduceSum",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0 | T+: bfloat16",
    },
  }),
  op({
    name: "ReduceSumSquare",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
  }),
  op({
    name: "ArgMax",
    since: {
      1: "data:T -> reduced:int64 | keepdims:int=1 axis:int=0 | T: reals",
      11: "",
      12: "| +select_last_index:int=0",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "ArgMin",
    since: {
      1: "data:T -> reduced:int64 | keepdims:int=1 axis:int=0 | T: reals",
      11: "",
      12: "| +select_last_index:int=0",
      13: "| | T+: bfloat16",
    },
  }),
];
