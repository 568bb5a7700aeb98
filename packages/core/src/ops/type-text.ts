import { isDType, type DType } from "../dtype.ts";
import type { ValueType } from "../ir/type.ts";

/** A type of a signature ("float32", "sequence(int64)", "optional(sequence(bool))") as a value type of unknown shape. */
export function typeFromText(text: string): ValueType | undefined {
  if (isDType(text)) return { kind: "tensor", dtype: text, shape: undefined };
  const [, outer, inner = ""] = /^(sequence|optional|sparse|map)\((.*)\)$/.exec(text) ?? [];
  if (outer === "sequence" || outer === "optional") return { kind: outer, element: typeFromText(inner) };
  if (outer === "sparse") return { kind: "sparse", dtype: isDType(inner) ? inner : undefined, shape: undefined };
  if (outer === "map") {
    const [key = "", value = ""] = inner.split(",");
    return isDType(key) ? { kind: "map", key, value: typeFromText(value) } : undefined;
  }
  return undefined;
}

/** The element type, for tensors. */
export const dtypeOf = (type: ValueType | undefined): DType | undefined => (type?.kind === "tensor" || type?.kind === "sparse" ? type.dtype : undefined);
