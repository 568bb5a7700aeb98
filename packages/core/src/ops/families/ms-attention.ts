/** ONNX Runtime: attention. */
import { msOp } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { perOutput } from "../rules/cost.ts";
import { fusedAttentionCost, inferDecoderAttention, inferFusedAttention, inferGatedPositionBias, inferGroupQuery, inferLinearAttention, inferMultiHead, inferPackedAttention, inferRelativePositionBias, inferRemovePadding, inferRestorePadding, likeInputs, multiHeadCost } from "../rules/ms-attention.ts";
import { inferCausalConv } from "../rules/ms-other.ts";
import { heldBecause } from "../ties/build.ts";

export const msAttentionOps: readonly OpDef[] = [
  msOp({
    name: "Attention",
    since: {
      1: "input:T weights:T bias:T? mask_index:M? past:T? attention_bias:T? past_sequence_length:M? -> output:T present:T? | scale:float mask_filter_value:float do_rotary:int past_present_share_buffer:int qkv_hidden_sizes:ints unidirectional:int=0 rotary_embedding_dim:int num_heads:int! | T: float16 float32 bfloat16; M: int32",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: inferFusedAttention(2, 4),
    cost: fusedAttentionCost,
  }),
  msOp({
    name: "QAttention",
    since: {
      1: "input:T1 weight:T2 bias:T3 input_scale:T3 weight_scale:T3 mask_index:T4? input_zero_point:T1? weight_zero_point:T2? past:T3? -> output:T3 present:T3? | scale:float mask_filter_value:float past_present_share_buffer:int do_rotary:int unidirectional:int=0 num_heads:int! | T1: int8 uint8; T2: int8 uint8; T3: float16 float32; T4: int32",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: inferFusedAttention(2, 8),
    cost: fusedAttentionCost,
  }),
  msOp({
    name: "MultiHeadAttention",
    since: {
      1: "query:T key:T? value:T? bias:T? key_padding_mask:M? attention_bias:T? past_key:T? past_value:T? past_sequence_length:M? cache_indirection:M? -> output:T present_key:T? present_value:T? qk:QK? | unidirectional:int=0 scale:float mask_filter_value:float num_heads:int! | T: float16 float32 bfloat16; M: int32; QK: float16 float32 bfloat16",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: inferMultiHead({ key: 1, value: 2, pastKey: 6, pastValue: 7 }),
    cost: multiHeadCost,
  }),
  msOp({
    name: "GroupQueryAttention",
    since: {
      1: "query:T key:T? value:T? past_key:T_CACHE? past_value:T_CACHE? seqlens_k:M total_sequence_length:M cos_cache:T? sin_cache:T? position_ids:int64? attention_bias:T? head_sink:T? k_scale:T_KV_SCALE? v_scale:T_KV_SCALE? q_norm_weight:T? k_norm_weight:T? -> output:T present_key:T_CACHE? present_value:T_CACHE? output_qk:T? | kv_cache_bit_width:int num_heads:int! softcap:float kv_num_heads:int! sliding_window_cache:int=0 do_rotary:int causal:int=1 scale:float local_window_size:int=-1 rotary_interleaved:int qk_output:int=0 qk_norm_epsilon:float=1e-06 v_quant_type:string=NONE smooth_softmax:int=-1 k_quant_type:string=NONE | T: float16 float32 bfloat16; T_CACHE: float16 float32 bfloat16 float8e4m3fn int8 uint8; M: int32; T_KV_SCALE: float32",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: inferGroupQuery(6),
    cost: multiHeadCost,
  }),
  msOp({
    name: "DecoderAttention",
    since: {
      1: "query:T key:T q_weight:T kv_weight:T bias:T key_padding_mask:B? key_cache:T? value_cache:T? static_kv:B use_past:B has_layer_state:B has_key_padding_mask:B -> output:T new_key_cache:T? new_value_cache:T? | mask_filter_value:float num_heads:int! | T: float16 float32; B: bool",
    },
    infer: inferDecoderAttention,
  }),
  msOp({
    name: "DecoderMaskedMultiHeadAttention",
    since: {
      1: "query:T key:T? value:T? mask_index:M? attention_bias:T? past_key:T? past_value:T? past_sequence_length:M? beam_width:M? cache_indirection:M? bias:T? -> output:T present_key:T? present_value:T? qk:QK? | output_qk:int mask_filter_value:float scale:float past_present_share_buffer:int num_heads:int! | T: float16 float32; M: int32; QK: float16 float32",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: inferMultiHead({ key: 1, value: 2, pastKey: 5, pastValue: 6 }),
    cost: multiHeadCost,
  }),
  msOp({
    name: "DecoderMaskedSelfAttention",
    since: {
      1: "input:T weights:T bias:T mask_index:M? past:T attention_bias:T? past_sequence_length:M beam_width:M? cache_indirection:M? -> output:T present:T | do_rotary:int mask_filter_value:float scale:float past_present_share_buffer:int num_heads:int! | T: float16 float32; M: int32",
    },
    infer: inferFusedAttention(2, 4),
    cost: fusedAttentionCost,
  }),
  msOp({
    name: "PackedAttention",
    since: {
      1: "input:T weights:T bias:T token_offset:M cumulative_sequence_length:M attention_bias:T? -> output:T | scale:float qkv_hidden_sizes:ints num_heads:int! | T: float16 float32; M: int32",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: inferPackedAttention(2),
  }),
  msOp({
    name: "PackedMultiHeadAttention",
    since: {
      1: "query:T key:T? value:T? bias:T? token_offset:M cumulative_sequence_length:M attention_bias:T? -> output:T | scale:float mask_filter_value:float num_heads:int! | T: float16 float32; M: int32",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: inferPackedAttention(2),
  }),
  msOp({
    name: "PagedAttention",
    since: {
      1: "query:T key:T? value:T? key_cache:T_CACHE value_cache:T_CACHE? cumulative_sequence_length:S past_seqlens:S block_table:S cos_cache:T? sin_cache:T? slot_mapping:S? head_sink:T? q_norm_weight:T? k_norm_weight:T? k_scale:T_KV_SCALE? v_scale:T_KV_SCALE? attention_metadata:S? -> output:T key_cache_out:T_CACHE? value_cache_out:T_CACHE? | rotary_offset:int v_head_size:int kv_cache_layout:string=SEPARATE softcap:float kv_num_heads:int! do_rotary:int num_heads:int! k_cache_dtype:string= scale:float local_window_size:int=-1 is_causal:int=1 rotary_interleaved:int qk_norm_epsilon:float v_quant_type:string=NONE k_quant_type:string=NONE v_cache_dtype:string= | T: float16 bfloat16; T_CACHE: float16 bfloat16 float8e4m3fn int8 uint8; S: int32; T_KV_SCALE: float32",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: likeInputs(0, 3, 4),
  }),
  msOp({
    name: "SparseAttention",
    since: {
      1: "query:T key:T? value:T? past_key:T past_value:T block_row_indices:M block_col_indices:M total_sequence_length:M key_total_sequence_lengths:M cos_cache:T? sin_cache:T? -> output:T present_key:T present_value:T | rotary_interleaved:int sparse_block_size:int! scale:float do_rotary:int kv_num_heads:int! num_heads:int! | T: float16 float32 bfloat16; M: int32",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: likeInputs(0, 3, 4),
  }),
  msOp({
    name: "LongformerAttention",
    since: {
      1: "input:T weight:T bias:T mask:T global_weight:T global_bias:T global:G -> output:T | window:int! num_heads:int! | T: float16 float32; G: int32",
    },
    infer: sameAs(0),
  }),
  msOp({
    name: "LinearAttention",
    since: {
      1: "query:T key:T value:T past_state:S? decay:T? beta:T? -> output:T present_state:S | chunk_size:int=64 kv_num_heads:int! state_window:int=0 q_num_heads:int! scale:float=0 update_rule:string=gated_delta | T: float16 float32 bfloat16; S: float16 float32 bfloat16",
    },
    infer: inferLinearAttention,
  }),
  msOp({
    name: "LinearAttentionGate",
    since: {
      1: "a:T dt_bias:TF decay_scale:TF b:T? -> decay:T beta:T? | | T: float16 float32 bfloat16; TF: float32",
    },
    infer: likeInputs(0, 3),
  }),
  msOp({
    name: "GatedDeltaNet",
    since: {
      1: "query:T key:T value:T cu_seqlens:TI? decay:TS? beta:TS? initial_state:TS? a_log:TS? dt_bias:TS? capture_count:TI? state_update_active:TI? -> output:T final_state:TS? state_update:TS? | state_update_capacity:int=0 chunk_size:int=64 beta_activation:string=none gate_activation:string=none scale:float=0 qk_l2_norm:int=0 update_rule:string=gated_delta | T: float16 float32 bfloat16; TI: int32; TS: float32",
    },
  }),
  msOp({
    name: "RotaryEmbedding",
    since: {
      1: "input:T position_ids:M cos_cache:T sin_cache:T -> output:T | num_heads:int rotary_embedding_dim:int interleaved:int is_packed_batching:int scale:float | T: float16 float32 bfloat16; M: int64",
    },
    ties: heldBecause("the attention is fused: decompose it into MatMul and Softmax before pruning"),
    infer: sameAs(0),
    cost: perOutput(3),
  }),
  msOp({
    name: "GemmaRotaryEmbedding",
    since: { 1: "emb:U q:T q_rot:T k:T k_rot:T -> output1:T output2:T | | U: float32; T: float16" },
    infer: likeInputs(1, 3),
    cost: perOutput(3),
  }),
  msOp({
    name: "MRotaryEmbedding",
    since: {
      1: "input:T position_ids:M cos_cache:T sin_cache:T -> output:T | mrope_section:ints! num_heads:int rotary_embedding_dim:int interleaved:int mrope_layout:int is_packed_batching:int scale:float | T: float16 float32 bfloat16; M: int64",
    },
    infer: sameAs(0),
    cost: perOutput(3),
  }),
  msOp({
    name: "RelativePositionBias",
    since: {
      1: "bias_table:T query_length:U key_length:U -> output:T | is_bidirectional:int=0 max_distance:int! | T: float16 float32; U: int64",
    },
    infer: inferRelativePositionBias,
  }),
  msOp({
    name: "GatedRelativePositionBias",
    since: {
      1: "query_layer:T query_bias:T rel_pos:T weight:T bias:T eco_a:T token_offset:M? -> output:T | num_heads:int! | T: float16 float32; M: int32",
    },
    infer: inferGatedPositionBias,
  }),
  msOp({
    name: "RemovePadding",
    since: {
      1: "input:T sequence_token_count:M -> output:T token_offset:M cumulated_seq_len:M max_seq_len:M | | T: float16 float32; M: int32",
    },
    infer: inferRemovePadding,
  }),
  msOp({
    name: "RestorePadding",
    since: { 1: "input:T token_offset:M -> output:T | | T: float16 float32; M: int32" },
    infer: inferRestorePadding,
  }),
  msOp({
    name: "CausalConvWithState",
    since: {
      1: "input:T weight:T bias:T? past_state:T? -> output:T present_state:T | state_window:int=0 channels_last:int=0 dilation:int=1 ndim:int=1 activation:string=none | T: float16 float32 bfloat16",
    },
    infer: inferCausalConv,
  }),
  msOp({
    name: "VarlenCausalConvWithState",
    since: {
      1: "input:T weight:T cumulative_sequence_length:M bias:T? initial_state:T capture_count:M? -> output:T final_state:T state_update:T? | state_update_capacity:int=0 dilation:int=1 activation:string=none | T: float16 float32 bfloat16; M: int32",
    },
  }),
];
