/** Weights of a group seen unit by unit. */
import type { Tensor, Value } from "@lathe/core";
import type { Group, Member, Unit } from "../structure/dependency-graph.ts";

/** One constant of a group along one of its axes. */
export interface Parameter {
  readonly value: Value;
  readonly tensor: Tensor;
  readonly axis: number;
  /** Positions on the axis, for each unit. */
  readonly positions: readonly (readonly number[])[];
}

/** Float constants of a group with at least `rank` axes (2: weights without biases and norm vectors). */
export function parametersOf(group: Group, rank = 2): Parameter[] {
  return group.parameters.flatMap(({ value, axis }) => {
    const { tensor } = value;
    if (!tensor || !tensor.dtype.includes("float") || tensor.dims.length < rank) return [];
    return [{ value, tensor, axis, positions: group.units.map((unit) => memberOf(unit, value, axis)?.positions ?? []) }];
  });
}

const memberOf = (unit: Unit, value: Group["parameters"][number]["value"], axis: number): Member | undefined =>
  unit.members.find((m) => m.axis.value === value && m.axis.axis === axis);

/** Sum over each position of `axis` of f(index of the element): a vector of the axis' length. */
export function sumOver(dims: readonly number[], axis: number, f: (i: number) => number): Float64Array {
  const length = dims[axis]!;
  const inner = dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  const total = dims.reduce((p, d) => p * d, 1);
  const sums = new Float64Array(length);
  for (let start = 0, at = 0; start < total; at = (at + 1) % length) {
    let sum = 0;
    for (const end = start + inner; start < end; start++) sum += f(start);
    sums[at]! += sum;
  }
  return sums;
}

/** Sum over each position of `axis` of f(element). */
export function reduceOver(tensor: Tensor, axis: number, f: (x: number) => number): Float64Array {
  const data = tensor.toFloat32();
  return sumOver(tensor.dims, axis, (i) => f(data[i]!));
}

/** The elements of each unit's slice, one row a unit. */
export function rows({ tensor, axis, positions }: Parameter): Float32Array[] {
  const data = tensor.toFloat32();
  const length = tensor.dims[axis]!;
  const inner = tensor.dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  const outer = data.length / (length * inner);
  return positions.map((list) => {
    const row = new Float32Array(outer * list.length * inner);
    let at = 0;
    for (let o = 0; o < outer; o++) for (const p of list) {
      row.set(data.subarray((o * length + p) * inner, (o * length + p + 1) * inner), at);
      at += inner;
    }
    return row;
  });
}
