/** Activation functions. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";

export const activationOps: readonly OpDef[] = [
  op({
    name: "Relu",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
      14: "| | T+: ints",
    },
  }),
  op({
    name: "LeakyRelu",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints alpha:float=0.01 | T: floats",
      6: "| -consumed_inputs",
      16: "| | T+: bfloat16",
    },
  }),
  op({
    name: "PRelu",
    since: {
      1: "X:T slope:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      7: "",
      9: "| | T+: int32 int64 uint32 uint64",
      16: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Elu",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints alpha:float=1 | T: floats",
      6: "| -consumed_inputs",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Selu",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints gamma:float=1.0507 alpha:float=1.6732 | T: floats",
      6: "| -consumed_inputs +gamma:float=1.050701 +alpha:float=1.6732632",
      22: "| | T+: bfloat16",
    },
  }),
  op({ name: "Celu", since: { 12: "X:T -> Y:T | alpha:float=1 | T: float32" } }),
  op({
    name: "Sigmoid",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "HardSigmoid",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints beta:float=0.5 alpha:float=0.2 | T: floats",
      6: "| -consumed_inputs",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "HardSwish",
    since: {
      14: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({ name: "Swish", since: { 24: "X:T -> Y:T | alpha:float=1 | T: floats bfloat16" } }),
  op({
    name: "Mish",
    since: {
      18: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({ name: "Gelu", since: { 20: "X:T -> Y:T | approximate:string=none | T: floats bfloat16" } }),
  op({
    name: "Softplus",
    since: {
      1: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Softsign",
    since: {
      1: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({ name: "Shrink", since: { 9: "input:T -> output:T | bias:float=0 lambd:float=0.5 | T: reals" } }),
  op({
    name: "ThresholdedRelu",
    since: {
      10: "X:T -> Y:T | alpha:float=1 | T: floats",
      22: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Clip",
    since: {
      1: "input:T -> output:T | consumed_inputs:ints max:float min:float | T: floats",
      6: "| -consumed_inputs +max:float=340282349999999991754788743781432688640 +min:float=-340282349999999991754788743781432688640",
      11: "input:T min:T? max:T? -> output:T | -max -min",
      12: "| | T+: ints uints",
      13: "| | T+: bfloat16",
    },
  }),
  op({
    name: "Softmax",
    since: {
      1: "input:T -> output:T | axis:int=1 | T: floats",
      11: "",
      13: "| +axis:int=-1 | T+: bfloat16",
    },
  }),
  op({
    name: "LogSoftmax",
    since: {
      1: "input:T -> output:T | axis:int=1 | T: floats",
      11: "",
      13: "| +axis:int=-1 | T+: bfloat16",
    },
  }),
  op({
    name: "Hardmax",
    since: {
      1: "input:T -> output:T | axis:int=1 | T: floats",
      11: "",
      13: "| +axis:int=-1 | T+: bfloat16",
    },
  }),
  op({
    name: "Dropout",
    since: {
      1: "data:T -> output:T mask:T? | is_test:int=0 consumed_inputs:ints ratio:float=0.5 | T: floats",
      6: "| -consumed_inputs",
      7: "| -is_test",
      10: "data:T -> output:T mask:T1? | | T1: bool",
      12: "data:T ratio:T1? training_mode:T2? -> output:T mask:T2? | -ratio +seed:int | T1: floats; T2: bool",
      13: "| | T+: bfloat16",
      22: "| | T+: float8s; T1+: float8s bfloat16",
    },
  }),
];
