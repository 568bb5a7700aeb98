/** ONNX Runtime: int8 operators with explicit memory order (CUDA). */
import { msOp } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { inferMatMul, matmulCost } from "../rules/matmul.ts";
import { shapeAs } from "../rules/elementwise.ts";

export const msOrderedOps: readonly OpDef[] = [
  msOp({
    name: "DequantizeWithOrder",
    since: {
      1: "input:Q scale_input:S -> output:F | to:int! order_output:int! order_input:int! | Q: int8; S: float32; F: float16 float32",
    },
  }),
  msOp({
    name: "QuantizeWithOrder",
    since: {
      1: "input:F scale_input:S -> output:Q | order_output:int! order_input:int! | F: float16 float32; S: float32; Q: int8",
    },
    infer: shapeAs("int8"),
  }),
  msOp({
    name: "QOrderedAttention",
    since: {
      1: "input:Q scale_input:S scale_Q_gemm:S scale_K_gemm:S scale_V_gemm:S Q_weight:Q K_weight:Q V_weight:Q scale_Q_weight:S scale_K_weight:S scale_V_weight:S Q_bias:S K_bias:S V_bias:S scale_QKT_gemm:S? scale_QKT_softmax:S? scale_values_gemm:S mask_index:G? past:Q? attention_bias:S? -> output:Q | order_output:int! order_weight:int! order_input:int! qkv_hidden_sizes:ints unidirectional:int=0 num_heads:int! | Q: int8; S: float32; G: int32",
    },
    infer: sameAs(0),
  }),
  msOp({
    name: "QOrderedGelu",
    since: { 1: "X:Q scale_X:S scale_Y:S -> Y:Q | order_Y:int order_X:int | Q: int8; S: float32" },
    infer: sameAs(0),
  }),
  msOp({
    name: "QOrderedLayerNormalization",
    since: {
      1: "X:Q scale_X:S scale:F B:F? scale_Y:S -> Y:Q | order_Y:int=1 order_X:int=1 epsilon:float=1e-05 axis:int=-1 | Q: int8; S: float32; F: float16 float32",
    },
    infer: sameAs(0),
  }),
  msOp({
    name: "QOrderedLongformerAttention",
    since: {
      1: "input:Q scale_input:S weight:Q scale_weight:S bias:S scale_bias:S scale_qkv_gemm:S mask:F global_weight:Q scale_global_weight:S global_bias:S scale_global_gemm:S global:G scale_output:S -> output:Q | order_output:int! order_global_weight:int! order_weight:int! order_input:int! window:int! num_heads:int! | Q: int8; S: float32; F: float16; G: int32",
    },
    infer: sameAs(0),
  }),
  msOp({
    name: "QOrderedMatMul",
    since: {
      1: "A:Q scale_A:S B:Q scale_B:S scale_Y:S bias:S? C:Q? scale_C:S? -> Y:Q | order_Y:int! order_B:int! order_A:int! | Q: int8; S: float32",
    },
    infer: inferMatMul({ b: 2, dtype: "int8" }),
    cost: matmulCost,
  }),
];
