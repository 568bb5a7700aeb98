/** Changes of shape that keep the elements. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { shape, size } from "../evaluate/generate.ts";
import { expand, flatten, identity, reshape, squeeze, tile, transpose, unsqueeze } from "../evaluate/move.ts";
import { noWork, viewOnly } from "../rules/cost.ts";
import { inferExpand, inferFlatten, inferIdentity, inferReshape, inferShape, inferSize, inferSqueeze, inferTile, inferTranspose, inferUnsqueeze } from "../rules/reshape.ts";
import { sameShape } from "../ties/elementwise.ts";
import { expandTies, tileTies } from "../ties/join.ts";
import { shapeTies } from "../ties/shape.ts";
import { flattenTies, reshapeTies, squeezeTies, transposeTies, unsqueezeTies } from "../ties/reshape.ts";

export const reshapeOps: readonly OpDef[] = [
  op({
    name: "Identity",
    since: {
      1: "input:T -> output:T | | T: any",
      13: "| | T+: bfloat16",
      14: "input:V -> output:V | | V: any bfloat16 seq(any)",
      16: "| | V+: optional(any) optional(seq(any))",
      19: "| | V+: float8s",
      21: "| | V+: int4s",
      23: "| | V+: float4e2m1",
      24: "| | V+: float8e8m0",
      25: "| | V+: int2s",
    },
    infer: inferIdentity,
    evaluate: identity,
    cost: viewOnly,
    ties: sameShape,
  }),
  op({
    name: "Shape",
    since: {
      1: "data:T -> shape:T1 | | T: any; T1: int64",
      13: "| | T+: bfloat16",
      15: "| +end:int +start:int=0",
      19: "| | T+: float8s",
      21: "| | T+: int4s",
      23: "| | T+: float4e2m1",
      24: "| | T+: float8e8m0",
      25: "| | T+: int2s",
    },
    infer: inferShape,
    evaluate: shape,
    cost: viewOnly,
    ties: shapeTies,
  }),
  op({
    name: "Size",
    since: {
      1: "data:T -> size:T1 | | T: any; T1: int64",
      13: "| | T+: bfloat16",
      19: "| | T+: float8s",
      21: "| | T+: int4s",
      23: "| | T+: float4e2m1",
      24: "| | T+: float8e8m0",
      25: "| | T+: int2s",
    },
    infer: inferSize,
    evaluate: size,
    cost: viewOnly,
  }),
  op({
    name: "Reshape",
    since: {
      1: "data:T -> reshaped:T | consumed_inputs:ints shape:ints | T: floats",
      5: "data:T shape:int64 -> reshaped:T | -consumed_inputs -shape | T+: ints uints complexes bool string",
      13: "| | T+: bfloat16",
      14: "| +allowzero:int=0",
      19: "| | T+: float8s",
      21: "| | T+: int4s",
      23: "| | T+: float4e2m1",
      24: "| | T+: float8e8m0",
      25: "| | T+: int2s",
    },
    infer: inferReshape,
    evaluate: reshape,
    cost: viewOnly,
    ties: reshapeTies,
  }),
  op({
    name: "Flatten",
    since: {
      1: "input:T -> output:T | axis:int=1 | T: floats",
      9: "| | T+: ints uints complexes bool string",
      11: "",
      13: "| | T+: bfloat16",
      21: "| | T+: float8s int4s",
      23: "| | T+: float4e2m1",
      24: "| | T+: float8e8m0",
      25: "| | T+: int2s",
    },
    infer: inferFlatten,
    evaluate: flatten,
    cost: viewOnly,
    ties: flattenTies,
  }),
  op({
    name: "Squeeze",
    since: {
      1: "data:T -> squeezed:T | axes:ints | T: any",
      11: "",
      13: "data:T axes:int64? -> squeezed:T | -axes | T+: bfloat16",
      21: "| | T+: float8s int4s",
      23: "| | T+: float4e2m1",
      24: "| | T+: float8e8m0",
      25: "| | T+: int2s",
    },
    infer: inferSqueeze,
    evaluate: squeeze,
    cost: viewOnly,
    ties: squeezeTies,
  }),
  op({
    name: "Unsqueeze",
    since: {
      1: "data:T -> expanded:T | axes:ints! | T: any",
      11: "",
      13: "data:T axes:int64 -> expanded:T | -axes | T+: bfloat16",
      21: "| | T+: float8s int4s",
      23: "| | T+: float4e2m1",
      24: "| | T+: float8e8m0",
      25: "| | T+: int2s",
    },
    infer: inferUnsqueeze,
    evaluate: unsqueeze,
    cost: viewOnly,
    ties: unsqueezeTies,
  }),
  op({
    name: "Transpose",
    since: {
      1: "data:T -> transposed:T | perm:ints | T: any",
      13: "| | T+: bfloat16",
      21: "| | T+: float8s int4s",
      23: "| | T+: float4e2m1",
      24: "| | T+: float8e8m0",
      25: "| | T+: int2s",
    },
    infer: inferTranspose,
    evaluate: transpose,
    cost: noWork,
    ties: transposeTies,
  }),
  op({
    name: "Expand",
    since: {
      8: "input:T shape:int64 -> output:T | | T: any",
      13: "| | T+: bfloat16",
    },
    infer: inferExpand,
    evaluate: expand,
    cost: noWork,
    ties: expandTies,
  }),
  op({
    name: "Tile",
    since: {
      1: "input:T tiles:T axis:T -> output:T | | T: floats",
      6: "input:T repeats:T1 -> output:T | | T+: ints uints complexes bool string; T1: int64",
      13: "| | T+: bfloat16",
    },
    infer: inferTile,
    evaluate: tile,
    cost: noWork,
    ties: tileTies,
  }),
];
