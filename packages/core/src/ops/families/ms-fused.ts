/** ONNX Runtime: fused transformer and convolution layers. */
import { msOp } from "../define.ts";
import type { OpDef } from "../op.ts";
import { elementwise, sameAs } from "../shape.ts";
import { convCost, convTransposeCost, inferConv, inferConvTransposeDynamic } from "../rules/conv.ts";
import { perOutput } from "../rules/cost.ts";
import { inferBiasDropout, inferBiasSplitGelu, inferBitmaskDropout } from "../rules/ms-other.ts";
import { likeInputs } from "../rules/ms-attention.ts";
import { inferEmbedLayerNorm, inferSkipLayerNorm } from "../rules/norm.ts";
import { inferPool, poolCost } from "../rules/pool.ts";
import { inferRecurrent, recurrentCost } from "../rules/rnn.ts";
import { convTies } from "../ties/conv.ts";
import { broadcasting, sameShape } from "../ties/elementwise.ts";
import { skipLayerNormTies } from "../ties/norm.ts";

export const msFusedOps: readonly OpDef[] = [
  msOp({
    name: "EmbedLayerNormalization",
    since: {
      1: "input_ids:T1 segment_ids:T1? word_embedding:T position_embedding:T segment_embedding:T? gamma:T beta:T mask:T1? position_ids:T1? -> output:T mask_index:T1? embedding_sum:T? | mask_index_type:int epsilon:float=1e-12 | T1: int32; T: float16 float32",
    },
    infer: inferEmbedLayerNorm,
    cost: perOutput(7),
  }),
  msOp({
    name: "QEmbedLayerNormalization",
    since: {
      1: "input_ids:T1 segment_ids:T1? word_embedding_quant:T2 position_embedding_quant:T2 segment_embedding:T2? gamma_quant:T2 beta_quant:T2 mask:T1? word_embedding_scale:T position_embedding_scale:T segment_embedding_scale:T? gamma_scale:T beta_scale:T word_embedding_zero_point:T2 position_embedding_zero_point:T2 segment_embedding_zero_point:T2? gamma_zero_point:T2 beta_zero_point:T2 -> layernorm_out:T mask_index_out:T1 | epsilon:float=1e-12 | T1: int32; T2: int8 uint8; T: float32",
    },
    infer: inferEmbedLayerNorm,
    cost: perOutput(7),
  }),
  msOp({
    name: "SkipLayerNormalization",
    since: {
      1: "input:T skip:T gamma:T beta:T? bias:T? -> output:T mean:U? inv_std_var:U? input_skip_bias_sum:T? | epsilon:float=1e-12 | T: float16 float32 bfloat16; U: float32",
    },
    ties: skipLayerNormTies,
    infer: inferSkipLayerNorm,
    cost: perOutput(6),
  }),
  msOp({
    name: "SkipSimplifiedLayerNormalization",
    since: {
      1: "input:T skip:T gamma:T bias:T? -> output:T mean:U? inv_std_var:U? input_skip_bias_sum:T? | epsilon:float=1e-12 | T: float16 float32 bfloat16; U: float32",
    },
    ties: skipLayerNormTies,
    infer: inferSkipLayerNorm,
    cost: perOutput(4),
  }),
  msOp({
    name: "SkipGroupNorm",
    since: {
      1: "X:T gamma:M beta:M skip:T bias:T? -> Y:T S:T? | channels_last:int=1 activation:int! groups:int! epsilon:float=1e-05 | T: float16 float32; M: float16 float32",
    },
    infer: likeInputs(0, 0),
    cost: perOutput(6),
  }),
  msOp({
    name: "GroupNorm",
    since: {
      1: "X:T gamma:M beta:M -> Y:T | channels_last:int=1 activation:int! groups:int! epsilon:float=1e-05 | T: float16 float32; M: float16 float32",
    },
    infer: sameAs(0),
    cost: perOutput(5),
  }),
  msOp({
    name: "GatedRMSNorm",
    since: { 1: "X:T scale:T gate:T -> Y:T | epsilon:float=1e-05 | T: float16 float32 bfloat16" },
    infer: sameAs(0),
    cost: perOutput(5),
  }),
  msOp({
    name: "BiasAdd",
    since: { 1: "X:T bias:T skip:T -> Y:T | | T: float16 float32" },
    infer: sameAs(0),
    cost: perOutput(2),
  }),
  msOp({
    name: "BiasDropout",
    since: {
      1: "data:T bias:T residual:T? ratio:T1? training_mode:T2? -> output:T mask:T2? | seed:int | T: floats bfloat16; T1: floats bfloat16; T2: bool",
    },
    infer: inferBiasDropout,
    cost: perOutput(3),
  }),
  msOp({
    name: "BiasGelu",
    since: { 1: "A:T B:T -> C:T | | T: floats bfloat16" },
    ties: broadcasting,
    infer: elementwise,
    cost: perOutput(6),
  }),
  msOp({
    name: "BiasSoftmax",
    since: { 1: "data:T bias:T -> output:T | is_inner_broadcast:int! axis:int=1 | T: floats" },
    infer: sameAs(0),
    cost: perOutput(6),
  }),
  msOp({
    name: "BiasSplitGelu",
    since: { 1: "X:T bias:T -> Y:T | | T: float16 float32" },
    infer: inferBiasSplitGelu,
    cost: perOutput(6),
  }),
  msOp({
    name: "BitmaskBiasDropout",
    since: {
      1: "data:T bias:T residual:T? ratio:T1? training_mode:T2? -> output:T mask:T3? | seed:int | T: floats bfloat16; T1: floats bfloat16; T2: bool; T3: uint32",
    },
    infer: inferBitmaskDropout,
    cost: perOutput(3),
  }),
  msOp({
    name: "BitmaskDropout",
    since: {
      1: "data:T ratio:T1? training_mode:T2? -> output:T mask:T3? | seed:int | T: floats bfloat16; T1: floats bfloat16; T2: bool; T3: uint32",
    },
    infer: inferBitmaskDropout,
    cost: perOutput(),
  }),
  msOp({
    name: "FastGelu",
    since: { 1: "X:T bias:T? -> Y:T | | T: floats bfloat16" },
    ties: broadcasting,
    infer: sameAs(0),
    cost: perOutput(6),
  }),
  msOp({
    name: "Gelu",
    since: { 1: "X:T -> Y:T | | T: floats bfloat16" },
    ties: sameShape,
    infer: sameAs(0),
    cost: perOutput(5),
  }),
  msOp({
    name: "QuickGelu",
    since: { 1: "X:T -> Y:T | alpha:float=1.702 | T: floats bfloat16" },
    ties: sameShape,
    infer: sameAs(0),
    cost: perOutput(3),
  }),
  msOp({
    name: "GatedAdd",
    since: { 1: "X:T Y:T gate:T -> output:T | | T: float16 float32 bfloat16" },
    infer: sameAs(0),
    cost: perOutput(2),
  }),
  msOp({
    name: "FusedConv",
    since: {
      1: "X:T W:T B:T? Z:T? -> Y:T | activation:string group:int=1 activation_params:floats pads:ints strides:ints dilations:ints kernel_shape:ints auto_pad:string=NOTSET | T: floats",
    },
    ties: convTies,
    infer: inferConv(),
    cost: convCost(),
  }),
  msOp({
    name: "NhwcConv",
    since: {
      1: "X:T W:T B:T? -> Y:T | group:int=1 pads:ints auto_pad:string=NOTSET strides:ints dilations:ints kernel_shape:ints | T: floats",
    },
    infer: inferConv({}, true),
    cost: convCost(),
  }),
  msOp({
    name: "NhwcFusedConv",
    since: {
      1: "X:T W:T B:T? Z:T? -> Y:T | activation:string group:int=1 activation_params:floats pads:ints strides:ints dilations:ints kernel_shape:ints auto_pad:string=NOTSET | T: float16 float32",
    },
    infer: inferConv({}, true),
    cost: convCost(),
  }),
  msOp({
    name: "NhwcMaxPool",
    since: {
      1: "x:T -> y:T | pads:ints strides:ints ceil_mode:int=0 dilations:ints kernel_shape:ints! auto_pad:string=NOTSET | T: int8 uint8",
    },
    infer: inferPool(true),
    cost: poolCost,
  }),
  msOp({
    name: "MaxpoolWithMask",
    since: {
      1: "X:T M:int32 -> Y:T | strides:ints storage_order:int=0 pads:ints kernel_shape:ints auto_pad:string=NOTSET | T: float32",
    },
    infer: inferPool(),
    cost: poolCost,
  }),
  msOp({
    name: "ConvTransposeWithDynamicPads",
    since: {
      1: "X:T W:T Pads:int64? B:T? -> Y:T | group:int=1 auto_pad:string=NOTSET strides:ints dilations:ints output_padding:ints kernel_shape:ints | T: floats",
    },
    infer: inferConvTransposeDynamic,
    cost: convTransposeCost,
  }),
  msOp({
    name: "DynamicQuantizeLSTM",
    since: {
      1: "X:T W:T2 R:T2 B:T? sequence_lens:T1? initial_h:T? initial_c:T? P:T? W_scale:T W_zero_point:T2 R_scale:T R_zero_point:T2 -> Y:T? Y_h:T? Y_c:T? | input_forget:int=0 activations:strings clip:float activation_beta:floats activation_alpha:floats hidden_size:int direction:string=forward | T: float32; T2: int8 uint8; T1: int32",
    },
    infer: inferRecurrent(4, "columns"),
    cost: recurrentCost(4),
  }),
  msOp({
    name: "AttnLSTM",
    since: {
      1: "X:T W:T R:T B:T? sequence_lens:T1? initial_h:T? initial_c:T? P:T? QW:T? MW:T? V:T? M:T? memory_seq_lens:T1? AW:T? -> Y:T? Y_h:T? Y_c:T? | direction:string=forward hidden_size:int input_forget:int=0 clip:float activation_beta:floats activation_alpha:floats activations:strings | T: float32 float64; T1: int32",
    },
    infer: inferRecurrent(4),
    cost: recurrentCost(4),
  }),
  msOp({
    name: "MoE",
    since: {
      1: "input:T router_probs:T fc1_experts_weights:T fc1_experts_bias:T? fc2_experts_weights:T fc2_experts_bias:T? fc3_experts_weights:T? fc3_experts_bias:T? -> output:T | use_sparse_mixer:int=0 k:int=1 activation_beta:float=0 activation_alpha:float=1 normalize_routing_weights:int=0 swiglu_limit:float swiglu_fusion:int=0 activation_type:string=relu | T: float16 float32 bfloat16",
    },
    infer: sameAs(0),
  }),
  msOp({
    name: "QMoE",
    since: {
      1: "input:T router_probs:T fc1_experts_weights:T1 fc1_scales:T2? fc1_experts_bias:T? fc2_experts_weights:T1 fc2_scales:T2? fc2_experts_bias:T? fc3_experts_weights:T1? fc3_scales:T2? fc3_experts_bias:T? fc1_zero_points:T1? fc2_zero_points:T1? fc3_zero_points:T1? router_weights:T? fc1_global_scale:T4? fc2_global_scale:T4? fc1_act_scale:T4? fc2_act_scale:T4? fc1_act_block_scale:T2? fc2_act_block_scale:T2? -> output:T | weights_prepacked:int=-1 quant_type:string=int block_size:int activation_beta:float=0 activation_alpha:float=1 swiglu_fusion:int=0 expert_weight_bits:int=4 use_sparse_mixer:int=0 swiglu_limit:float normalize_routing_weights:int=0 k:int=1 activation_type:string=relu | T: float16 float32 bfloat16; T1: float8e4m3fn uint8; T2: float16 float32 bfloat16 float8e8m0 float8e4m3fn; T4: float32",
    },
    infer: sameAs(0),
  }),
  msOp({
    name: "EngramGate",
    since: {
      1: "key:T query:T value:T key_norm_scale:T query_norm_scale:T -> output:T | epsilon:float=1e-05 | T: float16 float32 bfloat16",
    },
    infer: sameAs(2),
  }),
];
