/** The ONNX codec: bytes to models and back, and the plain protobuf messages below. */
export { codecErrors } from "./errors.ts";
export { onnxErrors } from "./graph-errors.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export type { Notice, OnNotice } from "./notice.ts";
export { decodeModel, encodeModel, encodeModelChunks, type DecodeOptions } from "./model.ts";
export { memoryResolver, type ExternalRef, type ExternalResolver } from "./external-ref.ts";
export { modelToProto } from "./model-to-proto.ts";
export type { ExternalPlacement } from "./tensor-proto.ts";
export { sparseOf } from "./sparse.ts";
export { decodeProto } from "./decode.ts";
export { encodeParts, encodeProto } from "./encode.ts";
export type { RandomAccess } from "./wire.ts";
export { chunksOf, type ByteSource, type Part } from "./writer.ts";
export type {
  AttributeProto, EntryProto, FunctionProto, GraphProto, MessageName, ModelProto, NodeProto, Proto, SparseTensorProto, TensorProto,
  TensorShapeProto, TypeProto, ValueInfoProto,
} from "./proto.ts";
