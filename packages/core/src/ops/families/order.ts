/** Running sums and products, order and uniqueness. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { cumSum, nonZero } from "../evaluate/generate.ts";
import { perInput, perOutput } from "../rules/cost.ts";
import { inferNonZero, inferTopK, inferUnique } from "../rules/reduce.ts";
import { cumSumTies, topKTies } from "../ties/reduce.ts";

export const orderOps: readonly OpDef[] = [
  op({
    name: "CumSum",
    since: {
      11: "x:T axis:T2 -> y:T | reverse:int=0 exclusive:int=0 | T: float32 float64 int32 int64 uint32 uint64; T2: int32 int64",
      14: "| | T+: float16 bfloat16",
    },
    infer: sameAs(0),
    evaluate: cumSum,
    cost: perOutput(),
    ties: cumSumTies,
  }),
  op({
    name: "CumProd",
    since: {
      26: "x:T axis:T2 -> y:T | reverse:int=0 exclusive:int=0 | T: floats bfloat16 int32 int64 uint32 uint64; T2: int32 int64",
    },
    infer: sameAs(0),
    cost: perOutput(),
  }),
  op({
    name: "TopK",
    since: {
      1: "X:T -> Values:T Indices:I | axis:int=-1 k:int! | T: floats; I: int64",
      10: "X:T K:int64 -> Values:T Indices:I | -k",
      11: "| +sorted:int=1 +largest:int=1 | T+: ints uints",
      24: "| | T+: bfloat16",
    },
    infer: inferTopK,
    cost: perInput(),
    ties: topKTies,
  }),
  op({
    name: "Unique",
    since: { 11: "X:T -> Y:T indices:int64? inverse_indices:int64? counts:int64? | axis:int sorted:int=1 | T: any" },
    infer: inferUnique,
    cost: perInput(),
  }),
  op({
    name: "NonZero",
    since: {
      9: "X:T -> Y:int64 | | T: any",
      13: "| | T+: bfloat16",
    },
    infer: inferNonZero,
    evaluate: nonZero,
    cost: perInput(),
  }),
];
