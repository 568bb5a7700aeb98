/** Quantization to and from integers and small floats. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { perOutput } from "../rules/cost.ts";
import { inferDequantize, inferDynamicQuantize, inferQuantize } from "../rules/quantize.ts";
import { dequantizeLinear, quantizeLinear } from "../evaluate/quantize.ts";
import { dynamicQuantizeTies } from "../ties/norm.ts";
import { quantizeTies } from "../ties/quantize.ts";

export const quantizeOps: readonly OpDef[] = [
  op({
    name: "QuantizeLinear",
    since: {
      10: "x:T1 y_scale:float32 y_zero_point:T2? -> y:T2 | | T1: float32 int32; T2: int8 uint8",
      13: "| +axis:int=1",
      19: "x:T1 y_scale:T1 y_zero_point:T2? -> y:T2 | +saturate:int=1 | T1+: float16 bfloat16; T2+: float8s",
      21: "| +output_dtype:int=0 +block_size:int=0 | T2+: int4s int16 uint16",
      23: "x:T1 y_scale:T2 y_zero_point:T3? -> y:T3 | +precision:int=0 | T2: float16 float32 bfloat16 int32; T3: float8s int4s float4e2m1 int8 int16 uint8 uint16",
      24: "| | T2+: float8e8m0",
      25: "| | T3+: int2s",
    },
    evaluate: quantizeLinear,
    ties: quantizeTies,
    infer: inferQuantize,
    cost: perOutput(3),
  }),
  op({
    name: "DequantizeLinear",
    since: {
      10: "x:T x_scale:float32 x_zero_point:T? -> y:float32 | | T: int8 int32 uint8",
      13: "| +axis:int=1",
      19: "x:T1 x_scale:T2 x_zero_point:T1? -> y:T2 | | T1: float8s int8 int32 uint8; T2: float16 float32 bfloat16",
      21: "| +block_size:int=0 | T1+: int4s int16 uint16",
      23: "x:T1 x_scale:T2 x_zero_point:T1? -> y:T3 | +output_dtype:int=0 | T1+: float4e2m1; T3: float16 float32 bfloat16",
      24: "| | T2+: float8e8m0",
      25: "| | T1+: int2s",
    },
    evaluate: dequantizeLinear,
    ties: quantizeTies,
    infer: inferDequantize,
    cost: perOutput(2),
  }),
  op({
    name: "DynamicQuantizeLinear",
    since: { 11: "x:T1 -> y:T2 y_scale:float32 y_zero_point:T2 | | T1: float32; T2: uint8" },
    ties: dynamicQuantizeTies,
    infer: inferDynamicQuantize,
    cost: perOutput(5),
  }),
];
