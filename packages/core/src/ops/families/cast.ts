/** Changes of element type. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { bitCast, cast, castLike } from "../evaluate/cast.ts";
import { perOutput, viewOnly } from "../rules/cost.ts";
import { inferBitCast, inferCast, inferCastLike } from "../rules/elementwise.ts";
import { castLikeTies, sameShape } from "../ties/elementwise.ts";

export const castOps: readonly OpDef[] = [
  op({
    name: "Cast",
    since: {
      1: "input:T1 -> output:T2 | to:string! | T1: reals bool; T2: reals bool",
      6: "| +to:int!",
      9: "| | T1+: string; T2+: string",
      13: "| | T1+: bfloat16; T2+: bfloat16",
      19: "| +saturate:int=1 | T1+: float8s; T2+: float8s",
      21: "| | T1+: int4s; T2+: int4s",
      23: "| | T1+: float4e2m1; T2+: float4e2m1",
      24: "| +round_mode:string=up | T1+: float8e8m0; T2+: float8e8m0",
      25: "| | T1+: int2s; T2+: int2s",
    },
    infer: inferCast,
    evaluate: cast,
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "CastLike",
    since: {
      15: "input:T1 target_type:T2 -> output:T2 | | T1: reals bfloat16 bool string; T2: reals bfloat16 bool string",
      19: "| +saturate:int=1 | T1+: float8s; T2+: float8s",
      21: "| | T1+: int4s; T2+: int4s",
      23: "| | T1+: float4e2m1; T2+: float4e2m1",
      24: "| +round_mode:string=up | T1+: float8e8m0; T2+: float8e8m0",
      25: "| | T1+: int2s; T2+: int2s",
    },
    infer: inferCastLike,
    evaluate: castLike,
    cost: perOutput(),
    ties: castLikeTies,
  }),
  op({
    name: "BitCast",
    since: {
      26: "input:T1 -> output:T2 | to:int! | T1: reals float8s complexes int4s int2s bfloat16 bool float4e2m1 float8e8m0; T2: reals float8s complexes int4s int2s bfloat16 bool float4e2m1 float8e8m0",
    },
    infer: inferBitCast,
    evaluate: bitCast,
    cost: viewOnly,
    ties: sameShape,
  }),
];
