/** One named case for every way in which a well-formed file is refused because of the model in it. Paths of files: onnx-files.test.ts. */
import { describe, expect, test } from "vitest";
import { decodeModel, encodeProto, onnxErrors, type GraphProto, type ModelProto, type TensorProto } from "@lathe/core";
import { varint } from "./onnx/bytes.ts";
import { codeOf } from "./onnx/codes.ts";
import { floats, info, int64s } from "./onnx/sample.ts";

interface Case {
  readonly code: string;
  readonly name: string;
  readonly model: ModelProto;
}

const base: ModelProto = { irVersion: 10, opsetImport: [{ version: 21 }] };
const graph = (code: string, name: string, g: GraphProto): Case => ({ code, name, model: { ...base, graph: g } });
const tensor = (code: string, name: string, t: TensorProto): Case => graph(code, name, { initializer: [{ name: "w", ...t }] });
const node = (code: string, name: string, attribute: NonNullable<NonNullable<GraphProto["node"]>[0]["attribute"]>): Case =>
  graph(code, name, { node: [{ opType: "X", output: ["y"], attribute }] });
const external = (code: string, name: string, ...entries: readonly (readonly [string, string])[]): Case =>
  tensor(code, name, { dataType: 1, dims: [2], dataLocation: 1, externalData: entries.map(([key, value]) => ({ key, value })) });
const sparse = (code: string, name: string, values: TensorProto, indices: TensorProto, dims: readonly number[]): Case =>
  graph(code, name, { sparseInitializer: [{ values: { name: "s", ...values }, indices, dims }] });

const relu = (input: string, output: string): NonNullable<GraphProto["node"]>[0] => ({ opType: "Relu", input: [input], output: [output] });
const values2: TensorProto = { dataType: 1, dims: [2], rawData: floats(1, 2) };
const indices2: TensorProto = { dataType: 7, dims: [2], rawData: int64s(0, 1) };

const cases: readonly Case[] = [
  { code: "ONNX_NO_GRAPH", name: "nothing at all", model: {} },
  { code: "ONNX_NUMBER", name: "no IR version", model: { graph: {} } },
  { code: "ONNX_NUMBER", name: "a negative operator set version", model: { irVersion: 10, graph: {}, opsetImport: [{ version: -1 }] } },
  { code: "ONNX_NUMBER", name: "an operator set version beyond 2^53", model: { irVersion: 10, graph: {}, opsetImport: [{ version: 2n ** 60n }] } },
  graph("ONNX_NUMBER", "a dimension beyond 2^53", { input: [{ name: "x", type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2n ** 60n }] } } } }] }),
  { code: "ONNX_OPSET_CONFLICT", name: "one domain in two versions", model: { irVersion: 10, graph: {}, opsetImport: [{ version: 20 }, { domain: "ai.onnx", version: 21 }] } },
  graph("ONNX_NAME_EMPTY", "an input", { input: [{}] }),
  graph("ONNX_NAME_EMPTY", "an initializer", { initializer: [{ dataType: 1, rawData: floats(1) }] }),
  graph("ONNX_NAME_DUPLICATE", "two inputs", { input: [info("x", 1, []), info("x", 1, [])] }),
  graph("ONNX_NAME_DUPLICATE", "two initializers", { initializer: [{ name: "w", ...values2 }, { name: "w", ...values2 }] }),
  graph("ONNX_NAME_DUPLICATE", "two outputs of nodes", { input: [info("x", 1, [])], node: [relu("x", "y"), relu("x", "y")] }),
  graph("ONNX_NAME_DUPLICATE", "an input and the output of a node", { input: [info("x", 1, [])], node: [relu("x", "x")] }),
  node("ONNX_NAME_DUPLICATE", "two attributes of a node", [{ name: "a", type: 2 }, { name: "a", type: 2 }]),
  { code: "ONNX_NAME_DUPLICATE", name: "two functions", model: { ...base, graph: {}, functions: [{ name: "F", domain: "d" }, { name: "F", domain: "d" }] } },
  graph("ONNX_NAME_UNDEFINED", "the input of a node", { node: [relu("nowhere", "y")] }),
  graph("ONNX_NAME_UNDEFINED", "a graph output", { output: [info("nowhere", 1, [])] }),
  graph("ONNX_NAME_UNDEFINED", "a value of a sibling graph", {
    input: [info("c", 9, [])],
    node: [{
      opType: "If", input: ["c"], output: ["y"], attribute: [
        { name: "then_branch", type: 5, g: { node: [{ opType: "Constant", output: ["inner"] }], output: [{ name: "inner" }] } },
        { name: "else_branch", type: 5, g: { output: [{ name: "inner" }] } },
      ],
    }],
  }),
  { code: "ONNX_NAME_UNDEFINED", name: "a value of the main graph in a function", model: { ...base, graph: { input: [info("x", 1, [])] }, functions: [{ name: "F", domain: "d", node: [relu("x", "y")] }] } },
  graph("ONNX_CYCLE", "two nodes that read each other", { node: [relu("b", "a"), relu("a", "b")] }),
  graph("ONNX_CYCLE", "a node whose subgraph reads its own output", { node: [{ opType: "If", output: ["y"], attribute: [{ name: "g", type: 5, g: { node: [relu("y", "z")] } }] }] }),
  node("ONNX_ATTRIBUTE_TYPE", "a type that does not exist", [{ name: "a", type: 99 }]),
  node("ONNX_ATTRIBUTE_TYPE", "no type and no value", [{ name: "a" }]),
  node("ONNX_ATTRIBUTE_VALUE", "declared INT, carries floats", [{ name: "a", type: 2, floats: [1] }]),
  node("ONNX_ATTRIBUTE_VALUE", "declared TENSOR, carries nothing", [{ name: "a", type: 4 }]),
  node("ONNX_ATTRIBUTE_VALUE", "a reference that carries a value too", [{ name: "a", type: 2, refAttrName: "b", i: 1 }]),
  tensor("ONNX_TENSOR_TYPE", "an element type that does not exist", { dataType: 99, dims: [1], rawData: floats(1) }),
  tensor("ONNX_TENSOR_TYPE", "no element type", { dims: [1], rawData: floats(1) }),
  graph("ONNX_TENSOR_TYPE", "in the type of an input", { input: [info("x", 99, [])] }),
  tensor("ONNX_TENSOR_DIMS", "a negative dimension", { dataType: 1, dims: [-1], rawData: floats(1) }),
  tensor("ONNX_TENSOR_DIMS", "a product that overflows 64 bits to a small number", { dataType: 1, dims: [2 ** 32, 2 ** 32], rawData: new Uint8Array() }),
  tensor("ONNX_TENSOR_DIMS", "a dimension beyond 2^53", { dataType: 1, dims: [2n ** 60n, 0], rawData: new Uint8Array() }),
  tensor("ONNX_TENSOR_SIZE", "raw data too short", { dataType: 1, dims: [3], rawData: floats(1, 2) }),
  tensor("ONNX_TENSOR_SIZE", "raw data too long for 4-bit elements", { dataType: 22, dims: [3], rawData: Uint8Array.of(1, 2, 3) }),
  tensor("ONNX_TENSOR_SIZE", "a huge shape with no data", { dataType: 1, dims: [2 ** 40] }),
  tensor("ONNX_TENSOR_SIZE", "float data too short", { dataType: 1, dims: [3], floatData: [floats(1, 2)] }),
  tensor("ONNX_TENSOR_SIZE", "int32 data too long", { dataType: 6, dims: [1], int32Data: [Uint8Array.of(1, 2)] }),
  tensor("ONNX_TENSOR_SIZE", "strings too few", { dataType: 8, dims: [2], stringData: [new Uint8Array()] }),
  tensor("ONNX_TENSOR_FIELD", "floats in int64 data", { dataType: 1, dims: [1], int64Data: [Uint8Array.of(1)] }),
  tensor("ONNX_TENSOR_FIELD", "raw and typed data at once", { dataType: 1, dims: [1], floatData: [floats(1)], rawData: floats(1) }),
  tensor("ONNX_TENSOR_FIELD", "strings in raw data", { dataType: 8, dims: [1], rawData: Uint8Array.of(1) }),
  tensor("ONNX_TENSOR_FIELD", "external and raw data at once", { dataType: 1, dims: [1], rawData: floats(1), dataLocation: 1, externalData: [{ key: "location", value: "w" }] }),
  tensor("ONNX_TENSOR_FIELD", "external strings", { dataType: 8, dims: [1], dataLocation: 1, externalData: [{ key: "location", value: "w" }] }),
  tensor("ONNX_TENSOR_SEGMENT", "a tensor in segments", { dataType: 1, dims: [1], rawData: floats(1), segment: { begin: 0, end: 1 } }),
  tensor("ONNX_TENSOR_RANGE", "300 as uint8", { dataType: 2, dims: [1], int32Data: [Uint8Array.from(varint(300))] }),
  tensor("ONNX_TENSOR_RANGE", "-1 as uint16", { dataType: 4, dims: [1], int32Data: [Uint8Array.from(varint(-1))] }),
  tensor("ONNX_TENSOR_RANGE", "2 as bool", { dataType: 9, dims: [1], int32Data: [Uint8Array.of(2)] }),
  tensor("ONNX_TENSOR_RANGE", "2^32 as uint32", { dataType: 12, dims: [1], uint64Data: [Uint8Array.from(varint(2 ** 32))] }),
  tensor("ONNX_TENSOR_RANGE", "17 bits as float16", { dataType: 10, dims: [1], int32Data: [Uint8Array.from(varint(65536))] }),
  tensor("ONNX_TENSOR_UTF8", "a string that is not UTF-8", { dataType: 8, dims: [1], stringData: [Uint8Array.of(0xff)] }),
  sparse("ONNX_SPARSE", "fewer indices than values", values2, { dataType: 7, dims: [1], rawData: int64s(0) }, [4]),
  sparse("ONNX_SPARSE", "indices of another type", values2, { dataType: 6, dims: [2], rawData: new Uint8Array(8) }, [4]),
  sparse("ONNX_SPARSE", "values with two dimensions", { dataType: 1, dims: [1, 2], rawData: floats(1, 2) }, indices2, [4]),
  sparse("ONNX_SPARSE", "4-bit values", { dataType: 22, dims: [2], rawData: Uint8Array.of(1) }, indices2, [4]),
  sparse("ONNX_SPARSE", "an index outside the shape", values2, indices2, [1]),
  sparse("ONNX_SPARSE", "a negative index", values2, { dataType: 7, dims: [2], rawData: int64s(0, -1) }, [4]),
  graph("ONNX_SPARSE", "no indices", { sparseInitializer: [{ values: { name: "s", ...values2 }, dims: [4] }] }),
  sparse("ONNX_LIMIT_DENSE", "two values that would take 4 TiB", values2, indices2, [2 ** 40]),
  external("ONNX_EXTERNAL_UNAVAILABLE", "a file that was not given", ["location", "w.bin"]),
  external("ONNX_EXTERNAL_KEY", "a key that sets something else", ["location", "w.bin"], ["__class__", "x"]),
  external("ONNX_EXTERNAL_KEY", "a base path", ["location", "w.bin"], ["basepath", "/"]),
  external("ONNX_EXTERNAL_KEY", "a repeated key", ["location", "w.bin"], ["location", "v.bin"]),
  external("ONNX_EXTERNAL_NUMBER", "a negative offset", ["location", "w.bin"], ["offset", "-1"]),
  external("ONNX_EXTERNAL_NUMBER", "a negative length", ["location", "w.bin"], ["length", "-1"]),
  external("ONNX_EXTERNAL_NUMBER", "a fraction", ["location", "w.bin"], ["offset", "1.5"]),
  external("ONNX_EXTERNAL_NUMBER", "an offset beyond 2^53", ["location", "w.bin"], ["offset", "9999999999999999"]),
  external("ONNX_EXTERNAL_LENGTH", "a length that does not fit the shape", ["location", "w.bin"], ["length", "9"]),
  external("ONNX_EXTERNAL_EMPTY", "no location"),
  external("ONNX_EXTERNAL_NUL", "a NUL character", ["location", "w\0.bin"]),
  external("ONNX_EXTERNAL_ABSOLUTE", "an absolute path", ["location", "/etc/passwd"]),
  external("ONNX_EXTERNAL_ABSOLUTE", "an absolute path of Windows", ["location", "\\Windows\\win.ini"]),
  external("ONNX_EXTERNAL_DRIVE", "a drive", ["location", "C:\\w.bin"]),
  external("ONNX_EXTERNAL_DRIVE", "a drive without a slash", ["location", "c:w.bin"]),
  external("ONNX_EXTERNAL_DRIVE", "a network share", ["location", "\\\\server\\share\\w.bin"]),
  external("ONNX_EXTERNAL_TRAVERSAL", "the parent folder", ["location", "../w.bin"]),
  external("ONNX_EXTERNAL_TRAVERSAL", "the parent folder on the way", ["location", "a/../../w.bin"]),
  external("ONNX_EXTERNAL_TRAVERSAL", "the parent folder with a backslash", ["location", "a\\..\\..\\w.bin"]),
];

/** Reads the model and, as some checks wait for it, all content of its initializers. */
function readAll(model: ModelProto): void {
  const bytes = encodeProto("ModelProto", model);
  for (const graphs of decodeModel(bytes).graph.allGraphs()) for (const value of graphs.values()) value.tensor?.bytes();
}

describe("refused models", () => {
  test.each(cases)("$code: $name", ({ code, model }) => {
    expect(codeOf(() => readAll(model))).toBe(code);
  });

  test("ONNX_EXTERNAL_RANGE: content beyond the end of a file in memory", () => {
    const bytes = encodeProto("ModelProto", external("", "", ["location", "w.bin"], ["offset", "4"]).model);
    const given = (size: number): string | undefined => codeOf(() => decodeModel(bytes, { externalData: new Map([["w.bin", new Uint8Array(size)]]) }));
    expect(given(11)).toBe("ONNX_EXTERNAL_RANGE");
    expect(given(12)).toBeUndefined();
  });

  test("every code of the catalogue has a case here or among the files", () => {
    const elsewhere = ["ONNX_ENCODE_SCOPE", "ONNX_EXTERNAL_RANGE", "ONNX_EXTERNAL_MISSING", "ONNX_EXTERNAL_SYMLINK", "ONNX_EXTERNAL_HARDLINK", "ONNX_EXTERNAL_NOT_FILE", "ONNX_EXTERNAL_CHECKSUM"];
    const covered = new Set([...cases.map((c) => c.code), ...elsewhere]);
    expect(onnxErrors.$rows.map((row) => row.code).filter((code) => !covered.has(code))).toEqual([]);
  });

  test("an error names what it is about", () => {
    expect(() => readAll({ ...base, graph: { name: "main", node: [{ name: "conv", opType: "Conv", input: ["nowhere"], output: ["y"] }] } })).toThrow(
      'Node "conv" of graph "main" reads "nowhere", which nothing in its scope defines.',
    );
  });
});
