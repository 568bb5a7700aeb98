/** Cuts units out of a model for real: weights shrink, shapes and attributes follow. */
import { Tensor, dtypes, type Graph, type Model, type Value } from "@lathe/core";
import { pruneErrors } from "../errors.ts";
import type { DependencyGraph, Group, Unit } from "./dependency-graph.ts";
import { allConstants, setConstant } from "./constants.ts";
import type { AxisInfo } from "./positions.ts";

/** Units to cut, by group. */
export type Selection = ReadonlyMap<Group, ReadonlySet<Unit>>;

/** Positions of an axis that were kept: value name, axis, positions. The map from the cut model back to the original. */
export type KeptPositions = ReadonlyMap<string, ReadonlyMap<number, readonly number[]>>;

/**
 * Removes the selected units from the model the dependency graph was built of (in place), and tells what was kept of each axis that shrank.
 * @throws PRUNE_EMPTIES when a group would lose all its units; the model is then unchanged.
 */
export function cut(model: Model, graph: DependencyGraph, selection: Selection): KeptPositions {
  for (const [group, units] of selection) {
    if (units.size >= group.units.length) throw pruneErrors.PRUNE_EMPTIES({ group: group.name, width: group.units.length, cut: units.size });
  }
  const removed = removedPositions(selection);
  const kept = new Map([...removed].map(([axis, gone]) => [axis, Array.from({ length: axis.length }, (_, i) => i).filter((i) => !gone.has(i))]));
  const byValue = new Map<Value, Map<number, readonly number[]>>();
  for (const [axis, list] of kept) {
    if (!axis.value) continue;
    const axes = byValue.get(axis.value) ?? new Map<number, readonly number[]>();
    byValue.set(axis.value, axes.set(axis.axis, list));
  }
  for (const [value, axes] of byValue) shrinkValue(value, axes);
  repairNodes(graph, kept);
  return new Map([...byValue].map(([value, axes]) => [value.name, axes]));
}

function removedPositions(selection: Selection): Map<AxisInfo, Set<number>> {
  const removed = new Map<AxisInfo, Set<number>>();
  for (const units of selection.values()) {
    for (const unit of units) {
      for (const { axis, positions } of unit.members) {
        const gone = removed.get(axis) ?? new Set<number>();
        for (const at of positions) gone.add(at);
        removed.set(axis, gone);
      }
    }
  }
  return removed;
}

function shrinkValue(value: Value, axes: ReadonlyMap<number, readonly number[]>): void {
  if (value.tensor) setConstant(value, keepPositions(value.tensor, axes));
  if (value.type?.kind === "tensor" && value.type.shape) {
    value.type = { ...value.type, shape: value.type.shape.map((d, i) => axes.get(i)?.length ?? d) };
  }
}

function repairNodes({ rules, positions }: DependencyGraph, kept: ReadonlyMap<AxisInfo, readonly number[]>): void {
  for (const [node, rule] of rules) {
    for (const { axis, apply } of rule.resizes ?? []) {
      const info = axis.port === "factor" ? positions.factorOf(node, axis.index) : positions.axisOf(axis.port === "in" ? node.input(axis.index) : node.output(axis.index), axis.axis);
      const list = info && kept.get(info);
      if (list) apply(node, list.length, list, node.graph!);
    }
  }
}

/** The tensor restricted to the given positions of the given axes. Copies only what is kept, in whole inner runs. */
export function keepPositions(tensor: Tensor, axes: ReadonlyMap<number, readonly number[]>): Tensor {
  let result = tensor;
  for (const [axis, positions] of [...axes].toSorted(([a], [b]) => a - b)) result = keepAlong(result, axis, positions);
  return result;
}

function keepAlong(tensor: Tensor, axis: number, positions: readonly number[]): Tensor {
  const { bits } = dtypes[tensor.dtype];
  const dims = tensor.dims.map((d, i) => (i === axis ? positions.length : d));
  const outer = tensor.dims.slice(0, axis).reduce((p, d) => p * d, 1);
  const inner = tensor.dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  const length = tensor.dims[axis]!;
  if (bits < 8) return keepCodes(tensor, dims, outer, length, inner, positions);
  const run = (inner * bits) / 8;
  const from = tensor.bytes();
  const to = new Uint8Array(outer * positions.length * run);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const p of positions) {
      const start = (o * length + p) * run;
      to.set(from.subarray(start, start + run), at);
      at += run;
    }
  }
  return Tensor.fromBytes(tensor.dtype, dims, to);
}

/** Packed types are unpacked, cut and packed again. */
function keepCodes(tensor: Tensor, dims: readonly number[], outer: number, length: number, inner: number, positions: readonly number[]): Tensor {
  const values = tensor.toFloat32();
  const kept: number[] = [];
  for (let o = 0; o < outer; o++) for (const p of positions) for (let k = 0; k < inner; k++) kept.push(values[(o * length + p) * inner + k]!);
  return Tensor.from(tensor.dtype, dims, kept);
}

/** The same selection as zeros in the original weights: what a cut model must be equal to wherever no operator normalises over a cut axis. */
export function zeroUnits(model: Model, selection: Selection): void {
  const removed = removedPositions(selection);
  const own = counterparts(model, removed.keys());
  for (const [axis, gone] of removed) {
    const value = axis.value?.tensor && own.get(axis.value);
    if (!value?.tensor || !dtypes[value.tensor.dtype].kind.startsWith("float")) continue;
    const data = value.tensor.toFloat32().slice();
    const inner = value.tensor.dims.slice(axis.axis + 1).reduce((p, d) => p * d, 1);
    for (let i = 0; i < data.length; i++) if (gone.has(Math.floor(i / inner) % axis.length)) data[i] = 0;
    setConstant(value, Tensor.from("float32", value.tensor.dims, data).cast(value.tensor.dtype));
  }
}

/** Constants of the model that stand where those of the axes do in the model they were found in: same graph, same name. */
function counterparts(model: Model, axes: Iterable<AxisInfo>): Map<Value, Value> {
  const path = (value: Value): string => `${pathOf(value.graph)}/${value.name}`;
  const own = new Map(allConstants(model).map((value) => [path(value), value]));
  const found = new Map<Value, Value>();
  for (const { value } of axes) {
    const other = value && own.get(path(value));
    if (value && other) found.set(value, other);
  }
  return found;
}

/** Where a graph lies: names repeat in the branches of an If. */
function pathOf(graph: Graph | undefined): string {
  const { parent } = graph ?? {};
  return parent ? `${pathOf(parent.graph)}/${parent.label}.${parent.subgraphs.findIndex((s) => s.graph === graph)}` : "";
}
