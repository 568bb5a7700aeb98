import { describe, expect, expectTypeOf, test } from "vitest";
import type { AttributeProto, GraphProto, NodeProto, Part, TensorProto, TypeProto } from "@lathe/core";
import { messages } from "../src/onnx/fields.ts";
import { schema } from "../src/onnx/proto.ts";
import { allDescriptors, ourName } from "./onnx/oracle.ts";

/** What protobuf calls our scalar types: https://protobuf.dev/reference/protobuf/google.protobuf/#field */
const scalarOf: Readonly<Record<string, number>> = {
  int64: 3, int32: 5, float: 2, name: 9, text: 9, bytes: 12, blob: 12,
};
const packedOf: Readonly<Record<string, readonly number[]>> = { packed32: [2], packed64: [1], packedVarint: [3, 4, 5] };

describe("the field table", () => {
  test.each(allDescriptors().map((desc) => [ourName(desc), desc] as const))("has the fields of %s as the ONNX descriptor has them", (name, desc) => {
    const ours = schema[name].fields.filter((field) => field.where !== "TypeProto.opaqueType");
    expect(ours.map((f) => [f.number, f.key])).toEqual([...desc.fields].sort((a, b) => a.number - b.number).map((f) => [f.number, f.localName]));
    for (const theirs of desc.fields) {
      const field = schema[name].byNumber[theirs.number]!;
      const packed = theirs.fieldKind === "list" && theirs.packed;
      expect(field.type.startsWith("packed"), field.where).toBe(packed);
      expect(field.many, field.where).toBe(theirs.fieldKind === "list" && !packed);
      expect(messages[name][field.key as never]["oneof"], field.where).toBe(theirs.oneof?.name);
      if (theirs.message) expect(field.message?.name, field.where).toBe(ourName(theirs.message));
      else if (theirs.enum) expect(field.type, field.where).toBe("int32");
      else if (packed) expect(packedOf[field.type], field.where).toContain(theirs.scalar);
      else expect(scalarOf[field.type], field.where).toBe(theirs.scalar);
    }
  });

  test("knows every message of the descriptor, and Opaque of onnx-ml", () => {
    const theirs = new Set(allDescriptors().map(ourName));
    expect(Object.keys(schema).filter((name) => !theirs.has(name as never))).toEqual(["OpaqueTypeProto"]);
  });
});

test("the types of messages follow the table", () => {
  expectTypeOf<NodeProto["input"]>().toEqualTypeOf<readonly string[] | undefined>();
  expectTypeOf<NodeProto["opType"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<GraphProto["node"]>().toEqualTypeOf<readonly NodeProto[] | undefined>();
  expectTypeOf<AttributeProto["g"]>().toEqualTypeOf<GraphProto | undefined>();
  expectTypeOf<AttributeProto["ints"]>().toEqualTypeOf<readonly (number | bigint)[] | undefined>();
  expectTypeOf<TensorProto["rawData"]>().toEqualTypeOf<Part | undefined>();
  expectTypeOf<TensorProto["floatData"]>().toEqualTypeOf<readonly Uint8Array[] | undefined>();
  expectTypeOf<TypeProto>().toHaveProperty("tensorType");
  expectTypeOf<TypeProto>().not.toHaveProperty("tensor_type");
});
