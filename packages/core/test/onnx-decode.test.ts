/** What the decoder accepts and how it reads it. Field numbers are those of onnx.proto. */
import { describe, expect, test } from "vitest";
import { decodeProto, encodeParts, encodeProto, type NodeProto } from "@lathe/core";
import { bytes, file, number, tag, text, varint } from "./onnx/bytes.ts";

const model = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8 } as const;
const graph = { node: 1, name: 2, initializer: 5, input: 11 } as const;
const tensor = { dims: 1, dataType: 2, floatData: 4, int32Data: 5, name: 8, rawData: 9 } as const;
const attribute = { f: 2, i: 3, floats: 7, ints: 8 } as const;

describe("singular fields", () => {
  test("the last of several values wins", () => {
    expect(decodeProto("ModelProto", file(text(model.producerName, "a"), text(model.producerName, "b")))).toEqual({ producerName: "b" });
  });

  test("a message in two parts is merged: scalars replaced, lists joined", () => {
    const first = bytes(model.graph, [...text(graph.name, "a"), ...bytes(graph.node, text(4, "Relu"))]);
    const second = bytes(model.graph, [...text(graph.name, "b"), ...bytes(graph.node, text(4, "Tanh"))]);
    expect(decodeProto("ModelProto", file(first, second))).toEqual({ graph: { name: "b", node: [{ opType: "Relu" }, { opType: "Tanh" }] } });
  });

  test("of a oneof the last member stays, and the same member is merged", () => {
    const byValue = number(1, 5);
    const byName = text(2, "N");
    expect(decodeProto("DimensionProto", file(byValue, byName))).toEqual({ dimParam: "N" });
    expect(decodeProto("DimensionProto", file(byName, byValue))).toEqual({ dimValue: 5 });
    const elem = bytes(1, number(1, 1));
    const shape = bytes(1, bytes(2, []));
    expect(decodeProto("TypeProto", file(elem, shape))).toEqual({ tensorType: { elemType: 1, shape: {} } });
    expect(decodeProto("TypeProto", file(elem, bytes(4, []), shape))).toEqual({ tensorType: { shape: {} } });
  });
});

describe("numbers", () => {
  test.each([
    [0n, 0], [1n, 1], [-1n, -1], [127n, 127], [128n, 128], [-128n, -128],
    [2n ** 31n, 2 ** 31], [-(2n ** 31n), -(2 ** 31)], [2n ** 32n - 1n, 2 ** 32 - 1],
    [2n ** 53n - 1n, 2 ** 53 - 1], [-(2n ** 53n) + 1n, -(2 ** 53) + 1],
    [2n ** 53n, 2n ** 53n], [-(2n ** 53n), -(2n ** 53n)],
    [2n ** 63n - 1n, 2n ** 63n - 1n], [-(2n ** 63n), -(2n ** 63n)],
  ])("int64 %d is exact: a number when safe, else a bigint", (value, expected) => {
    const encoded = file(number(attribute.i, value));
    expect(decodeProto("AttributeProto", encoded)).toEqual({ i: expected });
    expect(encodeProto("AttributeProto", { i: expected })).toEqual(encoded);
  });

  test("int32 takes the low 32 bits, as protobuf demands", () => {
    expect(decodeProto("TensorProto", file(number(tensor.dataType, 2n ** 32n + 7n)))).toEqual({ dataType: 7 });
    expect(decodeProto("TensorProto", file(number(tensor.dataType, -1)))).toEqual({ dataType: -1 });
  });

  test("an integer may be longer than necessary", () => {
    expect(decodeProto("AttributeProto", file(tag(attribute.i, 0), [0x85, 0x80, 0x80, 0x00]))).toEqual({ i: 5 });
  });
});

describe("lists of numbers", () => {
  test("are read packed, one by one, and mixed", () => {
    const packed = bytes(attribute.ints, [...varint(1), ...varint(300)]);
    const single = number(attribute.ints, -2);
    expect(decodeProto("AttributeProto", file(packed, single))).toEqual({ ints: [1, 300, -2] });
    expect(decodeProto("AttributeProto", file(single, packed))).toEqual({ ints: [-2, 1, 300] });
    const floats = new Uint8Array(Float32Array.of(0.5, -2).buffer);
    const one = [...tag(attribute.floats, 5), ...new Uint8Array(Float32Array.of(4).buffer)];
    expect(decodeProto("AttributeProto", file(bytes(attribute.floats, floats), one))).toEqual({ floats: [0.5, -2, 4] });
  });

  test("that hold tensor content stay bytes, whichever way they are encoded", () => {
    const packed = bytes(tensor.int32Data, [...varint(1), ...varint(300)]);
    const singles = [...number(tensor.int32Data, 5), ...number(tensor.int32Data, 400)];
    const { int32Data } = decodeProto("TensorProto", file(singles, packed, number(tensor.int32Data, 7)));
    expect(int32Data).toEqual([Uint8Array.of(5, 0x90, 0x03), Uint8Array.of(1, 0xac, 0x02), Uint8Array.of(7)]);
    expect(decodeProto("TensorProto", encodeProto("TensorProto", { int32Data }))).toEqual({ int32Data: [Uint8Array.of(5, 0x90, 0x03, 1, 0xac, 0x02, 7)] });
  });
});

describe("unknown fields", () => {
  test("of every wire type are kept as they are, in every message, and written behind the known ones", () => {
    const strange = [...number(999, 5), ...tag(1000, 1), ...new Array<number>(8).fill(1), ...text(1001, "x"), ...tag(1002, 5), 1, 2, 3, 4];
    const group = [...tag(1003, 3), ...number(1, 1), ...tag(2, 3), ...tag(2, 4), ...tag(1003, 4)];
    const node = bytes(graph.node, [...text(4, "Relu"), ...strange]);
    const encoded = file(bytes(model.graph, [...node, ...text(graph.name, "g"), ...group]), strange);
    const read = decodeProto("ModelProto", encoded);
    expect(read).toEqual({
      graph: { name: "g", node: [{ opType: "Relu", unknown: [file(strange)] }], unknown: [file(group)] },
      unknown: [file(strange)],
    });
    expect(encodeProto("ModelProto", read)).toEqual(encoded);
  });

  test("between known ones are gathered in order", () => {
    const read = decodeProto("NodeProto", file(number(500, 1), text(4, "Relu"), number(501, 2)));
    expect(read.unknown).toEqual([file(number(500, 1)), file(number(501, 2))]);
    expect(encodeProto("NodeProto", read)).toEqual(file(text(4, "Relu"), number(500, 1), number(501, 2)));
  });
});

describe("memory", () => {
  test("byte fields are views of the input", () => {
    const encoded = encodeProto("TensorProto", { rawData: new Uint8Array(100), stringData: [Uint8Array.of(1)] });
    const read = decodeProto("TensorProto", encoded);
    expect((read.rawData as Uint8Array).buffer).toBe(encoded.buffer);
    expect(read.stringData![0]!.buffer).toBe(encoded.buffer);
  });

  test("large byte fields are passed to the writer's parts, not copied", () => {
    const rawData = new Uint8Array(1 << 20);
    const parts = encodeParts("ModelProto", { graph: { initializer: [{ name: "w", rawData }] } });
    expect(parts).toContain(rawData);
    expect(parts.filter((part) => part !== rawData).reduce((sum, part) => sum + part.byteLength, 0)).toBeLessThan(64);
  });
});

describe("text", () => {
  test.each(["", "plain", "größe", "名前", "\u{1F600}", "\uFEFFmark", "a".repeat(4096)])("%j survives", (name) => {
    const message: NodeProto = { name };
    expect(decodeProto("NodeProto", encodeProto("NodeProto", message))).toEqual(message);
  });

  test("names that are properties of every JavaScript object are ordinary names", () => {
    const message: NodeProto = { name: "__proto__", input: ["constructor", "toString"] };
    expect(decodeProto("NodeProto", encodeProto("NodeProto", message))).toEqual(message);
  });
});
