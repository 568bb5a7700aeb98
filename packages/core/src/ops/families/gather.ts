/** Reading and writing at indices. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { gather, gatherElements, gatherND, scatterElements, scatterND } from "../evaluate/gather.ts";
import { oneHot } from "../evaluate/generate.ts";
import { noWork } from "../rules/cost.ts";
import { inferCompress, inferGather, inferGatherElements, inferGatherND, inferOneHot, inferScatter } from "../rules/gather.ts";
import { gatherElementsTies, gatherNDTies, gatherTies, scatterElementsTies, scatterNDTies } from "../ties/gather.ts";

export const gatherOps: readonly OpDef[] = [
  op({
    name: "Gather",
    since: {
      1: "data:T indices:Tind -> output:T | axis:int=0 | T: any; Tind: int32 int64",
      11: "",
      13: "| | T+: bfloat16",
    },
    infer: inferGather,
    evaluate: gather,
    cost: noWork,
    ties: gatherTies,
  }),
  op({
    name: "GatherElements",
    since: {
      11: "data:T indices:Tind -> output:T | axis:int=0 | T: any; Tind: int32 int64",
      13: "| | T+: bfloat16",
    },
    infer: inferGatherElements,
    evaluate: gatherElements,
    cost: noWork,
    ties: gatherElementsTies,
  }),
  op({
    name: "GatherND",
    since: {
      11: "data:T indices:int64 -> output:T | | T: any",
      12: "| +batch_dims:int=0",
      13: "| | T+: bfloat16",
    },
    infer: inferGatherND,
    evaluate: gatherND,
    cost: noWork,
    ties: gatherNDTies,
  }),
  op({
    name: "Scatter",
    since: {
      9: "data:T indices:Tind updates:T -> output:T | axis:int=0 | T: any; Tind: int32 int64",
      11: "deprecated",
    },
    infer: inferScatter,
    evaluate: scatterElements,
    cost: noWork,
    ties: scatterElementsTies,
  }),
  op({
    name: "ScatterElements",
    since: {
      11: "data:T indices:Tind updates:T -> output:T | axis:int=0 | T: any; Tind: int32 int64",
      13: "| | T+: bfloat16",
      16: "| +reduction:string=none",
      18: "",
    },
    infer: inferScatter,
    evaluate: scatterElements,
    cost: noWork,
    ties: scatterElementsTies,
  }),
  op({
    name: "ScatterND",
    since: {
      11: "data:T indices:int64 updates:T -> output:T | | T: any",
      13: "| | T+: bfloat16",
      16: "| +reduction:string=none",
      18: "",
    },
    infer: inferScatter,
    evaluate: scatterND,
    cost: noWork,
    ties: scatterNDTies,
  }),
  op({
    name: "TensorScatter",
    since: {
      24: "past_cache:T update:T write_indices:int64? -> present_cache:T | mode:string=linear axis:int=-2 | T: any float8s int4s bfloat16 float4e2m1 float8e8m0",
    },
    infer: inferScatter,
    cost: noWork,
  }),
  op({
    name: "Compress",
    since: {
      9: "input:T condition:T1 -> output:T | axis:int | T: any; T1: bool",
      11: "",
    },
    infer: inferCompress,
    cost: noWork,
  }),
  op({
    name: "OneHot",
    since: {
      9: "indices:T1 depth:T2 values:T3 -> output:T3 | axis:int=-1 | T1: reals; T2: reals; T3: any",
      11: "",
    },
    infer: inferOneHot,
    evaluate: oneHot,
    cost: noWork,
  }),
];
