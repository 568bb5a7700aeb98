/** Normalization. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { perOutput } from "../rules/cost.ts";
import { inferBatchNorm, inferLayerNorm, inferRmsNorm } from "../rules/norm.ts";
import { batchNormTies, groupNormTies, instanceNormTies, layerNormTies, lpNormTies, lrnTies, meanVarianceTies } from "../ties/norm.ts";

export const normOps: readonly OpDef[] = [
  op({
    name: "BatchNormalization",
    since: {
      1: "X:T scale:T B:T mean:T var:T -> Y:T mean:T? var:T? saved_mean:T? saved_var:T? | consumed_inputs:ints! momentum:float=0.9 epsilon:float=1e-05 is_test:int=0 spatial:int=1 | T: floats",
      6: "| -consumed_inputs",
      7: "| -is_test",
      9: "| -spatial",
      14: "X:T scale:T B:T input_mean:U input_var:U -> Y:T running_mean:U? running_var:U? | +training_mode:int=0 | T+: bfloat16; U: floats bfloat16",
      15: "X:T scale:T1 B:T1 input_mean:T2 input_var:T2 -> Y:T running_mean:T2? running_var:T2? | | T1: floats bfloat16; T2: floats bfloat16",
    },
    ties: batchNormTies,
    infer: inferBatchNorm,
    cost: perOutput(2),
  }),
  op({
    name: "InstanceNormalization",
    since: {
      1: "input:T scale:T B:T -> output:T | epsilon:float=1e-05 consumed_inputs:ints | T: floats",
      6: "| -consumed_inputs",
      22: "| | T+: bfloat16",
    },
    ties: instanceNormTies,
    infer: sameAs(0),
    cost: perOutput(5),
  }),
  op({
    name: "LayerNormalization",
    since: {
      17: "X:T Scale:T B:T? -> Y:T Mean:U? InvStdDev:U? | stash_type:int=1 epsilon:float=1e-05 axis:int=-1 | T: floats bfloat16; U: float32 bfloat16",
    },
    ties: layerNormTies,
    infer: inferLayerNorm,
    cost: perOutput(5),
  }),
  op({
    name: "GroupNormalization",
    since: {
      18: "deprecated X:T scale:T bias:T -> Y:T | num_groups:int! epsilon:float=1e-05 | T: floats bfloat16",
      21: "| +stash_type:int=1",
    },
    ties: groupNormTies,
    infer: sameAs(0),
    cost: perOutput(5),
  }),
  op({
    name: "RMSNormalization",
    since: {
      23: "X:T scale:V -> Y:V | stash_type:int=1 epsilon:float=1e-05 axis:int=-1 | T: floats bfloat16; V: floats bfloat16",
    },
    ties: layerNormTies,
    infer: inferRmsNorm,
    cost: perOutput(3),
  }),
  op({
    name: "LRN",
    since: {
      1: "X:T -> Y:T | bias:float=1 beta:float=0.75 alpha:float=0.0001 size:int! | T: floats",
      13: "| | T+: bfloat16",
    },
    ties: lrnTies,
    infer: sameAs(0),
    cost: perOutput(6),
  }),
  op({
    name: "LpNormalization",
    since: {
      1: "input:T -> output:T | p:int=2 axis:int=-1 | T: floats",
      22: "| | T+: bfloat16",
    },
    ties: lpNormTies,
    infer: sameAs(0),
    cost: perOutput(3),
  }),
  op({
    name: "MeanVarianceNormalization",
    since: {
      9: "X:T -> Y:T | axes:ints=0,2,3 | T: floats",
      13: "| | T+: bfloat16",
    },
    ties: meanVarianceTies,
    infer: sameAs(0),
    cost: perOutput(4),
  }),
];
