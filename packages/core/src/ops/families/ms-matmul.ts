/** ONNX Runtime: matrix products, integer and weight-only. */
import { msOp } from "../define.ts";
import type { OpDef } from "../op.ts";
import { namedDtype } from "../rules/ms-attention.ts";
import { gemmCost, inferByRows, inferFusedMatMul, inferGemm, inferMatMul, inferMatMulFpQ4, inferPackedMatMul, inferPackedProducts, matmulCost } from "../rules/matmul.ts";
import { inferGatherBlockQuantized } from "../rules/ms-quantize.ts";
import { noWork } from "../rules/cost.ts";
import { heldBecause } from "../ties/build.ts";
import { gemmTies, matMulTies } from "../ties/matmul.ts";

export const msMatmulOps: readonly OpDef[] = [
  msOp({
    name: "DynamicQuantizeMatMul",
    since: {
      1: "A:T1 B:T2 b_scale:T1 b_zero_point:T2? bias:T1? -> Y:T1 | | T1: float32; T2: int8 uint8",
    },
    ties: heldBecause("quantized weights are packed: prune before quantizing"),
    infer: inferMatMul(),
    cost: matmulCost,
  }),
  msOp({
    name: "MatMulIntegerToFloat",
    since: {
      1: "A:T1 B:T2 a_scale:T3 b_scale:T3 a_zero_point:T1? b_zero_point:T2? bias:T3? -> Y:T3 | | T1: int8 uint8; T2: int8 uint8; T3: float16 float32",
    },
    ties: heldBecause("quantized weights are packed: prune before quantizing"),
    infer: inferMatMul(),
    cost: matmulCost,
  }),
  msOp({
    name: "MatMulInteger16",
    since: { 1: "A:T1 B:T2 -> Y:T3 | | T1: int16 uint16; T2: int16 uint16; T3: int32 uint32" },
    infer: inferMatMul({ dtype: "int32" }),
    cost: matmulCost,
  }),
  msOp({
    name: "MatMulNBits",
    since: {
      1: "A:T1 B:T2 scales:T1 zero_points:T3? g_idx:T4? bias:T1? -> Y:T1 | weight_prepacked:int=0 accuracy_level:int=0 block_size:int! bits:int=4 N:int! K:int! | T1: float16 float32 bfloat16; T2: uint8; T3: float16 float32 bfloat16 uint8; T4: int32",
    },
    ties: heldBecause("quantized weights are packed: prune before quantizing"),
    infer: inferPackedMatMul,
    cost: matmulCost,
  }),
  msOp({
    name: "MatMulBnb4",
    since: {
      1: "A:T1 B:T2 absmax:T1 -> Y:T1 | transB:int=1 training_mode:int=0 block_size:int! quant_type:int! N:int! K:int! | T1: float16 float32 bfloat16; T2: uint8",
    },
    ties: heldBecause("quantized weights are packed: prune before quantizing"),
    infer: inferPackedMatMul,
    cost: matmulCost,
  }),
  msOp({
    name: "MatMulFpQ4",
    since: { 1: "A:T1 B:T2 B_shape:T3 -> Y:T1 | blk_quant_type:int=1 | T1: float32; T2: uint8; T3: int64" },
    infer: inferMatMulFpQ4,
    cost: matmulCost,
  }),
  msOp({
    name: "MatMulBlockQuantizedFp4Weight",
    since: {
      1: "A:T B:T1 weight_scale:T2 weight_scale_2:T3 input_scale:T3? bias:T? -> Y:T | block_size:int=16 | T: float16 bfloat16; T1: uint8; T2: uint8; T3: float32",
    },
    infer: inferByRows(1),
    cost: matmulCost,
  }),
  msOp({
    name: "MatMulBlockQuantizedFp8Weight",
    since: {
      1: "A:T B:T1 b_scale:T2 a_scale:T2? bias:T? -> Y:T | block_size:int=128 | T: float16 bfloat16; T1: float8e4m3fn; T2: float32",
    },
    infer: inferByRows(1),
    cost: matmulCost,
  }),
  msOp({
    name: "MatMulNBitsMlp",
    since: {
      1: "A:T1 skip:T1? norm_scale:T1? gate_B:T2 gate_scales:T1 gate_bias:T1? up_B:T2 up_scales:T1 up_bias:T1? -> Y:T1 input_skip_bias_sum:T1? | activation:string! accuracy_level:int=0 block_size:int! bits:int=4 N:int! epsilon:float=1e-05 K:int! | T1: float16 float32 bfloat16; T2: uint8",
    },
    infer: inferPackedProducts(["N"]),
  }),
  msOp({
    name: "MatMulNBitsQkv",
    since: {
      1: "A:T1 skip:T1? norm_scale:T1 q_B:T2 q_scales:T1 q_bias:T1? k_B:T2 k_scales:T1 k_bias:T1? v_B:T2 v_scales:T1 v_bias:T1? -> Q:T1 K:T1 V:T1 input_skip_bias_sum:T1? | accuracy_level:int=0 block_size:int! bits:int=4 Nkv:int! Nq:int! epsilon:float=1e-06 K:int! | T1: float16 float32 bfloat16; T2: uint8",
    },
    infer: inferPackedProducts(["Nq", "Nkv", "Nkv"]),
  }),
  msOp({
    name: "GatherBlockQuantized",
    since: {
      1: "data:T1 indices:Tind scales:T2 zero_points:T1? -> output:T2 | bits:int=4 block_size:int=128 quantize_axis:int=1 gather_axis:int=0 | T1: int4s uint8; Tind: int32 int64; T2: float16 float32 bfloat16",
    },
    ties: heldBecause("quantized weights are packed: prune before quantizing"),
    infer: inferGatherBlockQuantized,
    cost: noWork,
  }),
  msOp({
    name: "FusedMatMul",
    since: {
      1: "A:T B:T -> Y:T | transBatchB:int=0 transBatchA:int=0 transB:int=0 transA:int=0 alpha:float=1 | T: floats bfloat16",
    },
    ties: matMulTies,
    infer: inferFusedMatMul,
    cost: matmulCost,
  }),
  msOp({
    name: "FusedMatMulActivation",
    since: {
      1: "A:T B:T -> Y:T | activation_gamma:float activation_beta:float activation_axis:int activation_alpha:float activation:string! transBatchB:int=0 transBatchA:int=0 transB:int=0 transA:int=0 alpha:float=1 | T: floats bfloat16",
    },
    infer: inferFusedMatMul,
    cost: matmulCost,
  }),
  msOp({
    name: "TransposeMatMul",
    since: { 1: "A:T B:T -> Y:T | transB:int=0 transA:int=0 alpha:float=1 | T: floats bfloat16" },
    ties: matMulTies,
    infer: inferFusedMatMul,
    cost: matmulCost,
  }),
  msOp({
    name: "FusedGemm",
    since: {
      1: "A:T B:T C:T? -> Y:T | activation_beta:float activation_alpha:float activation:string activation_gamma:float beta:float=1 transB:int=0 alpha:float=1 transA:int=0 | T: floats int32 int64 uint32 uint64",
    },
    ties: gemmTies,
    infer: inferGemm(),
    cost: gemmCost(2),
  }),
  msOp({
    name: "GemmFastGelu",
    since: { 1: "X:T W:T bias:T? -> Y:T | | T: float16 float32 bfloat16" },
    infer: inferMatMul(),
    cost: gemmCost(2),
  }),
  msOp({
    name: "GemmFloat8",
    since: {
      1: "A:TA B:TB C:TC? scaleA:TS? scaleB:TS? scaleY:TS? -> Y:TR | activation:string dtype:int=1 beta:float=0 transB:int=0 alpha:float=1 transA:int=0 | TA: float16 float32 bfloat16 float8e5m2 float8e4m3fn; TB: float16 float32 bfloat16 float8e5m2 float8e4m3fn; TC: float16 float32 bfloat16; TS: float32; TR: float16 float32 bfloat16 float8e5m2 float8e4m3fn",
    },
    infer: inferGemm({}, namedDtype),
    cost: gemmCost(2),
  }),
  msOp({
    name: "SparseToDenseMatMul",
    since: {
      1: "A:T B:T1 -> Y:T1 | transB:int=0 transA:int=0 alpha:float=1 | T: sparse(float32) sparse(float64) sparse(int32) sparse(int64) sparse(uint32) sparse(uint64); T1: float32 float64 int32 int64 uint32 uint64",
    },
    infer: inferFusedMatMul,
  }),
];
