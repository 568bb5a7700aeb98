/** ONNX Runtime: quantized operators. */
import { msOp } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { convCost, inferConv } from "../rules/conv.ts";
import { perInput, perOutput } from "../rules/cost.ts";
import { gemmCost, inferGemm } from "../rules/matmul.ts";
import { broadcastOf, inferQLinearConcat, inferQLinearReduce, inferReduceSumInteger } from "../rules/ms-quantize.ts";
import { inferGlobalPool, inferPool, poolCost } from "../rules/pool.ts";
import { inferDequantize, inferQuantize } from "../rules/quantize.ts";
import { inferDequantizeBfp } from "../rules/ms-other.ts";
import { quantizeTies } from "../ties/quantize.ts";

export const msQuantizeOps: readonly OpDef[] = [
  msOp({
    name: "QuantizeLinear",
    since: {
      1: "x:T1 y_scale:T1 y_zero_point:T2? -> y:T2 | axis:int | T1: float16 float32; T2: int4s int8 int16 uint8 uint16",
    },
    infer: inferQuantize,
    cost: perOutput(3),
    ties: quantizeTies,
  }),
  msOp({
    name: "DequantizeLinear",
    since: {
      1: "x:T1 x_scale:T2 x_zero_point:T1? -> y:T2 | axis:int | T1: int4s int8 int16 int32 uint8 uint16; T2: float16 float32",
    },
    infer: inferDequantize,
    cost: perOutput(2),
    ties: quantizeTies,
  }),
  msOp({
    name: "QLinearAdd",
    since: {
      1: "A:T A_scale:float32 A_zero_point:T? B:T B_scale:float32 B_zero_point:T? C_scale:float32 C_zero_point:T? -> C:T | | T: int8 uint8",
    },
    infer: broadcastOf(0, 3),
    cost: perOutput(5),
  }),
  msOp({
    name: "QLinearMul",
    since: {
      1: "A:T A_scale:float32 A_zero_point:T? B:T B_scale:float32 B_zero_point:T? C_scale:float32 C_zero_point:T? -> C:T | | T: int8 uint8",
    },
    infer: broadcastOf(0, 3),
    cost: perOutput(4),
  }),
  msOp({
    name: "QLinearSigmoid",
    since: {
      1: "X:T X_scale:float32 X_zero_point:T? Y_scale:float32 Y_zero_point:T? -> Y:T | | T: int8 uint8",
    },
    infer: sameAs(0),
    cost: perOutput(),
  }),
  msOp({
    name: "QLinearLeakyRelu",
    since: {
      1: "X:T X_scale:float32 X_zero_point:T? Y_scale:float32 Y_zero_point:T? -> Y:T | alpha:float=0.01 | T: int8 uint8",
    },
    infer: sameAs(0),
    cost: perOutput(),
  }),
  msOp({
    name: "QLinearSoftmax",
    since: {
      1: "X:T X_scale:float32 x_zero_point:T? y_scale:float32 y_zero_point:T -> Y:T | opset:int! axis:int=-1 | T: int8 uint8",
    },
    infer: sameAs(0),
    cost: perOutput(5),
  }),
  msOp({
    name: "QLinearConcat",
    since: {
      1: "Y_scale:TF Y_zero_point:T8 inputs:TV*~ -> Y:T8 | axis:int! | TF: float32; T8: int8 uint8; TV: float32 int8 uint8",
    },
    infer: inferQLinearConcat,
    cost: perOutput(),
  }),
  msOp({
    name: "QLinearAveragePool",
    since: {
      1: "X:T x_scale:float32 x_zero_point:T? y_scale:float32 y_zero_point:T? -> Y:T | ceil_mode:int=0 pads:ints auto_pad:string=NOTSET strides:ints kernel_shape:ints! channels_last:int=0 count_include_pad:int=0 | T: int8 uint8",
    },
    infer: inferPool(),
    cost: poolCost,
  }),
  msOp({
    name: "QLinearGlobalAveragePool",
    since: {
      1: "X:T x_scale:float32 x_zero_point:T y_scale:float32 y_zero_point:T -> Y:T | channels_last:int=0 | T: int8 uint8",
    },
    infer: inferGlobalPool,
    cost: perInput(),
  }),
  msOp({
    name: "QLinearReduceMean",
    since: {
      1: "data:T data_scale:float32 data_zero_point:T? reduced_scale:float32 reduced_zero_point:T? -> reduced:T | keepdims:int! axes:ints! | T: int8 uint8",
    },
    infer: inferQLinearReduce,
    cost: perInput(),
  }),
  msOp({
    name: "QLinearWhere",
    since: {
      1: "condition:B X:T x_scale:TF x_zero_point:T Y:T y_scale:TF y_zero_point:T z_scale:TF z_zero_point:T -> Z:T | | B: bool; T: int8 uint8; TF: float32",
    },
    infer: broadcastOf(0, 1, 4),
    cost: perOutput(),
  }),
  msOp({
    name: "QLinearConv",
    since: {
      1: "x:T1 x_scale:float32 x_zero_point:T1 w:T2 w_scale:float32 w_zero_point:T2 y_scale:float32 y_zero_point:T3 B:T4? -> y:T3 | channels_last:int=0 group:int=1 pads:ints strides:ints dilations:ints kernel_shape:ints auto_pad:string=NOTSET | T1: int8 uint8; T2: int8 uint8; T3: int8 uint8; T4: int32",
    },
    infer: inferConv({ w: 3 }),
    cost: convCost({ w: 3 }),
  }),
  msOp({
    name: "QGemm",
    since: {
      1: "A:TA a_scale:T a_zero_point:TA B:TB b_scale:T b_zero_point:TB C:TC? y_scale:T? y_zero_point:TYZ? -> Y:TY | transB:int=0 alpha:float=1 transA:int=0 | TA: int8 uint8; T: float32; TB: int8 uint8; TC: int32; TYZ: int8 uint8; TY: float32 int8 uint8",
    },
    infer: inferGemm({ b: 3 }, (c) => c.dtype(8) ?? (c.has(8) ? undefined : "float32")),
    cost: gemmCost(6),
  }),
  msOp({
    name: "MulInteger",
    since: { 1: "A:T A_zero_point:T? B:T B_zero_point:T? -> C:T1 | | T: int8 uint8; T1: int32" },
    infer: broadcastOf(0, 2),
    cost: perOutput(3),
  }),
  msOp({
    name: "ReduceSumInteger",
    since: { 1: "data:T1 -> reduced:T2 | keepdims:int! axes:ints! | T1: int8 uint8; T2: int32 uint32" },
    infer: inferReduceSumInteger,
    cost: perInput(),
  }),
  msOp({
    name: "DequantizeBFP",
    since: {
      1: "x:T1 shape:T2 strides:T2 -> y:T3 | dtype:int=1 block_dim:int=-1 bfp_type:int! | T1: uint8; T2: int64; T3: float16 float32 bfloat16",
    },
    infer: inferDequantizeBfp,
  }),
  msOp({
    name: "QuantizeBFP",
    since: {
      1: "x:T1 -> y:T2 shape:T3 strides:T3 | block_dim:int=-1 bfp_type:int! | T1: float16 float32 bfloat16; T2: uint8; T3: int64",
    },
  }),
];
