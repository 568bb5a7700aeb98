import type { Model, Value } from "@lathe/core";
import { allConstants } from "./constants.ts";
import type { Selection } from "./cut.ts";

/** Number of float parameters that will be left when the selection is cut: the arithmetic that a cut is checked against. */
export function plannedParameters(model: Model, selection: Selection): number {
  const gone = new Map<Value, Map<number, Set<number>>>();
  for (const units of selection.values()) {
    for (const { members } of units) {
      for (const { axis, positions } of members) {
        if (!axis.value?.tensor) continue;
        const axes = gone.get(axis.value) ?? new Map<number, Set<number>>();
        const cut = axes.get(axis.axis) ?? new Set<number>();
        for (const at of positions) cut.add(at);
        gone.set(axis.value, axes.set(axis.axis, cut));
      }
    }
  }
  let total = 0;
  for (const value of allConstants(model)) {
    if (!value.tensor!.dtype.includes("float")) continue;
    total += value.tensor!.dims.reduce((product, length, axis) => product * (length - (gone.get(value)?.get(axis)?.size ?? 0)), 1);
  }
  return total;
}
