/** Joining and cutting. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { concat, pad, slice, split, trilu } from "../evaluate/move.ts";
import { noWork } from "../rules/cost.ts";
import { inferCenterCropPad, inferConcat, inferDepthToSpace, inferPad, inferSlice, inferSpaceToDepth, inferSplit } from "../rules/join.ts";
import { concatTies, splitTies } from "../ties/join.ts";
import { padTies, sliceTies } from "../ties/slice.ts";
import { reverseSequenceTies, triluTies } from "../ties/reduce.ts";
import { depthToSpaceTies, spaceToDepthTies } from "../ties/reshape.ts";

export const joinOps: readonly OpDef[] = [
  op({
    name: "Concat",
    since: {
      1: "inputs:T+ -> concat_result:T | axis:int | T: floats",
      4: "| +axis:int! | T+: ints uints complexes bool string",
      11: "",
      13: "| | T+: bfloat16",
    },
    infer: inferConcat,
    evaluate: concat,
    cost: noWork,
    ties: concatTies,
  }),
  op({
    name: "Split",
    since: {
      1: "input:T split:T? -> outputs:T+ | split:ints axis:int | T: floats",
      2: "input:T -> outputs:T+ | +axis:int=0 | T+: ints uints complexes bool string",
      11: "",
      13: "input:T split:int64? -> outputs:T+ | -split | T+: bfloat16",
      18: "| +num_outputs:int",
    },
    infer: inferSplit,
    evaluate: split,
    cost: noWork,
    ties: splitTies,
  }),
  op({
    name: "Slice",
    since: {
      1: "data:T -> output:T | ends:ints! starts:ints! axes:ints | T: any",
      10: "data:T starts:Tind ends:Tind axes:Tind? steps:Tind? -> output:T | -ends -starts -axes | Tind: int32 int64",
      11: "",
      13: "| | T+: bfloat16",
    },
    infer: inferSlice,
    evaluate: slice,
    cost: noWork,
    ties: sliceTies,
  }),
  op({
    name: "Pad",
    since: {
      1: "data:T -> output:T | value:float=0 mode:string=constant paddings:ints! | T: floats",
      2: "| -paddings +pads:ints!",
      11: "data:T pads:int64 constant_value:T? -> output:T | -value -pads | T+: ints uints",
      13: "| | T+: complexes bfloat16 bool string",
      18: "data:T pads:int64 constant_value:T? axes:Tind? -> output:T | | Tind: int32 int64",
      19: "",
      21: "| | T+: float8s int4s",
      23: "| | T+: float4e2m1",
      24: "| | T+: float8e8m0",
      25: "| | T+: int2s",
    },
    infer: inferPad,
    evaluate: pad,
    cost: noWork,
    ties: padTies,
  }),
  op({
    name: "CenterCropPad",
    since: { 18: "input_data:T shape:Tind -> output_data:T | axes:ints | T: any bfloat16; Tind: int32 int64" },
    infer: inferCenterCropPad,
    cost: noWork,
  }),
  op({
    name: "ReverseSequence",
    since: { 10: "input:T sequence_lens:int64 -> Y:T | batch_axis:int=1 time_axis:int=0 | T: any" },
    infer: sameAs(0),
    cost: noWork,
    ties: reverseSequenceTies,
  }),
  op({
    name: "Trilu",
    since: { 14: "input:T k:int64? -> output:T | upper:int=1 | T: any bfloat16" },
    infer: sameAs(0),
    evaluate: trilu,
    cost: noWork,
    ties: triluTies,
  }),
  op({
    name: "DepthToSpace",
    since: {
      1: "input:T -> output:T | blocksize:int! | T: any",
      11: "| +mode:string=DCR",
      13: "| | T+: bfloat16",
    },
    infer: inferDepthToSpace,
    cost: noWork,
    ties: depthToSpaceTies,
  }),
  op({
    name: "SpaceToDepth",
    since: {
      1: "input:T -> output:T | blocksize:int! | T: any",
      13: "| | T+: bfloat16",
    },
    infer: inferSpaceToDepth,
    cost: noWork,
    ties: spaceToDepthTies,
  }),
];
