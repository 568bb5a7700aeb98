/** `TypeProto` and `ValueType`, in both directions. */
import { dtypeFromId, dtypes, type DType } from "../dtype.ts";
import type { Dim, Shape, TensorType, ValueType } from "../ir/type.ts";
import { decodeProto } from "./decode.ts";
import { encodeProto } from "./encode.ts";
import { onnxErrors } from "./graph-errors.ts";
import type { OnNotice } from "./notice.ts";
import type { Proto, TensorShapeProto, TypeProto } from "./proto.ts";

type TensorTypeProto = Proto<"TensorTypeProto">;

/**
 * The type of a value; undefined when nothing is said. What the IR has no form for (Opaque, newer kinds) stays as encoded bytes.
 * `owner` names the value in messages.
 */
export function typeFromProto(proto: TypeProto | undefined, owner: string, notice: OnNotice): ValueType | undefined {
  if (proto === undefined || Object.keys(proto).length === 0) return undefined;
  const { tensorType, sparseTensorType, sequenceType, optionalType, mapType, denotation } = proto;
  if (tensorType) return { ...tensorOf(tensorType, owner, notice), ...(denotation === undefined ? {} : { denotation }) };
  if (sparseTensorType && denotation === undefined) return { kind: "sparse", dtype: dtypeOf(sparseTensorType.elemType, owner), shape: shapeOf(sparseTensorType.shape, owner, notice) };
  if (sequenceType && denotation === undefined) return { kind: "sequence", element: typeFromProto(sequenceType.elemType, owner, notice) };
  if (optionalType && denotation === undefined) return { kind: "optional", element: typeFromProto(optionalType.elemType, owner, notice) };
  const key = dtypeOf(mapType?.keyType, owner);
  if (mapType && key !== undefined && denotation === undefined) return { kind: "map", key, value: typeFromProto(mapType.valueType, owner, notice) };
  return { kind: "opaque", bytes: encodeProto("TypeProto", proto) };
}

function tensorOf(proto: TensorTypeProto, owner: string, notice: OnNotice): TensorType {
  const { shape } = proto;
  if (proto.unknown || shape?.unknown || shape?.dim?.some((d) => d.unknown)) {
    notice({ code: "UNKNOWN_DROPPED", message: `Unknown fields in the type of "${owner}" were dropped.` });
  }
  const type: TensorType = { kind: "tensor", dtype: dtypeOf(proto.elemType, owner), shape: shapeOf(shape, owner, notice) };
  if (!shape?.dim?.some((d) => d.denotation !== undefined)) return type;
  return { ...type, dimDenotations: shape.dim.map((d) => d.denotation) };
}

function dtypeOf(id: number | undefined, owner: string): DType | undefined {
  if (id === undefined || id === 0) return undefined;
  const dtype = dtypeFromId(id);
  if (dtype === undefined) throw onnxErrors.ONNX_TENSOR_TYPE({ tensor: owner, type: id });
  return dtype;
}

function shapeOf(proto: TensorShapeProto | undefined, owner: string, notice: OnNotice): Shape | undefined {
  if (proto === undefined) return undefined;
  return (proto.dim ?? []).map(({ dimValue, dimParam }, axis): Dim => {
    if (dimParam !== undefined) return dimParam === "" ? null : dimParam;
    if (dimValue === undefined) return null;
    if (typeof dimValue === "bigint" && dimValue > 0n) throw onnxErrors.ONNX_NUMBER({ what: `Dimension ${axis} of "${owner}"`, received: String(dimValue) });
    if (typeof dimValue === "number" && dimValue >= 0) return dimValue;
    notice({ code: "NEGATIVE_DIM", message: `Dimension ${axis} of "${owner}" is ${dimValue}, which is read as unknown.` });
    return null;
  });
}

export function typeToProto(type: ValueType | undefined): TypeProto | undefined {
  if (type === undefined) return undefined;
  switch (type.kind) {
    case "tensor": return { tensorType: tensorTypeProto(type), denotation: type.denotation };
    case "sparse": return { sparseTensorType: tensorTypeProto(type) };
    case "sequence": return { sequenceType: { elemType: typeToProto(type.element) } };
    case "optional": return { optionalType: { elemType: typeToProto(type.element) } };
    case "map": return { mapType: { keyType: dtypes[type.key].id, valueType: typeToProto(type.value) } };
    case "opaque": return decodeProto("TypeProto", type.bytes);
  }
}

function tensorTypeProto(type: { dtype: DType | undefined; shape: Shape | undefined; dimDenotations?: TensorType["dimDenotations"] }): TensorTypeProto {
  const elemType = type.dtype === undefined ? undefined : dtypes[type.dtype].id;
  if (type.shape === undefined) return { elemType };
  return { elemType, shape: { dim: type.shape.map((dim, axis) => ({ ...dimToProto(dim), denotation: type.dimDenotations?.[axis] })) } };
}

const dimToProto = (dim: Dim): Proto<"DimensionProto"> =>
  dim === null ? {} : typeof dim === "number" ? { dimValue: dim } : { dimParam: dim };
