/** Constants and tensors made from a rule. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { constant, constantOfShape, eyeLike, range } from "../evaluate/generate.ts";
import { noWork, perOutput, viewOnly } from "../rules/cost.ts";
import { inferConstant, inferConstantOfShape, inferLike, inferRange } from "../rules/generate.ts";
import { constantOfShapeTies } from "../ties/shape.ts";

export const generateOps: readonly OpDef[] = [
  op({
    name: "Constant",
    since: {
      1: "-> output:T | value:tensor! | T: floats",
      9: "| | T+: ints uints complexes bool string",
      11: "| +sparse_value:sparse +value:tensor",
      12: "| +value_strings:strings +value_string:string +value_floats:floats +value_float:float +value_ints:ints +value_int:int",
      13: "| | T+: bfloat16",
      19: "| | T+: float8s",
      21: "| | T+: int4s",
      23: "| | T+: float4e2m1",
      24: "| | T+: float8e8m0",
      25: "| | T+: int2s",
    },
    infer: inferConstant,
    evaluate: constant,
    cost: viewOnly,
  }),
  op({
    name: "ConstantOfShape",
    since: {
      9: "input:T1 -> output:T2 | value:tensor | T1: int64; T2: reals bool",
      20: "| | T2+: float8s bfloat16",
      21: "| | T2+: int4s",
      23: "| | T2+: float4e2m1",
      24: "| | T2+: float8e8m0",
      25: "| | T2+: int2s",
    },
    infer: inferConstantOfShape,
    evaluate: constantOfShape,
    cost: noWork,
    ties: constantOfShapeTies,
  }),
  op({
    name: "Range",
    since: { 11: "start:T limit:T delta:T -> output:T | | T: float32 float64 int16 int32 int64" },
    infer: inferRange,
    evaluate: range,
    cost: perOutput(),
  }),
  op({
    name: "EyeLike",
    since: {
      9: "input:T1 -> output:T2 | dtype:int k:int=0 | T1: reals bool; T2: reals bool",
      22: "| | T1+: bfloat16; T2+: bfloat16",
    },
    infer: inferLike,
    evaluate: eyeLike,
    cost: noWork,
  }),
];
