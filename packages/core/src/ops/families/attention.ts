/** Attention and rotary embedding. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { attentionCost, inferAttention } from "../rules/attention.ts";
import { perOutput } from "../rules/cost.ts";
import { attentionTies, rotaryTies } from "../ties/attention.ts";

export const attentionOps: readonly OpDef[] = [
  op({
    name: "Attention",
    since: {
      23: "Q:T1 K:T1 V:T2 attn_mask:U? past_key:T1? past_value:T2? -> Y:T1 present_key:T1? present_value:T2? qk_matmul_output:T1? | qk_matmul_output_mode:int=0 softcap:float=0 softmax_precision:int kv_num_heads:int q_num_heads:int scale:float is_causal:int=0 | T1: floats bfloat16; T2: floats bfloat16; U: reals bfloat16 bool",
      24: "Q:T1 K:T1 V:T2 attn_mask:U? past_key:T1? past_value:T2? nonpad_kv_seqlen:int64? -> Y:T1 present_key:T1? present_value:T2? qk_matmul_output:T1?",
      25: "| +right_window_size:int=-1 +left_window_size:int=-1",
    },
    ties: attentionTies,
    infer: inferAttention,
    cost: attentionCost,
  }),
  op({
    name: "RotaryEmbedding",
    since: {
      23: "X:T cos_cache:T sin_cache:T position_ids:M? -> Y:T | num_heads:int rotary_embedding_dim:int=0 interleaved:int=0 | T: float16 float32 bfloat16; M: int64",
    },
    ties: rotaryTies,
    infer: sameAs(0),
    cost: perOutput(3),
  }),
];
