/** Pooling. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { inferGlobalPool, inferMaxUnpool, inferPool, poolCost } from "../rules/pool.ts";
import { noWork, perInput } from "../rules/cost.ts";
import { heldBecause } from "../ties/build.ts";
import { channelsPass } from "../ties/pool.ts";

export const poolOps: readonly OpDef[] = [
  op({
    name: "AveragePool",
    since: {
      1: "X:T -> Y:T | pads:ints auto_pad:string=NOTSET strides:ints kernel_shape:ints! | T: floats",
      7: "| +count_include_pad:int=0",
      10: "| +ceil_mode:int=0",
      11: "",
      19: "| +dilations:ints",
      22: "| | T+: bfloat16",
    },
    ties: channelsPass,
    infer: inferPool(),
    cost: poolCost,
  }),
  op({
    name: "MaxPool",
    since: {
      1: "X:T -> Y:T | pads:ints auto_pad:string=NOTSET strides:ints kernel_shape:ints! | T: floats",
      8: "X:T -> Y:T Indices:I? | +storage_order:int=0 | I: int64",
      10: "| +dilations:ints +ceil_mode:int=0",
      11: "",
      12: "| | T+: int8 uint8",
      22: "| | T+: bfloat16",
    },
    ties: channelsPass,
    infer: inferPool(),
    cost: poolCost,
  }),
  op({
    name: "LpPool",
    since: {
      1: "X:T -> Y:T | p:float=2 pads:ints auto_pad:string=NOTSET strides:ints kernel_shape:ints | T: floats",
      2: "| +p:int=2 +kernel_shape:ints!",
      11: "",
      18: "| +ceil_mode:int=0 +dilations:ints",
      22: "| | T+: bfloat16",
    },
    ties: channelsPass,
    infer: inferPool(),
    cost: poolCost,
  }),
  op({
    name: "GlobalAveragePool",
    since: {
      1: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    ties: channelsPass,
    infer: inferGlobalPool,
    cost: perInput(),
  }),
  op({
    name: "GlobalMaxPool",
    since: {
      1: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    ties: channelsPass,
    infer: inferGlobalPool,
    cost: perInput(),
  }),
  op({
    name: "GlobalLpPool",
    since: {
      1: "X:T -> Y:T | p:float=2 | T: floats",
      2: "| +p:int=2",
      22: "| | T+: bfloat16",
    },
    ties: channelsPass,
    infer: inferGlobalPool,
    cost: perInput(),
  }),
  op({
    name: "MaxUnpool",
    since: {
      9: "X:T1 I:T2 output_shape:T2? -> output:T1 | pads:ints strides:ints kernel_shape:ints! | T1: floats; T2: int64",
      11: "",
      22: "| | T1+: bfloat16",
    },
    ties: heldBecause("indices are positions in the whole tensor"),
    infer: inferMaxUnpool,
    cost: noWork,
  }),
];
