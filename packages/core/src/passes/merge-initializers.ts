import { dtypes } from "../dtype.ts";
import type { Value } from "../ir/value.ts";
import type { Tensor } from "../tensor.ts";
import type { Pass } from "./pass.ts";

/** Equal weights are stored once. Content is compared only among tensors of the same type and shape. */
export const mergeInitializers: Pass = {
  name: "merge-initializers",
  summary: "Stores equal weights once.",
  run({ graph }) {
    // Inner graphs see the outer ones' weights, so the outermost copy is the one that stays.
    const groups = new Map<string, Value[]>();
    let modified = false;
    for (const one of [...graph.allGraphs()]) {
      for (const value of [...one.initializers]) {
        if (!value.tensor || value.isGraphOutput) continue;
        const key = `${value.tensor.dtype}[${value.tensor.dims.join(",")}]`;
        const group = groups.get(key) ?? [];
        groups.set(key, group);
        const same = group.find((other) => isVisible(other, value) && equal(other.tensor!, value.tensor!));
        if (!same) {
          group.push(value);
          continue;
        }
        one.replaceUses(value, same);
        one.removeInitializer(value);
        modified = true;
      }
    }
    return { modified };
  },
};

const isVisible = (outer: Value, inner: Value): boolean => inner.graph?.isInside(outer.graph!) ?? false;

function equal(a: Tensor, b: Tensor): boolean {
  if (a.storage === b.storage) return true;
  if (a.byteLength !== b.byteLength) return false;
  if (dtypes[a.dtype].kind === "string") return a.strings().every((s, i) => s === b.strings()[i]);
  const [x, y] = [a.bytes(), b.bytes()];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}
