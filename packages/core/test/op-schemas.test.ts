import { opIn, opTable, standardOps } from "@lathe/core";
import { describe, expect, it } from "vitest";

describe("operator signatures", () => {
  const myOp = opIn("my.domain");

  it("are written as text: parameters, attributes, type variables", () => {
    const op = myOp({ name: "Mix", since: { 1: "X:T I:int64? Rest:V+~ -> Y:T Z:T* | mode:string=linear pads:ints scales:floats=1,2.5 body:graph! | T: floats int4; V: seq(complexes) optional(bool)" } });
    const [schema] = op.schemas;
    expect(schema?.inputs).toEqual([
      { name: "X", type: "T", option: "single", homogeneous: true, min: 0 },
      { name: "I", type: "int64", option: "optional", homogeneous: true, min: 0 },
      { name: "Rest", type: "V", option: "variadic", homogeneous: false, min: 1 },
    ]);
    expect(schema?.outputs.map((p) => [p.name, p.option, p.min])).toEqual([["Y", "single", 0], ["Z", "variadic", 0]]);
    expect([...schema!.attributes.values()]).toEqual([
      { name: "mode", kind: "string", required: false, default: "linear" },
      { name: "pads", kind: "ints", required: false },
      { name: "scales", kind: "floats", required: false, default: [1, 2.5] },
      { name: "body", kind: "graph", required: true },
    ]);
    expect(schema?.types.get("T")).toEqual(["float16", "float32", "float64", "int4"]);
    expect(schema?.types.get("V")).toEqual(["sequence(complex64)", "sequence(complex128)", "optional(bool)"]);
  });

  it("say in later versions only what changed", () => {
    const op = myOp({ name: "Mix", since: { 1: "X:T -> Y:T | a:int=1 b:float! | T: floats", 3: "", 5: "| -b +c:string=up | T+: bfloat16", 8: "X:T N:I -> Y:T | | I: int64", 9: "deprecated" } });
    const at = (version: number) => op.schemas.find((s) => s.since === version)!;
    expect(at(3).attributes).toBe(at(1).attributes);
    expect([...at(5).attributes.keys()]).toEqual(["a", "c"]);
    expect(at(8).inputs.map((p) => p.name)).toEqual(["X", "N"]);
    expect(at(8).types.get("T")).toEqual(["float16", "float32", "float64", "bfloat16"]);
    expect(op.schemas.map((s) => s.deprecated)).toEqual([false, false, false, false, true]);
  });
});

describe("standardOps", () => {
  it.each([
    ["", "Conv", [1, 11, 22]],
    ["ai.onnx", "Softmax", [1, 11, 13]],
    ["", "Upsample", [1, 7, 9, 10]],
    ["com.microsoft", "MatMulNBits", [1]],
    ["ai.onnx.ml", "TreeEnsemble", [5]],
  ])("knows the versions of %s %s", (domain, name, since) => {
    expect(standardOps.get(domain, name)?.schemas.map((s) => s.since)).toEqual(since);
  });

  it("gives the signature in force at an opset", () => {
    expect(standardOps.schema("", "Clip", 10)?.since).toBe(6);
    expect(standardOps.schema("", "Clip", 26)?.since).toBe(13);
    expect(standardOps.schema("", "Gelu", 19)).toBeUndefined();
    expect(standardOps.schema("", "NoSuchOp", 19)).toBeUndefined();
  });

  it("uses only declared type variables or known types, and sane attribute kinds, in every signature", () => {
    const known = /^(float\d+(e\w+)?|bfloat16|u?int\d+|bool|string|complex\d+|(sequence|optional|sparse)\(.*\)|map\(\w+,\w+\))$/;
    const odd: string[] = [];
    for (const op of standardOps.all) for (const schema of op.schemas) {
      for (const p of [...schema.inputs, ...schema.outputs]) if (!schema.types.has(p.type) && !known.test(p.type)) odd.push(`${op.name} ${schema.since} ${p.name}:${p.type}`);
      for (const [name, types] of schema.types) for (const type of types) if (!known.test(type)) odd.push(`${op.name} ${schema.since} ${name}: ${type}`);
      for (const a of schema.attributes.values()) if (!/^(float|int|string|tensor|graph|sparse|type)s?$/.test(a.kind)) odd.push(`${op.name} ${schema.since} ${a.name}:${a.kind}`);
    }
    expect(odd).toEqual([]);
    expect(standardOps.all.length).toBeGreaterThan(350);
  });

  it("is a value: extending gives another table, completes rules and keeps signatures", () => {
    const extended = standardOps.extend([{ domain: "", name: "Conv", grad: () => [] }, opIn("my.domain")({ name: "Mix", since: { 1: "X:T -> Y:T | | T: floats" } })]);
    expect(extended.get("", "Conv")?.grad).toBeTypeOf("function");
    expect(extended.get("", "Conv")?.schemas).toBe(standardOps.get("", "Conv")?.schemas);
    expect(extended.get("my.domain", "Mix")?.schemas).toHaveLength(1);
    expect(standardOps.get("", "Conv")?.grad).toBeUndefined();
    expect(standardOps.get("my.domain", "Mix")).toBeUndefined();
    expect(opTable([]).all).toEqual([]);
  });
});
