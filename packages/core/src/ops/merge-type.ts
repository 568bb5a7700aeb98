import type { Dim, Shape, ValueType } from "../ir/type.ts";
import { differentDims, sameDim } from "./dim.ts";

/** Whose symbol stands when both sides have one: the declared one (graph outputs keep their names) or the inferred one. */
export type Prefer = "declared" | "inferred";

export interface Merged {
  readonly type: ValueType;
  /** True when the two cannot both be right; the inferred facts were kept. */
  readonly conflict: boolean;
}

/** Joins what the model declares with what the operators give, keeping what is more precise of each. */
export function mergeTypes(declared: ValueType | undefined, inferred: ValueType, prefer: Prefer): Merged {
  if (!declared) return { type: inferred, conflict: false };
  if (declared.kind !== inferred.kind) return { type: inferred, conflict: true };
  if ((declared.kind === "tensor" && inferred.kind === "tensor") || (declared.kind === "sparse" && inferred.kind === "sparse")) {
    const shape = mergeShapes(declared.shape, inferred.shape, prefer);
    const dtypeConflict = declared.dtype !== undefined && inferred.dtype !== undefined && declared.dtype !== inferred.dtype;
    return { type: { ...declared, dtype: inferred.dtype ?? declared.dtype, shape: shape.shape } as ValueType, conflict: shape.conflict || dtypeConflict };
  }
  if ((declared.kind === "sequence" && inferred.kind === "sequence") || (declared.kind === "optional" && inferred.kind === "optional")) {
    if (!inferred.element) return { type: declared, conflict: false };
    const element = mergeTypes(declared.element, inferred.element, prefer);
    return { type: { ...inferred, element: element.type }, conflict: element.conflict };
  }
  return { type: inferred, conflict: false };
}

function mergeShapes(declared: Shape | undefined, inferred: Shape | undefined, prefer: Prefer): { shape: Shape | undefined; conflict: boolean } {
  if (!declared || !inferred) return { shape: inferred ?? declared, conflict: false };
  if (declared.length !== inferred.length) return { shape: inferred, conflict: true };
  let conflict = false;
  const shape = inferred.map((dim, i): Dim => {
    const old = declared[i]!;
    if (dim === null || old === null) return dim ?? old;
    if (differentDims(old, dim)) {
      conflict = true;
      return dim;
    }
    return mergeDims(old, dim, prefer);
  });
  return { shape, conflict };
}

function mergeDims(declared: number | string, inferred: number | string, prefer: Prefer): Dim {
  if (typeof inferred === "number") return inferred;
  if (typeof declared === "number") return declared;
  return prefer === "declared" || sameDim(declared, inferred) ? declared : inferred;
}

/** What holds for both types: differing dimensions become unknown, differing ranks unknown shapes. For branches and loops. */
export function commonType(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (!a || !b || a.kind !== b.kind) return undefined;
  if ((a.kind === "tensor" && b.kind === "tensor") || (a.kind === "sparse" && b.kind === "sparse")) {
    return { kind: a.kind, dtype: a.dtype === b.dtype ? a.dtype : undefined, shape: commonShape(a.shape, b.shape) };
  }
  if ((a.kind === "sequence" && b.kind === "sequence") || (a.kind === "optional" && b.kind === "optional")) {
    return { kind: a.kind, element: commonType(a.element, b.element) };
  }
  return a;
}

export function commonShape(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (!a || !b || a.length !== b.length) return undefined;
  return a.map((dim, i) => (sameDim(dim, b[i]!) ? dim : null));
}

/** True when the types say the same. */
export function equalTypes(a: ValueType | undefined, b: ValueType | undefined): boolean {
  if (!a || !b || a.kind !== b.kind) return a === b;
  if ((a.kind === "tensor" && b.kind === "tensor") || (a.kind === "sparse" && b.kind === "sparse")) return a.dtype === b.dtype && equalShapes(a.shape, b.shape);
  if ((a.kind === "sequence" && b.kind === "sequence") || (a.kind === "optional" && b.kind === "optional")) return equalTypes(a.element, b.element);
  return true;
}

const equalShapes = (a: Shape | undefined, b: Shape | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.length === b.length && a.every((dim, i) => dim === b[i]));
