/** Losses. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { crossEntropyCost, inferLoss, nllCost } from "../rules/loss.ts";

export const lossOps: readonly OpDef[] = [
  op({
    name: "NegativeLogLikelihoodLoss",
    since: {
      12: "input:T target:Tind weight:T? -> loss:T | ignore_index:int reduction:string=mean | T: floats; Tind: int32 int64",
      13: "",
      22: "| | T+: bfloat16",
    },
    infer: inferLoss,
    cost: nllCost,
  }),
  op({
    name: "SoftmaxCrossEntropyLoss",
    since: {
      12: "scores:T labels:Tind weights:T? -> output:T log_prob:T? | ignore_index:int reduction:string=mean | T: floats; Tind: int32 int64",
      13: "| | T+: bfloat16",
    },
    infer: inferLoss,
    cost: crossEntropyCost,
  }),
];
