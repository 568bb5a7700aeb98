import { dtypes, isFloat } from "../dtype.ts";
import type { Value } from "../ir/value.ts";
import type { Tensor } from "../tensor.ts";
import type { Pass } from "./pass.ts";

/**
 * Equal weights are stored once. Content is compared only among tensors of the same type, shape and beginning, so that weights which
 * still are in a file are not read as a whole without need.
 *
 * Left alone, because being equal now does not mean being the same: short vectors of floats (biases, gains of normalisation, which
 * training or pruning will tell apart) and the scales and zero points of quantization.
 */
export const mergeInitializers: Pass = {
  name: "merge-initializers",
  summary: "Stores equal weights once.",
  run({ graph }) {
    // Inner graphs see the outer ones' weights, so the outermost copy is the one that stays.
    const groups = new Map<string, Value[]>();
    let modified = false;
    for (const one of [...graph.allGraphs()]) {
      for (const value of [...one.initializers]) {
        if (!value.tensor || value.isGraphOutput || isOwn(value)) continue;
        const key = keyOf(value.tensor);
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

/** Float tensors of more than one element are merged from this size on. */
export const LEAST_MERGED_BYTES = 4096;

/** Belongs to one layer or tensor, whatever else has the same content. */
function isOwn(value: Value): boolean {
  const tensor = value.tensor!;
  if (isFloat(tensor.dtype) && tensor.size > 1 && tensor.byteLength < LEAST_MERGED_BYTES) return true;
  return value.uses.some(({ node, index }) => index > 0 && (node.opType === "QuantizeLinear" || node.opType === "DequantizeLinear"));
}

const PREFIX_BYTES = 256;
/** Tensors do not change, so their keys are kept for the next round. */
const keys = new WeakMap<Tensor, string>();

function keyOf(tensor: Tensor): string {
  let key = keys.get(tensor);
  if (key === undefined) keys.set(tensor, (key = `${tensor.dtype}[${tensor.dims.join(",")}]${[...prefixOf(tensor)].join()}`));
  return key;
}

function prefixOf(tensor: Tensor): Uint8Array {
  for (const chunk of tensor.storage.chunks?.(PREFIX_BYTES) ?? []) return chunk.subarray(0, PREFIX_BYTES);
  return tensor.bytes().subarray(0, PREFIX_BYTES);
}

const isVisible = (outer: Value, inner: Value): boolean => inner.graph?.isInside(outer.graph!) ?? false;

function equal(a: Tensor, b: Tensor): boolean {
  if (a.storage === b.storage) return true;
  if (a.byteLength !== b.byteLength) return false;
  if (dtypes[a.dtype].kind === "string") return a.strings().every((s, i) => s === b.strings()[i]);
  const [x, y] = [a.bytes(), b.bytes()];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return true;
}
