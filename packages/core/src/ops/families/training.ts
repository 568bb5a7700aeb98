/** Optimizers and gradients of ONNX's training preview. */
import { opIn } from "../define.ts";
import type { OpDef } from "../op.ts";
import { inferGradient, inferOptimizer } from "../rules/training.ts";

const op = opIn("ai.onnx.preview.training");

export const trainingOps: readonly OpDef[] = [
  op({
    name: "Adagrad",
    since: {
      1: "R:T1 T:T2 inputs:T3+~ -> outputs:T3+~ | norm_coefficient:float=0 decay_factor:float=0 epsilon:float=1e-06 | T1: float32 float64; T2: int64; T3: float32 float64",
    },
    infer: inferOptimizer(3),
  }),
  op({
    name: "Adam",
    since: {
      1: "R:T1 T:T2 inputs:T3+~ -> outputs:T3+~ | epsilon:float=1e-06 norm_coefficient_post:float=0 norm_coefficient:float=0 beta:float=0.999 alpha:float=0.9 | T1: float32 float64; T2: int64; T3: float32 float64",
    },
    infer: inferOptimizer(4),
  }),
  op({
    name: "Gradient",
    since: { 1: "Inputs:T1+~ -> Outputs:T2+~ | y:string! zs:strings xs:strings! | T1: any; T2: floats" },
    infer: inferGradient,
  }),
  op({
    name: "Momentum",
    since: {
      1: "R:T1 T:T2 inputs:T3+~ -> outputs:T3+~ | norm_coefficient:float! beta:float! mode:string! alpha:float! | T1: float32 float64; T2: int64; T3: float32 float64",
    },
    infer: inferOptimizer(3),
  }),
];
