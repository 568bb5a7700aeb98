/** One named case for every way in which bytes are refused, before any graph is built. */
import { describe, expect, test } from "vitest";
import { codecErrors, decodeProto, encodeProto, type Limits, type MessageName } from "@lathe/core";
import { bytes, file, nest, number, tag, text } from "./onnx/bytes.ts";
import { codeOf } from "./onnx/codes.ts";

interface Case {
  readonly code: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly as?: MessageName;
  readonly limits?: Partial<Limits>;
}

const graph = 7;
const node = 1;
const relu = bytes(node, text(4, "Relu"));

const cases: readonly Case[] = [
  { code: "ONNX_TRUNCATED", name: "a tag without a value", bytes: file(tag(1, 0)) },
  { code: "ONNX_TRUNCATED", name: "an integer that goes on", bytes: file(tag(1, 0), [0x80]) },
  { code: "ONNX_TRUNCATED", name: "a float of three bytes", bytes: file(tag(2, 5), [0, 0, 0]), as: "AttributeProto" },
  { code: "ONNX_TRUNCATED", name: "an unknown fixed64 of seven bytes", bytes: file(tag(900, 1), [0, 0, 0, 0, 0, 0, 0]) },
  { code: "ONNX_TRUNCATED", name: "a packed list that ends inside an integer", bytes: file(bytes(8, [0x01, 0x80])), as: "AttributeProto" },
  { code: "ONNX_TRUNCATED", name: "packed tensor data that ends inside an integer", bytes: file(bytes(5, [0x01, 0x80])), as: "TensorProto" },
  { code: "ONNX_VARINT", name: "an integer of eleven bytes", bytes: file(tag(1, 0), new Array<number>(10).fill(0x80), [1]) },
  { code: "ONNX_VARINT", name: "an integer of 65 bits", bytes: file(tag(1, 0), new Array<number>(9).fill(0x80), [2]) },
  { code: "ONNX_VARINT", name: "an unknown integer without end", bytes: file(tag(900, 0), new Array<number>(11).fill(0xff)) },
  { code: "ONNX_VARINT", name: "packed tensor data with an integer of eleven bytes", bytes: file(bytes(5, [...new Array<number>(10).fill(0x80), 0])), as: "TensorProto" },
  { code: "ONNX_TAG", name: "field number 0", bytes: file([0x00, 0x00]) },
  { code: "ONNX_TAG", name: "wire type 6", bytes: file([0x0e]) },
  { code: "ONNX_TAG", name: "a field number beyond 29 bits", bytes: file([0xf8, 0xff, 0xff, 0xff, 0x7f]) },
  { code: "ONNX_WIRE_TYPE", name: "a name as an integer", bytes: file(number(2, 1)) },
  { code: "ONNX_WIRE_TYPE", name: "a version as bytes", bytes: file(text(1, "x")) },
  { code: "ONNX_WIRE_TYPE", name: "a graph as an integer", bytes: file(number(graph, 1)) },
  { code: "ONNX_WIRE_TYPE", name: "float tensor data as an integer", bytes: file(number(4, 1)), as: "TensorProto" },
  { code: "ONNX_LENGTH", name: "a text longer than the file", bytes: file(tag(2, 2), [5, 0x61]) },
  { code: "ONNX_LENGTH", name: "a graph of 2^63 bytes", bytes: file(tag(graph, 2), [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]) },
  { code: "ONNX_LENGTH", name: "a node longer than its graph, though not than the file", bytes: file(bytes(graph, [...tag(node, 2), 3]), text(2, "abc")) },
  { code: "ONNX_LENGTH", name: "raw data of 4 GiB in a file of a few bytes", bytes: file(tag(9, 2), [0x80, 0x80, 0x80, 0x80, 0x10, 1]), as: "TensorProto" },
  { code: "ONNX_PACKED", name: "packed floats of six bytes", bytes: file(bytes(7, [0, 0, 0, 0, 0, 0])), as: "AttributeProto" },
  { code: "ONNX_PACKED", name: "double tensor data of twelve bytes", bytes: file(bytes(10, new Array<number>(12).fill(0))), as: "TensorProto" },
  { code: "ONNX_GROUP", name: "a group that does not end", bytes: file(tag(900, 3), number(1, 1)) },
  { code: "ONNX_GROUP", name: "a group closed under another number", bytes: file(tag(900, 3), tag(901, 4)) },
  { code: "ONNX_GROUP", name: "the end of a group that was not opened", bytes: file(tag(900, 4)) },
  { code: "ONNX_UTF8", name: "a lone continuation byte", bytes: file(bytes(2, [0x80])) },
  { code: "ONNX_UTF8", name: "an encoded surrogate", bytes: file(bytes(2, [0xed, 0xa0, 0x80])) },
  { code: "ONNX_UTF8", name: "an overlong encoding", bytes: file(bytes(2, [0xc0, 0x80])) },
  { code: "ONNX_UTF8", name: "a cut sequence in a long text", bytes: file(bytes(6, [...new Array<number>(100).fill(0x61), 0xe2, 0x82])) },
  { code: "ONNX_LIMIT_NESTING", name: "types nested 65 deep", bytes: file(nest(33, [4, 1])), as: "TypeProto" },
  { code: "ONNX_LIMIT_NESTING", name: "unknown groups nested 65 deep", bytes: file(new Array<number[]>(65).fill(tag(900, 3)).flat()) },
  { code: "ONNX_LIMIT_GRAPH_NESTING", name: "graphs nested in 17 attributes", bytes: file(bytes(graph, nest(17, [node, 5, 6]))) },
  { code: "ONNX_LIMIT_NODES", name: "three nodes where two are allowed", bytes: file(bytes(graph, [...relu, ...relu, ...relu])), limits: { nodes: 2 } },
  { code: "ONNX_LIMIT_NODES", name: "nodes counted through subgraphs", bytes: file(bytes(graph, nest(3, [node, 5, 6]))), limits: { nodes: 2 } },
  { code: "ONNX_LIMIT_MESSAGES", name: "more messages than allowed", bytes: file(new Array<number[]>(11).fill(bytes(14, [])).flat()), limits: { messages: 10 } },
  {
    code: "ONNX_LIMIT_MESSAGES", name: "more pieces of tensor data than allowed",
    bytes: file(new Array<number[]>(6).fill([...number(5, 1), ...number(7, 1)]).flat()), as: "TensorProto", limits: { messages: 10 },
  },
  { code: "ONNX_LIMIT_ELEMENTS", name: "a list longer than allowed", bytes: file(bytes(8, new Array<number>(11).fill(1))), as: "AttributeProto", limits: { elements: 10 } },
  { code: "ONNX_LIMIT_NAME", name: "a name of 4097 bytes", bytes: file(text(3, "n".repeat(4097))), as: "NodeProto" },
  { code: "ONNX_LIMIT_TEXT", name: "texts that are too long together", bytes: file(text(2, "12345"), text(3, "123456")), limits: { textBytes: 10 } },
];

describe("refused bytes", () => {
  test.each(cases)("$code: $name", ({ code, bytes: input, as = "ModelProto", limits = {} }) => {
    expect(codeOf(() => decodeProto(as, input, limits))).toBe(code);
  });

  test.each([
    ["types nested 64 deep", file(nest(32, [4, 1])), "TypeProto"],
    ["graphs nested in 16 attributes", file(bytes(graph, nest(16, [node, 5, 6]))), "ModelProto"],
    ["a name of 4096 bytes", file(text(3, "n".repeat(4096))), "NodeProto"],
  ] as const)("the bound itself is allowed: %s", (_name, input, as) => {
    expect(codeOf(() => decodeProto(as, input))).toBeUndefined();
  });

  test("an encoded model that no buffer can hold", () => {
    const huge = { byteLength: 2 ** 52, chunks: () => [] };
    expect(codeOf(() => encodeProto("TensorProto", { rawData: huge }))).toBe("ONNX_ENCODE_SIZE");
  });

  test("every code of the catalogue has a case", () => {
    const covered = new Set([...cases.map((c) => c.code), "ONNX_ENCODE_SIZE"]);
    expect(codecErrors.$rows.map((row) => row.code).filter((code) => !covered.has(code))).toEqual([]);
  });

  test("an error says where: byte, field and what to do", () => {
    try {
      decodeProto("ModelProto", file(bytes(graph, bytes(node, bytes(3, [0xff])))));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "ONNX_UTF8", details: { offset: 5, where: "NodeProto.name" } });
      expect(String(error)).toContain("at byte 5, in NodeProto.name");
    }
  });
});

describe("memory on hostile input", () => {
  test("a file of nothing but empty nodes is refused at the bound, not when memory ends", () => {
    const empty = Uint8Array.from({ length: 4_000_000 }, (_, i) => (i % 2 === 0 ? 0x0a : 0x00));
    expect(codeOf(() => decodeProto("GraphProto", empty))).toBe("ONNX_LIMIT_NODES");
  });

  test("packed tensor data costs no memory beyond the input", () => {
    const content = new Uint8Array(8_000_000).fill(1);
    const input = encodeProto("TensorProto", { int64Data: [content] });
    const before = process.memoryUsage().arrayBuffers;
    const read = decodeProto("TensorProto", input);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    expect(read.int64Data![0]!.length).toBe(content.length);
  });
});
