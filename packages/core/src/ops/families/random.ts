/** Random numbers. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { perInput, perOutput } from "../rules/cost.ts";
import { inferLike, inferMultinomial, inferRandom } from "../rules/generate.ts";
import { sameShape } from "../ties/elementwise.ts";

export const randomOps: readonly OpDef[] = [
  op({
    name: "Bernoulli",
    since: {
      15: "input:T1 -> output:T2 | dtype:int seed:float | T1: floats; T2: reals bfloat16 bool",
      22: "| | T1+: bfloat16",
    },
    infer: inferLike,
    cost: perOutput(),
    ties: sameShape,
    nondeterministic: true,
  }),
  op({
    name: "Multinomial",
    since: {
      7: "input:T1 -> output:T2 | dtype:int=6 seed:float sample_size:int=1 | T1: floats; T2: int32 int64",
      22: "| | T1+: bfloat16",
    },
    infer: inferMultinomial,
    cost: perInput(),
    nondeterministic: true,
  }),
  op({
    name: "RandomNormal",
    since: {
      1: "-> output:T | shape:ints! dtype:int=1 seed:float scale:float=1 mean:float=0 | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: inferRandom,
    cost: perOutput(),
    nondeterministic: true,
  }),
  op({
    name: "RandomNormalLike",
    since: {
      1: "input:T1 -> output:T2 | dtype:int seed:float scale:float=1 mean:float=0 | T1: any; T2: floats",
      22: "| | T1+: bfloat16; T2+: bfloat16",
    },
    infer: inferLike,
    cost: perOutput(),
    ties: sameShape,
    nondeterministic: true,
  }),
  op({
    name: "RandomUniform",
    since: {
      1: "-> output:T | shape:ints! dtype:int=1 seed:float high:float=1 low:float=0 | T: floats",
      22: "| | T+: bfloat16",
    },
    infer: inferRandom,
    cost: perOutput(),
    nondeterministic: true,
  }),
  op({
    name: "RandomUniformLike",
    since: {
      1: "input:T1 -> output:T2 | dtype:int seed:float high:float=1 low:float=0 | T1: any; T2: floats",
      22: "| | T1+: bfloat16; T2+: bfloat16",
    },
    infer: inferLike,
    cost: perOutput(),
    ties: sameShape,
    nondeterministic: true,
  }),
];
