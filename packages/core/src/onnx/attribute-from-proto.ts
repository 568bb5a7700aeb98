/** `AttributeProto` to `Attribute`. */
import type { Attribute, AttributeKind } from "../ir/attribute.ts";
import type { Graph } from "../ir/graph.ts";
import type { ValueType } from "../ir/type.ts";
import { attributeFields, attributeKinds, kindOfField, kindOfId, type AttributeField } from "./attribute-kinds.ts";
import { joinBytes } from "./entries.ts";
import { onnxErrors } from "./graph-errors.ts";
import type { AttributeProto, GraphProto, TypeProto } from "./proto.ts";
import { sparseFromProto, tensorFromProto, type TensorReading } from "./tensor-proto.ts";
import { typeFromProto } from "./type-proto.ts";
import { decodeUtf8 } from "./utf8.ts";

/** What an attribute needs from the reader of its graph. */
export interface AttributeReading extends TensorReading {
  readonly graph: (proto: GraphProto) => Graph;
}

/** `node` names the owner in messages. @throws ONNX_ATTRIBUTE_TYPE, ONNX_ATTRIBUTE_VALUE and what tensors and graphs throw. */
export function attributeFromProto(proto: AttributeProto, node: string, reading: AttributeReading): Attribute {
  const carried = attributeFields.filter((field) => isSet(proto[field]));
  const kind = kindOf(proto, carried, node);
  const { field } = attributeKinds[kind];
  const stray = carried.find((other) => other !== field || proto.refAttrName);
  if (stray !== undefined) throw valueError(proto, node, proto.refAttrName ? `a reference to "${proto.refAttrName}"` : kind, `a value in ${stray}`);
  const unknown = joinBytes(proto.unknown);
  const extra = {
    ...(proto.docString === undefined ? {} : { docString: proto.docString }),
    ...(unknown === undefined ? {} : { unknown }),
  };
  if (proto.refAttrName) return { kind, ref: proto.refAttrName, ...extra };
  return { ...valueOf(kind, proto, node, reading), ...extra };
}

const isSet = (value: unknown): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0);

/** Files of IR version 1 have no type: the field that is set tells. */
function kindOf(proto: AttributeProto, carried: readonly AttributeField[], node: string): AttributeKind {
  const type = proto.type ?? 0;
  const [first] = carried;
  const kind = type === 0 && first !== undefined ? kindOfField(first) : kindOfId(type);
  if (kind === undefined) throw onnxErrors.ONNX_ATTRIBUTE_TYPE({ node, attribute: proto.name ?? "", type });
  return kind;
}

const valueError = (proto: AttributeProto, node: string, expected: string, received: string): Error =>
  onnxErrors.ONNX_ATTRIBUTE_VALUE({ node, attribute: proto.name ?? "", expected, received });

/** Absent scalars are zero or empty (proto3 writers leave defaults out); absent messages are an error. */
function valueOf(kind: AttributeKind, proto: AttributeProto, node: string, reading: AttributeReading): Attribute {
  const owner = `${node}.${proto.name ?? ""}`;
  const must = <T>(value: T | undefined): T => {
    if (value === undefined) throw valueError(proto, node, kind, "nothing");
    return value;
  };
  switch (kind) {
    case "float": return { kind, value: proto.f ?? 0 };
    case "floats": return { kind, value: proto.floats ?? [] };
    case "int": return { kind, value: proto.i ?? 0 };
    case "ints": return { kind, value: proto.ints ?? [] };
    case "string": case "bytes": return textValue(proto.s ?? new Uint8Array());
    case "strings": case "bytesList": return textValues(proto.strings ?? []);
    case "tensor": return { kind, value: tensorFromProto(must(proto.t), owner, reading) };
    case "tensors": return { kind, value: (proto.tensors ?? []).map((t) => tensorFromProto(t, owner, reading)) };
    case "sparse": return { kind, value: sparseFromProto(must(proto.sparseTensor), owner, reading) };
    case "sparses": return { kind, value: (proto.sparseTensors ?? []).map((t) => sparseFromProto(t, owner, reading)) };
    case "graph": return { kind, value: reading.graph(must(proto.g)) };
    case "graphs": return { kind, value: (proto.graphs ?? []).map(reading.graph) };
    case "type": return { kind, value: typeValue(must(proto.tp), owner, reading) };
    case "types": return { kind, value: (proto.typeProtos ?? []).map((t) => typeValue(t, owner, reading)) };
  }
}

/** As an attribute even an empty type is a value. */
const typeValue = (proto: TypeProto, owner: string, { notice }: TensorReading): ValueType =>
  typeFromProto(proto, owner, notice) ?? { kind: "opaque", bytes: new Uint8Array() };

function textValue(bytes: Uint8Array): Attribute {
  const text = decodeUtf8(bytes);
  return text === undefined ? { kind: "bytes", value: bytes } : { kind: "string", value: text };
}

function textValues(list: readonly Uint8Array[]): Attribute {
  const texts = list.map(decodeUtf8);
  const valid = texts.filter((text) => text !== undefined);
  return valid.length === list.length ? { kind: "strings", value: valid } : { kind: "bytesList", value: list };
}
