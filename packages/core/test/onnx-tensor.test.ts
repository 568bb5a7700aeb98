/** Tensor content in raw and typed form. Source of the typed forms: comments of TensorProto in onnx.proto. */
import { describe, expect, test } from "vitest";
import { decodeModel, dtypes, encodeModel, encodeProto, type DType, type Tensor, type TensorProto } from "@lathe/core";
import { varint } from "./onnx/bytes.ts";

/** The tensor as an initializer of a model that was written and read. */
function read(tensor: TensorProto): Tensor {
  return decodeModel(encodeProto("ModelProto", { irVersion: 13, graph: { initializer: [{ name: "w", ...tensor }] } })).graph.value("w")!.tensor!;
}

const ints = (...values: readonly (number | bigint)[]): Uint8Array[] => [Uint8Array.from(values.flatMap((v) => varint(v)))];
const f32 = (...values: readonly number[]): Uint8Array[] => [new Uint8Array(Float32Array.from(values).buffer)];
const f64 = (...values: readonly number[]): Uint8Array[] => [new Uint8Array(Float64Array.from(values).buffer)];

interface Row {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorProto;
  /** Expected raw layout, in hexadecimal. */
  readonly raw: string;
}

const rows: readonly Row[] = [
  { dtype: "float32", dims: [2], data: { floatData: f32(1, -2) }, raw: "0000803f000000c0" },
  { dtype: "complex64", dims: [1], data: { floatData: f32(1, -2) }, raw: "0000803f000000c0" },
  { dtype: "float64", dims: [1], data: { doubleData: f64(1) }, raw: "000000000000f03f" },
  { dtype: "complex128", dims: [1], data: { doubleData: f64(1, 0) }, raw: "000000000000f03f0000000000000000" },
  { dtype: "int64", dims: [2], data: { int64Data: ints(-1, 2n ** 62n) }, raw: "ffffffffffffffff0000000000000040" },
  { dtype: "uint64", dims: [1], data: { uint64Data: ints(2n ** 64n - 1n) }, raw: "ffffffffffffffff" },
  { dtype: "uint32", dims: [2], data: { uint64Data: ints(1, 2 ** 32 - 1) }, raw: "01000000ffffffff" },
  { dtype: "int32", dims: [2], data: { int32Data: ints(-1, 2 ** 31 - 1) }, raw: "ffffffffffffff7f" },
  { dtype: "int16", dims: [2], data: { int32Data: ints(-1, 32767) }, raw: "ffffff7f" },
  { dtype: "uint16", dims: [2], data: { int32Data: ints(1, 65535) }, raw: "0100ffff" },
  { dtype: "int8", dims: [3], data: { int32Data: ints(-128, 127, -1) }, raw: "807fff" },
  { dtype: "uint8", dims: [2], data: { int32Data: ints(0, 255) }, raw: "00ff" },
  { dtype: "bool", dims: [2], data: { int32Data: ints(1, 0) }, raw: "0100" },
  { dtype: "float16", dims: [2], data: { int32Data: ints(0x3c00, 0xc000) }, raw: "003c00c0" },
  { dtype: "bfloat16", dims: [2], data: { int32Data: ints(0x3f80, 0xc000) }, raw: "803f00c0" },
  { dtype: "float8e4m3fn", dims: [2], data: { int32Data: ints(0x38, 0xc0) }, raw: "38c0" },
  { dtype: "float8e4m3fnuz", dims: [1], data: { int32Data: ints(0x80) }, raw: "80" },
  { dtype: "float8e5m2", dims: [1], data: { int32Data: ints(0xff) }, raw: "ff" },
  { dtype: "float8e5m2fnuz", dims: [1], data: { int32Data: ints(0x40) }, raw: "40" },
  { dtype: "float8e8m0", dims: [1], data: { int32Data: ints(0x7f) }, raw: "7f" },
  { dtype: "int4", dims: [3], data: { int32Data: ints(0xf8, 0x07) }, raw: "f807" },
  { dtype: "uint4", dims: [2, 2], data: { int32Data: ints(0x21, 0x43) }, raw: "2143" },
  { dtype: "float4e2m1", dims: [1], data: { int32Data: ints(0x02) }, raw: "02" },
  { dtype: "int2", dims: [5], data: { int32Data: ints(0xe4, 0x03) }, raw: "e403" },
  { dtype: "uint2", dims: [4], data: { int32Data: ints(0x1b) }, raw: "1b" },
  { dtype: "float32", dims: [0], data: {}, raw: "" },
  { dtype: "float32", dims: [], data: { floatData: f32(1) }, raw: "0000803f" },
];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("typed data", () => {
  test.each(rows)("$dtype$dims becomes raw layout $raw", ({ dtype, dims, data, raw }) => {
    const tensor = read({ dataType: dtypes[dtype].id, dims, ...data });
    expect(tensor).toMatchObject({ dtype, dims });
    expect(hex(tensor.bytes())).toBe(raw);
  });

  test.each(rows)("$dtype$dims as raw data $raw is the same tensor", ({ dtype, dims, raw }) => {
    expect(hex(read({ dataType: dtypes[dtype].id, dims, rawData: Buffer.from(raw, "hex") }).bytes())).toBe(raw);
  });

  test("every element type has a row", () => {
    const covered = new Set<string>([...rows.map((row) => row.dtype), "string"]);
    expect(Object.keys(dtypes).filter((dtype) => !covered.has(dtype))).toEqual([]);
  });

  test("strings", () => {
    const stringData = ["a", "", "größe"].map((text) => new TextEncoder().encode(text));
    expect(read({ dataType: dtypes.string.id, dims: [3], stringData }).strings()).toEqual(["a", "", "größe"]);
  });

  test("data in several pieces is one tensor", () => {
    expect(read({ dataType: 1, dims: [2], floatData: [...f32(1), ...f32(2)] }).toNumbers()).toEqual([1, 2]);
  });

  test("packed floats are not copied; integers are converted when asked for, once", () => {
    const bytes = encodeProto("ModelProto", { irVersion: 10, graph: { initializer: [{ name: "f", dataType: 1, dims: [1], floatData: f32(1) }, { name: "i", dataType: 7, dims: [1], int64Data: ints(5) }] } });
    const { graph } = decodeModel(bytes);
    expect(graph.value("f")!.tensor!.bytes().buffer).toBe(bytes.buffer);
    const lazy = graph.value("i")!.tensor!;
    expect(lazy.storage.kind).toBe("lazy");
    expect(lazy.bytes()).toBe(lazy.bytes());
  });

  test("is written as raw data", () => {
    const model = decodeModel(encodeProto("ModelProto", { irVersion: 10, graph: { initializer: [{ name: "i", dataType: 7, dims: [1], int64Data: ints(5) }] } }));
    expect(encodeModel(model)).toEqual(encodeModel(decodeModel(encodeModel(model))));
    expect(decodeModel(encodeModel(model)).graph.value("i")!.tensor!.storage.kind).toBe("memory");
  });
});
