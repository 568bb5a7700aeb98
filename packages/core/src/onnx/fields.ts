/**
 * The ONNX schema: every message with its fields, once. Decoder, encoder and types all follow this table.
 * Source: onnx.proto of ONNX 1.20 (IR version 13); `TypeProto.Opaque` is from its onnx-ml variant.
 */

/**
 * - `name`: a text bounded like an identifier; `text`: any other text. Both are protobuf strings.
 * - `bytes`: a byte string in memory; `blob`: a byte string that may also come from a file.
 */
export type ScalarType = "int32" | "int64" | "float" | "name" | "text" | "bytes" | "blob";

/** Lists of numbers kept as the bytes of their packed encoding, because they hold tensor content. */
export type PackedType = "packed32" | "packed64" | "packedVarint";

export interface Field<T extends string = string, M extends boolean = boolean> {
  readonly number: number;
  readonly type: T;
  readonly many: M;
  /** Fields of one message with the same `oneof` exclude each other; the last one wins. */
  readonly oneof?: string;
}

const one = <T extends string>(number: number, type: T, oneof?: string): Field<T, false> =>
  oneof === undefined ? { number, type, many: false } : { number, type, many: false, oneof };
const many = <T extends string>(number: number, type: T): Field<T, true> => ({ number, type, many: true });
const packed = <T extends PackedType>(number: number, type: T): Field<T, false> => ({ number, type, many: false });

export const messages = {
  ModelProto: {
    irVersion: one(1, "int64"),
    producerName: one(2, "text"),
    producerVersion: one(3, "text"),
    domain: one(4, "name"),
    modelVersion: one(5, "int64"),
    docString: one(6, "text"),
    graph: one(7, "GraphProto"),
    opsetImport: many(8, "OperatorSetIdProto"),
    metadataProps: many(14, "StringStringEntryProto"),
    trainingInfo: many(20, "TrainingInfoProto"),
    functions: many(25, "FunctionProto"),
    configuration: many(26, "DeviceConfigurationProto"),
  },
  GraphProto: {
    node: many(1, "NodeProto"),
    name: one(2, "name"),
    initializer: many(5, "TensorProto"),
    docString: one(10, "text"),
    input: many(11, "ValueInfoProto"),
    output: many(12, "ValueInfoProto"),
    valueInfo: many(13, "ValueInfoProto"),
    quantizationAnnotation: many(14, "TensorAnnotation"),
    sparseInitializer: many(15, "SparseTensorProto"),
    metadataProps: many(16, "StringStringEntryProto"),
  },
  NodeProto: {
    input: many(1, "name"),
    output: many(2, "name"),
    name: one(3, "name"),
    opType: one(4, "name"),
    attribute: many(5, "AttributeProto"),
    docString: one(6, "text"),
    domain: one(7, "name"),
    overload: one(8, "name"),
    metadataProps: many(9, "StringStringEntryProto"),
    deviceConfigurations: many(10, "NodeDeviceConfigurationProto"),
  },
  AttributeProto: {
    name: one(1, "name"),
    f: one(2, "float"),
    i: one(3, "int64"),
    s: one(4, "bytes"),
    t: one(5, "TensorProto"),
    g: one(6, "GraphProto"),
    floats: many(7, "float"),
    ints: many(8, "int64"),
    strings: many(9, "bytes"),
    tensors: many(10, "TensorProto"),
    graphs: many(11, "GraphProto"),
    docString: one(13, "text"),
    tp: one(14, "TypeProto"),
    typeProtos: many(15, "TypeProto"),
    type: one(20, "int32"),
    refAttrName: one(21, "name"),
    sparseTensor: one(22, "SparseTensorProto"),
    sparseTensors: many(23, "SparseTensorProto"),
  },
  TensorProto: {
    dims: many(1, "int64"),
    dataType: one(2, "int32"),
    segment: one(3, "TensorSegment"),
    floatData: packed(4, "packed32"),
    int32Data: packed(5, "packedVarint"),
    stringData: many(6, "bytes"),
    int64Data: packed(7, "packedVarint"),
    name: one(8, "name"),
    rawData: one(9, "blob"),
    doubleData: packed(10, "packed64"),
    uint64Data: packed(11, "packedVarint"),
    docString: one(12, "text"),
    externalData: many(13, "StringStringEntryProto"),
    dataLocation: one(14, "int32"),
    metadataProps: many(16, "StringStringEntryProto"),
  },
  TensorSegment: {
    begin: one(1, "int64"),
    end: one(2, "int64"),
  },
  SparseTensorProto: {
    values: one(1, "TensorProto"),
    indices: one(2, "TensorProto"),
    dims: many(3, "int64"),
  },
  ValueInfoProto: {
    name: one(1, "name"),
    type: one(2, "TypeProto"),
    docString: one(3, "text"),
    metadataProps: many(4, "StringStringEntryProto"),
  },
  TypeProto: {
    tensorType: one(1, "TensorTypeProto", "value"),
    sequenceType: one(4, "SequenceTypeProto", "value"),
    mapType: one(5, "MapTypeProto", "value"),
    denotation: one(6, "text"),
    opaqueType: one(7, "OpaqueTypeProto", "value"),
    sparseTensorType: one(8, "TensorTypeProto", "value"),
    optionalType: one(9, "OptionalTypeProto", "value"),
  },
  TensorTypeProto: {
    elemType: one(1, "int32"),
    shape: one(2, "TensorShapeProto"),
  },
  SequenceTypeProto: {
    elemType: one(1, "TypeProto"),
  },
  MapTypeProto: {
    keyType: one(1, "int32"),
    valueType: one(2, "TypeProto"),
  },
  OptionalTypeProto: {
    elemType: one(1, "TypeProto"),
  },
  OpaqueTypeProto: {
    domain: one(1, "name"),
    name: one(2, "name"),
  },
  TensorShapeProto: {
    dim: many(1, "DimensionProto"),
  },
  DimensionProto: {
    dimValue: one(1, "int64", "value"),
    dimParam: one(2, "name", "value"),
    denotation: one(3, "text"),
  },
  OperatorSetIdProto: {
    domain: one(1, "name"),
    version: one(2, "int64"),
  },
  StringStringEntryProto: {
    key: one(1, "name"),
    value: one(2, "text"),
  },
  TensorAnnotation: {
    tensorName: one(1, "name"),
    quantParameterTensorNames: many(2, "StringStringEntryProto"),
  },
  FunctionProto: {
    name: one(1, "name"),
    input: many(4, "name"),
    output: many(5, "name"),
    attribute: many(6, "name"),
    node: many(7, "NodeProto"),
    docString: one(8, "text"),
    opsetImport: many(9, "OperatorSetIdProto"),
    domain: one(10, "name"),
    attributeProto: many(11, "AttributeProto"),
    valueInfo: many(12, "ValueInfoProto"),
    overload: one(13, "name"),
    metadataProps: many(14, "StringStringEntryProto"),
  },
  TrainingInfoProto: {
    initialization: one(1, "GraphProto"),
    algorithm: one(2, "GraphProto"),
    initializationBinding: many(3, "StringStringEntryProto"),
    updateBinding: many(4, "StringStringEntryProto"),
  },
  DeviceConfigurationProto: {
    name: one(1, "name"),
    numDevices: one(2, "int32"),
    device: many(3, "name"),
  },
  NodeDeviceConfigurationProto: {
    configurationId: one(1, "name"),
    shardingSpec: many(2, "ShardingSpecProto"),
    pipelineStage: one(3, "int32"),
  },
  ShardingSpecProto: {
    tensorName: one(1, "name"),
    device: many(2, "int64"),
    indexToDeviceGroupMap: many(3, "IntIntListEntryProto"),
    shardedDim: many(4, "ShardedDimProto"),
  },
  ShardedDimProto: {
    axis: one(1, "int64"),
    simpleSharding: many(2, "SimpleShardedDimProto"),
  },
  SimpleShardedDimProto: {
    dimValue: one(1, "int64", "dim"),
    dimParam: one(2, "name", "dim"),
    numShards: one(3, "int64"),
  },
  IntIntListEntryProto: {
    key: one(1, "int64"),
    value: many(2, "int64"),
  },
};
