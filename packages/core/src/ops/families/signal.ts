/** Signal processing. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { fourierCost, perOutput, stftCost } from "../rules/cost.ts";
import { inferDFT, inferMelWeightMatrix, inferSTFT, inferWindow } from "../rules/signal.ts";

export const signalOps: readonly OpDef[] = [
  op({
    name: "BlackmanWindow",
    since: {
      17: "size:T1 -> output:T2 | periodic:int=1 output_datatype:int=1 | T1: int32 int64; T2: reals bfloat16",
    },
    infer: inferWindow,
    cost: perOutput(2),
  }),
  op({
    name: "HammingWindow",
    since: {
      17: "size:T1 -> output:T2 | periodic:int=1 output_datatype:int=1 | T1: int32 int64; T2: reals bfloat16",
    },
    infer: inferWindow,
    cost: perOutput(2),
  }),
  op({
    name: "HannWindow",
    since: {
      17: "size:T1 -> output:T2 | periodic:int=1 output_datatype:int=1 | T1: int32 int64; T2: reals bfloat16",
    },
    infer: inferWindow,
    cost: perOutput(2),
  }),
  op({
    name: "DFT",
    since: {
      17: "input:T1 dft_length:T2? -> output:T1 | inverse:int=0 axis:int=1 onesided:int=0 | T1: floats bfloat16; T2: int32 int64",
      20: "input:T1 dft_length:T2? axis:int64? -> output:T1 | -axis",
    },
    infer: inferDFT,
    cost: fourierCost,
  }),
  op({
    name: "STFT",
    since: {
      17: "signal:T1 frame_step:T2 window:T1? frame_length:T2? -> output:T1 | onesided:int=1 | T1: floats bfloat16; T2: int32 int64",
    },
    infer: inferSTFT,
    cost: stftCost,
  }),
  op({
    name: "MelWeightMatrix",
    since: {
      17: "num_mel_bins:T1 dft_length:T1 sample_rate:T1 lower_edge_hertz:T2 upper_edge_hertz:T2 -> output:T3 | output_datatype:int=1 | T1: int32 int64; T2: floats bfloat16; T3: reals bfloat16",
    },
    infer: inferMelWeightMatrix,
    cost: perOutput(),
  }),
];
