/** ONNX Runtime: operators on blocked NCHWc memory, found in models it has optimized. */
import { opIn } from "../define.ts";
import type { OpDef } from "../op.ts";
import { convCost, inferConv, inferNchwcUpsample, inferReorderInput, inferReorderOutput } from "../rules/conv.ts";
import { noWork, perInput, perOutput } from "../rules/cost.ts";
import { inferGlobalPool, inferPool, poolCost } from "../rules/pool.ts";

const op = opIn("com.microsoft.nchwc");

export const nchwcOps: readonly OpDef[] = [
  op({
    name: "AveragePool",
    since: {
      1: "X:T -> Y:T | count_include_pad:int=0 pads:ints strides:ints ceil_mode:int=0 dilations:ints kernel_shape:ints! auto_pad:string=NOTSET | T: float32",
    },
    infer: inferPool(),
    cost: poolCost,
  }),
  op({
    name: "Conv",
    since: {
      1: "X:T W:T B:T? Sum:T? -> Y:T | activation:string group:int=1 activation_params:floats pads:ints strides:ints dilations:ints kernel_shape:ints auto_pad:string=NOTSET | T: float32",
    },
    infer: inferConv(),
    cost: convCost(),
  }),
  op({
    name: "GlobalAveragePool",
    since: { 1: "X:T -> Y:T | | T: float32" },
    infer: inferGlobalPool,
    cost: perInput(),
  }),
  op({
    name: "GlobalMaxPool",
    since: { 1: "X:T -> Y:T | | T: float32" },
    infer: inferGlobalPool,
    cost: perInput(),
  }),
  op({
    name: "MaxPool",
    since: {
      1: "X:T -> Y:T | storage_order:int=0 pads:ints strides:ints ceil_mode:int=0 dilations:ints kernel_shape:ints! auto_pad:string=NOTSET | T: float32",
    },
    infer: inferPool(),
    cost: poolCost,
  }),
  op({
    name: "ReorderInput",
    since: { 1: "X:T -> Y:T | channels_last:int=0 | T: float32" },
    infer: inferReorderInput,
    cost: noWork,
  }),
  op({
    name: "ReorderOutput",
    since: { 1: "X:T -> Y:T | channels_last:int=0 channels:int=0 | T: float32" },
    infer: inferReorderOutput,
    cost: noWork,
  }),
  op({
    name: "Upsample",
    since: {
      1: "X:T -> Y:T | coordinate_transformation_mode:string=asymmetric mode:string=nearest scales:ints | T: float32",
    },
    infer: inferNchwcUpsample,
    cost: perOutput(),
  }),
];
