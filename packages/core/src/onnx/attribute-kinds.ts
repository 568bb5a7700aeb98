/** The kinds of attributes: ONNX `AttributeProto.AttributeType` id, field that carries the value, and name in messages. */
import type { AttributeKind } from "../ir/attribute.ts";
import type { AttributeProto } from "./proto.ts";

export type AttributeField = Exclude<keyof AttributeProto, "name" | "refAttrName" | "docString" | "type" | "unknown">;

export interface KindRow {
  readonly id: number;
  readonly field: AttributeField;
}

/** `bytes` and `bytesList` share a row of ONNX with `string` and `strings`: they hold what is not UTF-8. */
export const attributeKinds: Readonly<Record<AttributeKind, KindRow>> = {
  float: { id: 1, field: "f" },
  int: { id: 2, field: "i" },
  string: { id: 3, field: "s" },
  bytes: { id: 3, field: "s" },
  tensor: { id: 4, field: "t" },
  graph: { id: 5, field: "g" },
  floats: { id: 6, field: "floats" },
  ints: { id: 7, field: "ints" },
  strings: { id: 8, field: "strings" },
  bytesList: { id: 8, field: "strings" },
  tensors: { id: 9, field: "tensors" },
  graphs: { id: 10, field: "graphs" },
  sparse: { id: 11, field: "sparseTensor" },
  sparses: { id: 12, field: "sparseTensors" },
  type: { id: 13, field: "tp" },
  types: { id: 14, field: "typeProtos" },
};

const kinds = Object.keys(attributeKinds) as AttributeKind[];

export const attributeFields: readonly AttributeField[] = [...new Set(kinds.map((kind) => attributeKinds[kind].field))];

/** The first kind with this id or field; string before bytes. */
export const kindOfId = (id: number): AttributeKind | undefined => kinds.find((kind) => attributeKinds[kind].id === id);
export const kindOfField = (field: AttributeField): AttributeKind => kinds.find((kind) => attributeKinds[kind].field === field)!;
