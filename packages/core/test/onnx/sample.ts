/** A small model that has some of everything: subgraphs with captures, a function, sparse weights, symbols, metadata, unknown fields. */
import { encodeProto, type GraphProto, type ModelProto, type ValueInfoProto } from "@lathe/core";
import { file, number } from "./bytes.ts";

const INT64 = 7;
const FLOAT = 1;
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const info = (name: string, elemType: number, dims: readonly (number | string)[]): ValueInfoProto => ({
  name,
  type: { tensorType: { elemType, shape: { dim: dims.map((d) => (typeof d === "number" ? { dimValue: d } : { dimParam: d })) } } },
});

export const floats = (...values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
export const int64s = (...values: readonly number[]): Uint8Array => new Uint8Array(BigInt64Array.from(values, BigInt).buffer);

const branch = (name: string, opType: string): GraphProto => ({
  name,
  node: [{ name: `${name}/op`, opType, input: ["hidden", "w"], output: ["branch_out"] }],
  output: [info("branch_out", FLOAT, ["N", 2])],
});

export const sampleGraph: GraphProto = {
  name: "main",
  docString: "a sample",
  input: [info("x", FLOAT, ["N", 2]), info("flag", 9, [])],
  output: [info("y", FLOAT, ["N", 2])],
  initializer: [
    { name: "w", dataType: FLOAT, dims: [2], rawData: floats(1, 2), docString: "scale", metadataProps: [{ key: "origin", value: "hand" }] },
    { name: "shape", dataType: INT64, dims: [2], rawData: int64s(-1, 2) },
  ],
  sparseInitializer: [
    { values: { name: "s", dataType: FLOAT, dims: [2], rawData: floats(5, 6) }, indices: { dataType: INT64, dims: [2], rawData: int64s(1, 3) }, dims: [2, 2] },
  ],
  node: [
    { name: "a", opType: "Twice", domain: "local", input: ["x"], output: ["t"], attribute: [{ name: "factor", type: 1, f: 3 }] },
    { name: "m", opType: "MatMul", input: ["t", "s"], output: ["hidden"], metadataProps: [{ key: "layer", value: "1" }], unknown: [file(number(200, 9))] },
    { name: "c", opType: "Clip", input: ["hidden", "", "w"], output: ["clipped"] },
    {
      name: "if", opType: "If", input: ["flag"], output: ["branched"],
      attribute: [{ name: "then_branch", type: 5, g: branch("then", "Mul") }, { name: "else_branch", type: 5, g: branch("else", "Add") }],
    },
    { name: "r", opType: "Reshape", input: ["branched", "shape"], output: ["reshaped"], attribute: [{ name: "note", type: 3, s: utf8("größe") }, { name: "blob", type: 3, s: Uint8Array.of(0xff) }] },
    { name: "sum", opType: "Add", input: ["reshaped", "clipped"], output: ["y"] },
  ],
  valueInfo: [{ ...info("t", FLOAT, ["N", 2]), docString: "scaled" }, info("hidden", FLOAT, ["N", 2])],
  quantizationAnnotation: [{ tensorName: "hidden", quantParameterTensorNames: [{ key: "SCALE_TENSOR", value: "w" }] }],
  metadataProps: [{ key: "graph", value: "yes" }],
};

export const sampleModel: ModelProto = {
  irVersion: 10,
  producerName: "sample",
  opsetImport: [{ domain: "", version: 21 }, { domain: "local", version: 1 }],
  graph: sampleGraph,
  metadataProps: [{ key: "author", value: "someone" }],
  functions: [
    {
      name: "Twice",
      domain: "local",
      input: ["in"],
      output: ["out"],
      attribute: ["factor"],
      attributeProto: [{ name: "bias", type: 1, f: 0.5 }],
      node: [
        { opType: "Constant", output: ["k"], attribute: [{ name: "value_float", type: 1, refAttrName: "factor" }] },
        { opType: "Mul", input: ["in", "k"], output: ["out"] },
      ],
      opsetImport: [{ domain: "", version: 21 }],
    },
  ],
  trainingInfo: [{ algorithm: { name: "train" } }],
  configuration: [{ name: "pair", numDevices: 2 }],
  unknown: [file(number(300, 1))],
};

export const sampleBytes = (): Uint8Array => encodeProto("ModelProto", sampleModel);
