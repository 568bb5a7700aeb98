/**
 * Channel permutation for N:M sparsity (Pool & Yu 2021): where channels stand decides which weights compete. Units of a group are
 * reordered in everything that belongs to them, so that the model computes the same and more of the consumers' weight survives.
 */
import { random, type Model } from "@lathe/core";
import { keepPositions } from "../structure/cut.ts";
import { setConstant } from "../structure/constants.ts";
import type { DependencyGraph, Group } from "../structure/dependency-graph.ts";
import { parametersOf, rows } from "../importance/slices.ts";
import type { Pattern } from "./pattern.ts";
import { weightsOf } from "./weights.ts";

/** Operators for which the order on an axis matters. */
const ordered = new Set(["CumSum", "CumProd", "LRN"]);

/** Rows of the consumers that the search looks at; more would cost time and change little. */
const MOST_ROWS = 256;

export interface Permuted {
  readonly groups: number;
  /** Sum of |w| that survives, over that of the order before. */
  readonly gain: number;
}

/** Reorders units in place. Groups whose consumers read their channels in another order or only in part are left alone. */
export function permuteForPattern(model: Model, graph: DependencyGraph, pattern: Pattern): Permuted {
  const summed = new Map(weightsOf(model).map((w) => [w.value, w.axis]));
  let [before, after, count] = [0, 0, 0];
  for (const group of graph.groups) {
    const columns = columnsOf(group, summed);
    if (columns.length === 0 || isOrdered(group)) continue;
    const found = search(columns, pattern, group.name);
    before += found.before;
    after += found.after;
    if (found.after <= found.before) continue;
    reorder(group, found.order);
    count++;
  }
  return { groups: count, gain: before > 0 ? after / before : 1 };
}

/** For each unit, the magnitudes that its consumers multiply with; empty when units are not the axis in order. */
function columnsOf(group: Group, summed: ReadonlyMap<unknown, number>): Float32Array[] {
  const consumers = parametersOf(group).filter(({ value, axis, positions, tensor }) => summed.get(value) === axis && tensor.dims[axis] === positions.length && positions.every((p, u) => p.length === 1 && p[0] === u));
  if (consumers.length === 0) return [];
  const parts = consumers.map((parameter) => rows(parameter));
  const total = parts.reduce((sum, part) => sum + part[0]!.length, 0);
  const step = Math.max(1, Math.floor(total / MOST_ROWS));
  return group.units.map((_, u) => Float32Array.from(parts.flatMap((part) => Array.from(part[u]!)).filter((__, i) => i % step === 0), Math.abs));
}

function isOrdered(group: Group): boolean {
  return group.units[0]!.members.some(({ axis }) => [...(axis.value?.consumers ?? [])].some((node) => ordered.has(node.opType)));
}

/** Swaps of two units in different blocks of M, kept when more magnitude survives. */
function search(columns: readonly Float32Array[], { n, m }: Pattern, seed: string): { order: number[]; before: number; after: number } {
  const order = columns.map((_, i) => i);
  const blocks = Math.ceil(order.length / m);
  const kept = (block: number): number => {
    const units = order.slice(block * m, (block + 1) * m).map((u) => columns[u]!);
    let sum = 0;
    for (let r = 0; r < columns[0]!.length; r++) for (const x of units.map((u) => u[r]!).sort((a, b) => b - a).slice(0, n)) sum += x;
    return sum;
  };
  const values = Array.from({ length: blocks }, (_, b) => kept(b));
  const total = (): number => values.reduce((a, b) => a + b, 0);
  const before = total();
  const source = random(`permute/${seed}`);
  for (let i = 0; blocks > 1 && i < 20 * order.length; i++) {
    const [a, b] = [source.int(order.length), source.int(order.length)];
    const [p, q] = [Math.floor(a / m), Math.floor(b / m)];
    if (p === q) continue;
    [order[a], order[b]] = [order[b]!, order[a]!];
    const [x, y] = [kept(p), kept(q)];
    if (x + y > values[p]! + values[q]!) [values[p], values[q]] = [x, y];
    else [order[a], order[b]] = [order[b]!, order[a]!];
  }
  return { order, before, after: total() };
}

/** Unit `order[i]` takes the place of unit i, on every axis of the group's constants. */
function reorder(group: Group, order: readonly number[]): void {
  group.units[0]!.members.forEach(({ axis }, m) => {
    const { value } = axis;
    if (!value?.tensor) return;
    const places = Array.from({ length: axis.length }, (_, i) => i);
    group.units.forEach((unit, i) => unit.members[m]!.positions.forEach((p, j) => (places[p] = group.units[order[i]!]!.members[m]!.positions[j]!)));
    const tensor = keepPositions(value.tensor, new Map([[axis.axis, places]]));
    setConstant(value, tensor);
  });
}
