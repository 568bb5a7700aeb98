/** Convolutions. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { convCost, convTransposeCost, deformConvCost, inferConv, inferConvTranspose } from "../rules/conv.ts";
import { heldBecause } from "../ties/build.ts";
import { convTies, convTransposeTies } from "../ties/conv.ts";

export const convOps: readonly OpDef[] = [
  op({
    name: "Conv",
    since: {
      1: "X:T W:T B:T? -> Y:T | group:int=1 pads:ints auto_pad:string=NOTSET strides:ints dilations:ints kernel_shape:ints | T: floats",
      11: "",
      22: "| | T+: bfloat16",
    },
    ties: convTies,
    infer: inferConv(),
    cost: convCost(),
  }),
  op({
    name: "ConvTranspose",
    since: {
      1: "X:T W:T B:T? -> Y:T | group:int=1 auto_pad:string=NOTSET strides:ints pads:ints output_padding:ints dilations:ints output_shape:ints kernel_shape:ints | T: floats",
      11: "",
      22: "| | T+: bfloat16",
    },
    ties: convTransposeTies,
    infer: inferConvTranspose,
    cost: convTransposeCost,
  }),
  op({
    name: "DeformConv",
    since: {
      19: "X:T W:T offset:T B:T? mask:T? -> Y:T | strides:ints pads:ints offset_group:int=1 kernel_shape:ints group:int=1 dilations:ints | T: floats",
      22: "| | T+: bfloat16",
    },
    ties: convTies,
    infer: inferConv(),
    cost: deformConvCost,
  }),
  op({
    name: "ConvInteger",
    since: {
      10: "x:T1 w:T2 x_zero_point:T1? w_zero_point:T2? -> y:T3 | group:int=1 pads:ints strides:ints dilations:ints kernel_shape:ints auto_pad:string=NOTSET | T1: int8 uint8; T2: int8 uint8; T3: int32",
    },
    ties: heldBecause("quantized weights are packed: prune before quantizing"),
    infer: inferConv(),
    cost: convCost(),
  }),
  op({
    name: "QLinearConv",
    since: {
      10: "x:T1 x_scale:float32 x_zero_point:T1 w:T2 w_scale:float32 w_zero_point:T2 y_scale:float32 y_zero_point:T3 B:T4? -> y:T3 | group:int=1 pads:ints strides:ints dilations:ints kernel_shape:ints auto_pad:string=NOTSET | T1: int8 uint8; T2: int8 uint8; T3: int8 uint8; T4: int32",
    },
    ties: heldBecause("quantized weights are packed: prune before quantizing"),
    infer: inferConv({ w: 3 }),
    cost: convCost({ w: 3 }),
  }),
];
