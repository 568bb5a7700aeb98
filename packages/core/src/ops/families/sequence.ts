/** Sequences and optional values. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { noWork } from "../rules/cost.ts";
import { inferConcatFromSequence, inferElement, inferOptional, inferOptionalGet, inferScalar, inferSequenceConstruct, inferSequenceEmpty, inferSequenceInsert, inferSequenceMap, inferSequenceSame, inferSplitToSequence } from "../rules/sequence.ts";

export const sequenceOps: readonly OpDef[] = [
  op({
    name: "ConcatFromSequence",
    since: { 11: "input_sequence:S -> concat_result:T | new_axis:int=0 axis:int! | S: seq(any); T: any" },
    infer: inferConcatFromSequence,
    cost: noWork,
  }),
  op({
    name: "SplitToSequence",
    since: {
      11: "input:T split:I? -> output_sequence:S | keepdims:int=1 axis:int=0 | T: any; I: int32 int64; S: seq(any)",
      24: "| | T+: bfloat16; S+: seq(bfloat16)",
    },
    infer: inferSplitToSequence,
    cost: noWork,
  }),
  op({
    name: "SequenceAt",
    since: { 11: "input_sequence:S position:I -> tensor:T | | S: seq(any); I: int32 int64; T: any" },
    infer: inferElement,
    cost: noWork,
  }),
  op({
    name: "SequenceConstruct",
    since: { 11: "inputs:T+ -> output_sequence:S | | T: any; S: seq(any)" },
    infer: inferSequenceConstruct,
    cost: noWork,
  }),
  op({
    name: "SequenceEmpty",
    since: { 11: "-> output:S | dtype:int | S: seq(any)" },
    infer: inferSequenceEmpty,
    cost: noWork,
  }),
  op({
    name: "SequenceErase",
    since: { 11: "input_sequence:S position:I? -> output_sequence:S | | S: seq(any); I: int32 int64" },
    infer: inferSequenceSame,
    cost: noWork,
  }),
  op({
    name: "SequenceInsert",
    since: {
      11: "input_sequence:S tensor:T position:I? -> output_sequence:S | | S: seq(any); T: any; I: int32 int64",
    },
    infer: inferSequenceInsert,
    cost: noWork,
  }),
  op({
    name: "SequenceLength",
    since: { 11: "input_sequence:S -> length:I | | S: seq(any); I: int64" },
    infer: inferScalar("int64"),
    cost: noWork,
  }),
  op({
    name: "SequenceMap",
    since: {
      17: "input_sequence:S additional_inputs:V*~ -> out_sequence:S+~ | body:graph! | S: seq(any); V: any seq(any)",
    },
    infer: inferSequenceMap,
  }),
  op({
    name: "Optional",
    since: { 15: "input:V? -> output:O | type:type | V: any seq(any); O: optional(any) optional(seq(any))" },
    infer: inferOptional,
    cost: noWork,
  }),
  op({
    name: "OptionalGetElement",
    since: {
      15: "input:O -> output:V | | O: optional(any) optional(seq(any)); V: any seq(any)",
      18: "| | O+: any seq(any)",
    },
    infer: inferOptionalGet,
    cost: noWork,
  }),
  op({
    name: "OptionalHasElement",
    since: {
      15: "input:O -> output:B | | O: optional(any) optional(seq(any)); B: bool",
      18: "input:O? -> output:B | | O+: any seq(any)",
    },
    infer: inferScalar("bool"),
    cost: noWork,
  }),
];
