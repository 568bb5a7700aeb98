/**
 * How much each unit of a group matters. Higher is more important. Scores of one group are comparable with each other;
 * after normalisation also with those of other groups.
 */
import type { Random } from "@lathe/core";
import { pruneErrors } from "../errors.ts";
import type { Group } from "../structure/dependency-graph.ts";
import { parametersOf, reduceOver, rows, type Parameter } from "./slices.ts";

export type CriterionName = "l1" | "l2" | "bn-scale" | "fpgm" | "lamp" | "random";
export type Reduction = "mean" | "sum" | "max" | "first";
export type Normalizer = "mean" | "max" | "sum" | "none";

/** Scores of all units of a group, in their order. */
export type Criterion = (group: Group, random: Random) => Float64Array;

/** The weights that a group is judged by: kernels and matrices, or its vectors where it has none. */
export function judgedBy(group: Group): Parameter[] {
  const weights = parametersOf(group);
  return weights.length > 0 ? weights : parametersOf(group, 1);
}

/** Per unit, the sum of f over its slice of each weight; then the reduction over weights. */
export function perWeight(group: Group, reduction: Reduction, score: (parameter: Parameter) => Float64Array): Float64Array {
  const all = judgedBy(group).map(score);
  const used = reduction === "first" ? all.slice(0, 1) : all;
  const out = new Float64Array(group.units.length);
  for (const scores of used) scores.forEach((s, u) => (out[u] = reduction === "max" ? Math.max(out[u]!, s) : out[u]! + s));
  return reduction === "mean" ? out.map((s) => s / used.length) : out;
}

const byUnit = ({ tensor, axis, positions }: Parameter, f: (x: number) => number): Float64Array => {
  const sums = reduceOver(tensor, axis, f);
  return Float64Array.from(positions, (list) => list.reduce((sum, p) => sum + sums[p]!, 0));
};

/** Sum of |w|^p over everything that goes with the unit (Li et al. 2017; group form Fang et al. 2023). */
const magnitude = (p: 1 | 2, reduction: Reduction): Criterion => (group) => perWeight(group, reduction, (w) => byUnit(w, p === 1 ? Math.abs : (x) => x * x));

/** |gamma| of the BatchNormalization on the channel (Liu et al. 2017, network slimming). @throws PRUNE_NO_BATCH_NORM */
const batchNormScale: Criterion = (group) => {
  const scale = group.parameters.find(({ value }) => value.uses.some((u) => u.node.is("BatchNormalization") && u.index === 1));
  if (!scale) throw pruneErrors.PRUNE_NO_BATCH_NORM({ group: group.name });
  const [parameter] = parametersOf({ ...group, parameters: [scale] }, 1);
  return byUnit(parameter!, Math.abs);
};

/** Sum of distances to the other filters: those near the geometric median are replaceable (He et al. 2019). */
const geometricMedian = (reduction: Reduction): Criterion => (group) =>
  perWeight(group, reduction, (weight) => {
    const all = rows(weight);
    const out = new Float64Array(all.length);
    for (let i = 0; i < all.length; i++) {
      for (let j = i + 1; j < all.length; j++) {
        let square = 0;
        for (let k = 0; k < all[i]!.length; k++) square += (all[i]![k]! - all[j]![k]!) ** 2;
        const distance = Math.sqrt(square);
        out[i]! += distance;
        out[j]! += distance;
      }
    }
    return out;
  });

/** Squared magnitude over the sum of those that are at least as large (Lee et al. 2021, on units instead of weights). */
const lamp = (reduction: Reduction): Criterion => (group, random) => {
  const squares = magnitude(2, reduction)(group, random);
  const order = Array.from(squares.keys()).toSorted((a, b) => squares[b]! - squares[a]!);
  const out = new Float64Array(squares.length);
  let larger = 0;
  for (const u of order) {
    larger += squares[u]!;
    out[u] = larger === 0 ? 0 : squares[u]! / larger;
  }
  return out;
};

export function criterion(name: CriterionName, reduction: Reduction): Criterion {
  switch (name) {
    case "l1": return magnitude(1, reduction);
    case "l2": return magnitude(2, reduction);
    case "bn-scale": return batchNormScale;
    case "fpgm": return geometricMedian(reduction);
    case "lamp": return lamp(reduction);
    case "random": return (group, random) => Float64Array.from(group.units, () => random.float());
  }
}

/** Makes scores of groups of different size and scale comparable. */
export function normalize(scores: Float64Array, how: Normalizer): Float64Array {
  const total = scores.reduce((a, b) => a + b, 0);
  const divisor = how === "none" ? 1 : how === "max" ? Math.max(...scores) : how === "sum" ? total : total / scores.length;
  return divisor > 0 ? scores.map((s) => s / divisor) : scores;
}
