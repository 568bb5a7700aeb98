/** Attributes of nodes: a tagged union with the ONNX `AttributeProto.AttributeType` names in lower case. */
import type { Tensor } from "../tensor.ts";
import type { Graph } from "./graph.ts";
import type { ValueType } from "./type.ts";

/** A sparse tensor in COO form (ONNX `SparseTensorProto`): `indices` is int64 [nnz] (linear) or [nnz, rank]. */
export interface SparseTensor {
  readonly values: Tensor;
  readonly indices: Tensor;
  readonly dims: readonly number[];
}

interface AttributeCases {
  float: number;
  floats: readonly number[];
  /** int64: a number when safe, else a bigint. */
  int: number | bigint;
  ints: readonly (number | bigint)[];
  string: string;
  strings: readonly string[];
  tensor: Tensor;
  tensors: readonly Tensor[];
  graph: Graph;
  graphs: readonly Graph[];
  sparse: SparseTensor;
  sparses: readonly SparseTensor[];
  type: ValueType;
  types: readonly ValueType[];
  /** A string attribute whose bytes are not valid UTF-8. */
  bytes: Uint8Array;
  bytesList: readonly Uint8Array[];
}

export type AttributeKind = keyof AttributeCases;

/** `ref` names the attribute of the enclosing function whose value is taken (only in function bodies; then `value` is absent). */
export type Attribute = {
  [K in AttributeKind]:
    | { readonly kind: K; readonly value: AttributeCases[K]; readonly ref?: undefined; readonly docString?: string; readonly unknown?: Uint8Array }
    | { readonly kind: K; readonly ref: string; readonly value?: undefined; readonly docString?: string; readonly unknown?: Uint8Array };
}[AttributeKind];

export type AttributeOf<K extends AttributeKind> = AttributeCases[K];

/** Short forms accepted when a node is made: 1 is an int only where said so, because JavaScript cannot tell 1 from 1.0. */
export const attr = {
  float: (value: number): Attribute => ({ kind: "float", value }),
  floats: (value: readonly number[]): Attribute => ({ kind: "floats", value }),
  int: (value: number | bigint): Attribute => ({ kind: "int", value }),
  ints: (value: readonly (number | bigint)[]): Attribute => ({ kind: "ints", value }),
  string: (value: string): Attribute => ({ kind: "string", value }),
  strings: (value: readonly string[]): Attribute => ({ kind: "strings", value }),
  tensor: (value: Tensor): Attribute => ({ kind: "tensor", value }),
  graph: (value: Graph): Attribute => ({ kind: "graph", value }),
  type: (value: ValueType): Attribute => ({ kind: "type", value }),
} as const;
