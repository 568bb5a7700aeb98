/** Comparisons, logic and bit operations. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { sameAs } from "../shape.ts";
import { bitShift, bitwise, compare, logical, not } from "../evaluate/elementwise.ts";
import { inferEqual, inferGreater, inferGreaterOrEqual, inferLess, inferLessOrEqual } from "../rules/compare.ts";
import { perOutput } from "../rules/cost.ts";
import { broadcastAs, inferElementwise, shapeAs } from "../rules/elementwise.ts";
import { broadcasting, sameShape } from "../ties/elementwise.ts";

export const logicalOps: readonly OpDef[] = [
  op({
    name: "Equal",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: bool int32 int64; T1: bool",
      7: "| -axis -broadcast",
      11: "| | T+: floats uints int8 int16",
      13: "| | T+: bfloat16",
      19: "| | T+: string",
    },
    infer: inferEqual,
    evaluate: compare((a, b) => a === b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Greater",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: floats; T1: bool",
      7: "| -axis -broadcast",
      9: "| | T+: ints uints",
      13: "| | T+: bfloat16",
    },
    infer: inferGreater,
    evaluate: compare((a, b) => a > b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "GreaterOrEqual",
    since: {
      12: "A:T B:T -> C:T1 | | T: reals; T1: bool",
      16: "| | T+: bfloat16",
    },
    infer: inferGreaterOrEqual,
    evaluate: compare((a, b) => a >= b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Less",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: floats; T1: bool",
      7: "| -axis -broadcast",
      9: "| | T+: ints uints",
      13: "| | T+: bfloat16",
    },
    infer: inferLess,
    evaluate: compare((a, b) => a < b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "LessOrEqual",
    since: {
      12: "A:T B:T -> C:T1 | | T: reals; T1: bool",
      16: "| | T+: bfloat16",
    },
    infer: inferLessOrEqual,
    evaluate: compare((a, b) => a <= b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "And",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: bool; T1: bool",
      7: "| -axis -broadcast",
    },
    infer: broadcastAs("bool"),
    evaluate: logical((a, b) => a && b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Or",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: bool; T1: bool",
      7: "| -axis -broadcast",
    },
    infer: broadcastAs("bool"),
    evaluate: logical((a, b) => a || b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Xor",
    since: {
      1: "A:T B:T -> C:T1 | axis:int broadcast:int=0 | T: bool; T1: bool",
      7: "| -axis -broadcast",
    },
    infer: broadcastAs("bool"),
    evaluate: logical((a, b) => a !== b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "Not",
    since: { 1: "X:T -> Y:T | | T: bool" },
    infer: shapeAs("bool"),
    evaluate: not,
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "BitwiseAnd",
    since: { 18: "A:T B:T -> C:T | | T: ints uints" },
    infer: inferElementwise,
    evaluate: bitwise((a, b) => a & b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "BitwiseOr",
    since: { 18: "A:T B:T -> C:T | | T: ints uints" },
    infer: inferElementwise,
    evaluate: bitwise((a, b) => a | b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "BitwiseXor",
    since: { 18: "A:T B:T -> C:T | | T: ints uints" },
    infer: inferElementwise,
    evaluate: bitwise((a, b) => a ^ b),
    cost: perOutput(),
    ties: broadcasting,
  }),
  op({
    name: "BitwiseNot",
    since: { 18: "X:T -> Y:T | | T: ints uints" },
    infer: sameAs(0),
    evaluate: bitwise((a) => ~a),
    cost: perOutput(),
    ties: sameShape,
  }),
  op({
    name: "BitShift",
    since: { 11: "X:T Y:T -> Z:T | direction:string! | T: uints" },
    infer: inferElementwise,
    evaluate: bitShift,
    cost: perOutput(),
    ties: broadcasting,
  }),
];
