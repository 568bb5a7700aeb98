/** Recurrent layers. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { inferRecurrent, recurrentCost } from "../rules/rnn.ts";
import { recurrentTies } from "../ties/rnn.ts";

export const rnnOps: readonly OpDef[] = [
  op({
    name: "RNN",
    since: {
      1: "X:T W:T R:T B:T? sequence_lens:T1? initial_h:T? -> Y:T? Y_h:T? | clip:float activation_beta:floats output_sequence:int=0 activation_alpha:floats hidden_size:int direction:string=forward activations:strings=Tanh,Tanh | T: floats; T1: int32",
      7: "| -output_sequence",
      14: "| +layout:int=0",
      22: "| | T+: bfloat16",
    },
    ties: recurrentTies(1),
    infer: inferRecurrent(1),
    cost: recurrentCost(1),
  }),
  op({
    name: "GRU",
    since: {
      1: "X:T W:T R:T B:T? sequence_lens:T1? initial_h:T? -> Y:T? Y_h:T | clip:float activation_beta:floats output_sequence:int=0 activation_alpha:floats hidden_size:int direction:string=foward activations:strings | T: floats; T1: int32",
      3: "X:T W:T R:T B:T? sequence_lens:T1? initial_h:T? -> Y:T? Y_h:T? | +direction:string=forward +linear_before_reset:int=0",
      7: "| -output_sequence",
      14: "| +layout:int=0",
      22: "| | T+: bfloat16",
    },
    ties: recurrentTies(3),
    infer: inferRecurrent(3),
    cost: recurrentCost(3),
  }),
  op({
    name: "LSTM",
    since: {
      1: "X:T W:T R:T B:T? sequence_lens:T1? initial_h:T? initial_c:T? P:T? -> Y:T? Y_h:T? Y_c:T? | clip:float activation_beta:floats output_sequence:int=0 activation_alpha:floats hidden_size:int direction:string=forward input_forget:int=0 activations:strings | T: floats; T1: int32",
      7: "| -output_sequence",
      14: "| +layout:int=0",
      22: "| | T+: bfloat16",
    },
    ties: recurrentTies(4),
    infer: inferRecurrent(4),
    cost: recurrentCost(4),
  }),
];
