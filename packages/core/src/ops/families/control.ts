/** Control flow. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { inferIf, inferLoop, inferScan } from "../rules/control.ts";

export const controlOps: readonly OpDef[] = [
  op({
    name: "If",
    since: {
      1: "cond:B -> outputs:V+~ | else_branch:graph! then_branch:graph! | B: bool; V: any",
      11: "",
      13: "| | V+: seq(any)",
      16: "| | V+: bfloat16 optional(any) optional(bfloat16) optional(seq(any)) optional(seq(bfloat16)) seq(bfloat16)",
      19: "| | V+: float8s optional(float8s) seq(float8s)",
      21: "| | V+: int4s optional(int4s) seq(int4s)",
      23: "| | V+: float4e2m1 optional(float4e2m1) seq(float4e2m1)",
      24: "| | V+: float8e8m0 optional(float8e8m0) seq(float8e8m0)",
      25: "| | V+: int2s seq(int2s) optional(int2s)",
    },
    infer: inferIf,
  }),
  op({
    name: "Loop",
    since: {
      1: "M:I? cond:B? v_initial:V+~ -> v_final_and_scan_outputs:V+~ | body:graph! | I: int64; B: bool; V: any",
      11: "M:I? cond:B? v_initial:V*~ -> v_final_and_scan_outputs:V+~",
      13: "| | V+: seq(any)",
      16: "| | V+: bfloat16 optional(any) optional(bfloat16) optional(seq(any)) optional(seq(bfloat16)) seq(bfloat16)",
      19: "| | V+: float8s optional(float8s) seq(float8s)",
      21: "| | V+: int4s optional(int4s) seq(int4s)",
      23: "| | V+: float4e2m1 optional(float4e2m1) seq(float4e2m1)",
      24: "| | V+: float8e8m0 optional(float8e8m0) seq(float8e8m0)",
      25: "| | V+: int2s seq(int2s) optional(int2s)",
    },
    infer: inferLoop,
  }),
  op({
    name: "Scan",
    since: {
      8: "sequence_lens:I? initial_state_and_scan_inputs:V+~ -> final_state_and_scan_outputs:V+~ | directions:ints num_scan_inputs:int! body:graph! | I: int64; V: any",
      9: "initial_state_and_scan_inputs:V+~ -> final_state_and_scan_outputs:V+~ | -directions +scan_input_axes:ints +scan_output_axes:ints +scan_output_directions:ints +scan_input_directions:ints",
      11: "",
      16: "| | V+: bfloat16",
      19: "| | V+: float8s",
      21: "| | V+: int4s",
      23: "| | V+: float4e2m1",
      24: "| | V+: float8e8m0",
      25: "| | V+: int2s",
    },
    infer: inferScan,
  }),
];
