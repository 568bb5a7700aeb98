/** Reductions over axes. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { addDims, maxDims, minDims, mulDims } from "../dim.ts";
import { argBest, reduce } from "../evaluate/reduce.ts";
import { perInput } from "../rules/cost.ts";
import { inferArg, inferReduce } from "../rules/reduce.ts";
import { argTies, reduceTies } from "../ties/reduce.ts";

export const reduceOps: readonly OpDef[] = [
  op({
    name: "ReduceL1",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
    infer: inferReduce(),
    cost: perInput(2),
    ties: reduceTies("sum"),
  }),
  op({
    name: "ReduceL2",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
    infer: inferReduce(),
    cost: perInput(2),
    ties: reduceTies("sum"),
  }),
  op({
    name: "ReduceLogSum",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
    infer: inferReduce(),
    cost: perInput(),
    ties: reduceTies("sum"),
  }),
  op({
    name: "ReduceLogSumExp",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
    infer: inferReduce(),
    cost: perInput(3),
    ties: reduceTies("norm"),
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
    infer: inferReduce(maxDims),
    evaluate: reduce("max"),
    cost: perInput(),
    ties: reduceTies("norm"),
  }),
  op({
    name: "ReduceMean",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
    infer: inferReduce(),
    cost: perInput(),
    ties: reduceTies("norm"),
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
    infer: inferReduce(minDims),
    evaluate: reduce("min"),
    cost: perInput(),
    ties: reduceTies("norm"),
  }),
  op({
    name: "ReduceProd",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
    infer: inferReduce(mulDims),
    evaluate: reduce("mul"),
    cost: perInput(),
    ties: reduceTies("norm"),
  }),
  op({
    name: "ReduceSum",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0 | T+: bfloat16",
    },
    infer: inferReduce(addDims),
    evaluate: reduce("add"),
    cost: perInput(),
    ties: reduceTies("sum"),
  }),
  op({
    name: "ReduceSumSquare",
    since: {
      1: "data:T -> reduced:T | keepdims:int=1 axes:ints | T: floats int32 int64 uint32 uint64",
      11: "",
      13: "| | T+: bfloat16",
      18: "data:T axes:int64? -> reduced:T | -axes +noop_with_empty_axes:int=0",
    },
    infer: inferReduce(),
    cost: perInput(2),
    ties: reduceTies("sum"),
  }),
  op({
    name: "ArgMax",
    since: {
      1: "data:T -> reduced:int64 | keepdims:int=1 axis:int=0 | T: reals",
      11: "",
      12: "| +select_last_index:int=0",
      13: "| | T+: bfloat16",
    },
    infer: inferArg,
    evaluate: argBest((a, b) => a > b),
    cost: perInput(),
    ties: argTies,
  }),
  op({
    name: "ArgMin",
    since: {
      1: "data:T -> reduced:int64 | keepdims:int=1 axis:int=0 | T: reals",
      11: "",
      12: "| +select_last_index:int=0",
      13: "| | T+: bfloat16",
    },
    infer: inferArg,
    evaluate: argBest((a, b) => a < b),
    cost: perInput(),
    ties: argTies,
  }),
];
