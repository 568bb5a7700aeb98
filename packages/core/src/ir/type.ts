/** Types of values, as ONNX `TypeProto` has them. */
import type { DType } from "../dtype.ts";

/**
 * One dimension: a number, a symbol or symbolic expression ("N", "2*N + 1", see dim.ts), or null when nothing is known.
 */
export type Dim = number | string | null;
export type Shape = readonly Dim[];

export interface TensorType {
  readonly kind: "tensor";
  readonly dtype: DType | undefined;
  /** undefined: the rank is unknown. */
  readonly shape: Shape | undefined;
  /** ONNX denotations by axis, and of the type; kept through a round trip. */
  readonly denotation?: string;
  readonly dimDenotations?: readonly (string | undefined)[];
}
export interface SparseTensorType {
  readonly kind: "sparse";
  readonly dtype: DType | undefined;
  readonly shape: Shape | undefined;
}
export interface SequenceType {
  readonly kind: "sequence";
  readonly element: ValueType | undefined;
}
export interface OptionalType {
  readonly kind: "optional";
  readonly element: ValueType | undefined;
}
export interface MapType {
  readonly kind: "map";
  readonly key: DType;
  readonly value: ValueType | undefined;
}
/** A type this version does not read (ONNX `Opaque`, or newer): its encoded bytes. */
export interface OpaqueType {
  readonly kind: "opaque";
  readonly bytes: Uint8Array;
}
export type ValueType = TensorType | SparseTensorType | SequenceType | OptionalType | MapType | OpaqueType;

export const tensorType = (dtype: DType | undefined, shape?: Shape): TensorType => ({ kind: "tensor", dtype, shape });

/** True when every dimension is a number. */
export const isStatic = (shape: Shape | undefined): shape is readonly number[] =>
  shape !== undefined && shape.every((d) => typeof d === "number");

/** "float32[N,3,?]"; unknown rank prints as "[...]". */
export function typeToString(type: ValueType | undefined): string {
  if (!type) return "?";
  switch (type.kind) {
    case "tensor":
    case "sparse": {
      const dims = type.shape ? `[${type.shape.map((d) => d ?? "?").join(",")}]` : "[...]";
      return `${type.kind === "sparse" ? "sparse " : ""}${type.dtype ?? "?"}${dims}`;
    }
    case "map":
      return `map(${type.key}, ${typeToString(type.value)})`;
    case "opaque":
      return "opaque";
    default:
      return `${type.kind}(${typeToString(type.element)})`;
  }
}
