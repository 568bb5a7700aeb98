/** Activation functions. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { clip, unary } from "../evaluate/elementwise.ts";
import { noWork, perOutput } from "../rules/cost.ts";
import { inferDropout } from "../rules/elementwise.ts";
import { broadcasting, sameShape } from "../ties/elementwise.ts";
import { softmaxTies } from "../ties/norm.ts";

export const activationOps: readonly OpDef[] = [
  op({
    name: "Relu",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
      14: "| | T+: ints",
    },
    infer: sameAs(0),
    evaluate: unary("relu"),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "LeakyRelu",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints alpha:float=0.01 | T: floats",
      6: "| -consumed_inputs",
      16: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
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
    infer: sameAs(0),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Elu",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints alpha:float=1 | T: floats",
      6: "| -consumed_inputs",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Selu",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints gamma:float=1.0507 alpha:float=1.6732 | T: floats",
      6: "| -consumed_inputs +gamma:float=1.050701 +alpha:float=1.6732632",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Celu",
    since: { 12: "X:T -> Y:T | alpha:float=1 | T: float32" },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Sigmoid",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      13: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "HardSigmoid",
    since: {
      1: "X:T -> Y:T | consumed_inputs:ints beta:float=0.5 alpha:float=0.2 | T: floats",
      6: "| -consumed_inputs",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "HardSwish",
    since: {
      14: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Swish",
    since: { 24: "X:T -> Y:T | alpha:float=1 | T: floats bfloat16" },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Mish",
    since: {
      18: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Gelu",
    since: { 20: "X:T -> Y:T | approximate:string=none | T: floats bfloat16" },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Softplus",
    since: {
      1: "X:T -> Y:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Softsign",
    since: {
      1: "input:T -> output:T | | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "Shrink",
    since: { 9: "input:T -> output:T | bias:float=0 lambd:float=0.5 | T: reals" },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "ThresholdedRelu",
    since: {
      10: "X:T -> Y:T | alpha:float=1 | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(),
    ties: sameShape,
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
    infer: sameAs(0),
    evaluate: clip,
    cost: perOutput(2),
    ties: sameShape,
  }),
  op({
    name: "Softmax",
    since: {
      1: "input:T -> output:T | axis:int=1 | T: floats",
      11: "",
      13: "| +axis:int=-1 | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(5),
    ties: softmaxTies,
  }),
  op({
    name: "LogSoftmax",
    since: {
      1: "input:T -> output:T | axis:int=1 | T: floats",
      11: "",
      13: "| +axis:int=-1 | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(5),
    ties: softmaxTies,
  }),
  op({
    name: "Hardmax",
    since: {
      1: "input:T -> output:T | axis:int=1 | T: floats",
      11: "",
      13: "| +axis:int=-1 | T+: bfloat16",
    },
    infer: sameAs(0),
    cost: perOutput(2),
    ties: softmaxTies,
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
    infer: inferDropout,
    cost: noWork,
    ties: sameShape,
  }),
];
