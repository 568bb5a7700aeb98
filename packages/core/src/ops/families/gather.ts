/** Reading and writing at indices. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";

export const gatherOps: readonly OpDef[] = [
  op({
    name: "Gather",
    since: {
      1: "data:T indices:Tind -> output:T | axis:int=0 | T: any; Tind: int32 int64",
      11: "",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "GatherElements",
    since: {
      11: "data:T indices:Tind -> output:T | axis:int=0 | T: any; Tind: int32 int64",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "GatherND",
    since: {
      11: "data:T indices:int64 -> output:T | | T: any",
      12: "| +batch_dims:int=0",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Scatter",
    since: {
      9: "data:T indices:Tind updates:T -> output:T | axis:int=0 | T: any; Tind: int32 int64",
      11: "deprecated",
    },
  }),
  op({
    name: "ScatterElements",
    since: {
      11: "data:T indices:Tind updates:T -> output:T | axis:int=0 | T: any; Tind: int32 int64",
      13: "| | T+: bfloat16",
      16: "| +reduction:string=none",
      18: "",
    },
  }),
  op({
    name: "ScatterND",
    since: {
      11: "data:T indices:int64 updates:T -> output:T | | T: any",
      13: "| | T+: bfloat16",
      16: "| +reduction:string=none",
      18: "",
    },
  }),
  op({
    name: "TensorScatter",
    since: {
      24: "past_cache:T update:T write_indices:int64? -> present_cache:T | mode:string=linear axis:int=-2 | T: any float8s int4s bfloat16 float4e2m1 float8e8m0",
    },
  }),
  op({
    name: "Compress",
    since: {
      9: "input:T condition:T1 -> output:T | axis:int | T: any; T1: bool",
      11: "",
    },
  }),
  op({
    name: "OneHot",
    since: {
      9: "indices:T1 depth:T2 values:T3 -> output:T3 | axis:int=-1 | T1: reals; T2: reals; T3: any",
      11: "",
    },
  }),
];
