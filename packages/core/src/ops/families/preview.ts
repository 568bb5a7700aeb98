/** Operators that ONNX tries out. */
import { opIn } from "../define.ts";
import type { OpDef } from "../op.ts";
import { inferFlexAttention } from "../rules/attention.ts";

const op = opIn("ai.onnx.preview");

export const previewOps: readonly OpDef[] = [
  op({
    name: "FlexAttention",
    since: {
      1: "Q:T1 K:T1 V:T1 -> Y:T1 | prob_mod:graph score_mod:graph softmax_precision:int scale:float | T1: floats bfloat16",
    },
    infer: inferFlexAttention,
  }),
];
