import type { ModelSource, Value } from "@lathe/core";
import { ortErrors } from "../errors.ts";

/**
 * A copy of the model that also outputs the named tensors of its main graph; the caller's is left alone.
 * @throws ORT_OPTION when there is no such tensor, or when only the model's bytes or path are at hand.
 */
export function withOutputs(source: ModelSource, names: readonly string[]): ModelSource {
  if (names.length === 0) return source;
  if (typeof source === "string" || source instanceof Uint8Array) {
    throw ortErrors.ORT_OPTION({ option: "tensors", expected: "models as graphs (decodeModel or loadModel)", received: typeof source === "string" ? "a path" : "bytes" });
  }
  const copy = source.clone();
  const { graph } = copy;
  const byName = new Map<string, Value>();
  for (const value of graph.values()) byName.set(value.name, value);
  for (const name of names) {
    const value = byName.get(name);
    if (!value) throw ortErrors.ORT_OPTION({ option: "tensors", expected: `names of tensors in graph "${graph.name}"`, received: JSON.stringify(name) });
    if (!value.isGraphOutput) graph.addOutput(value);
  }
  return copy;
}
