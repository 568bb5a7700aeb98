/** Matrix products. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { einsumCost, inferEinsum } from "../rules/einsum.ts";
import { detCost, gemmCost, inferDet, inferGemm, inferMatMul, matmulCost } from "../rules/matmul.ts";
import { heldBecause } from "../ties/build.ts";
import { einsumTies, gemmTies, matMulTies } from "../ties/matmul.ts";

export const matmulOps: readonly OpDef[] = [
  op({
    name: "MatMul",
    since: {
      1: "A:T B:T -> Y:T | | T: floats",
      9: "| | T+: int32 int64 uint32 uint64",
      13: "| | T+: bfloat16",
    },
    ties: matMulTies,
    infer: inferMatMul(),
    cost: matmulCost,
  }),
  op({
    name: "Gemm",
    since: {
      1: "A:T B:T C:T -> Y:T | beta:float=1 broadcast:int=0 transB:int=0 alpha:float=1 transA:int=0 | T: floats",
      6: "",
      7: "| -broadcast",
      9: "| | T+: int32 int64 uint32 uint64",
      11: "A:T B:T C:T? -> Y:T",
      13: "| | T+: bfloat16",
    },
    ties: gemmTies,
    infer: inferGemm(),
    cost: gemmCost(2),
  }),
  op({
    name: "Einsum",
    since: { 12: "Inputs:T+ -> Output:T | equation:string! | T: reals" },
    ties: einsumTies,
    infer: inferEinsum,
    cost: einsumCost,
  }),
  op({
    name: "MatMulInteger",
    since: {
      10: "A:T1 B:T2 a_zero_point:T1? b_zero_point:T2? -> Y:T3 | | T1: int8 uint8; T2: int8 uint8; T3: int32",
    },
    ties: heldBecause("quantized weights are packed: prune before quantizing"),
    infer: inferMatMul({ dtype: "int32" }),
    cost: matmulCost,
  }),
  op({
    name: "QLinearMatMul",
    since: {
      10: "a:T1 a_scale:float32 a_zero_point:T1 b:T2 b_scale:float32 b_zero_point:T2 y_scale:float32 y_zero_point:T3 -> y:T3 | | T1: int8 uint8; T2: int8 uint8; T3: int8 uint8",
      21: "a:T1 a_scale:TS a_zero_point:T1 b:T2 b_scale:TS b_zero_point:T2 y_scale:TS y_zero_point:T3 -> y:T3 | | T1+: float8s; TS: float16 float32 bfloat16; T2+: float8s; T3+: float8s",
    },
    ties: heldBecause("quantized weights are packed: prune before quantizing"),
    infer: inferMatMul({ b: 3 }),
    cost: matmulCost,
  }),
  op({
    name: "Det",
    since: {
      11: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: inferDet,
    cost: detCost,
  }),
];
