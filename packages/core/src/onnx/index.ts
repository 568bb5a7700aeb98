/** The ONNX codec: files to models and back. */
export { codecErrors } from "./errors.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export { decodeProto } from "./decode.ts";
export { encodeParts, encodeProto } from "./encode.ts";
export type { ByteSource, Part } from "./writer.ts";
export type {
  AttributeProto, EntryProto, FunctionProto, GraphProto, MessageName, ModelProto, NodeProto, Proto, SparseTensorProto, TensorProto,
  TensorShapeProto, TypeProto, ValueInfoProto,
} from "./proto.ts";
