/** Files to the graph IR and back. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  decodeModel, decodeProto, encodeModel, encodeModelChunks, encodeProto, Graph, isLatheError, Model, Node, sparseOf, Tensor, Value,
  type GraphProto, type ModelProto, type Notice,
} from "@lathe/core";
import { file, number } from "./onnx/bytes.ts";
import { codeOf } from "./onnx/codes.ts";
import { modelFiles } from "./onnx/model-files.ts";
import { mutate, random } from "./onnx/mutate.ts";
import { floats, info, int64s, sampleBytes, sampleGraph, sampleModel } from "./onnx/sample.ts";

/** Set LATHE_CODEC_MUTANTS=1000000 for the long run. */
const mutants = Number(process.env["LATHE_CODEC_MUTANTS"] ?? 5000);

/** A model with this graph, read. */
function read(graph: GraphProto, rest: Partial<ModelProto> = {}, onNotice?: (notice: Notice) => void): Model {
  const bytes = encodeProto("ModelProto", { irVersion: 10, opsetImport: [{ version: 21 }], graph, ...rest });
  return decodeModel(bytes, onNotice ? { onNotice } : {});
}

const written = (model: Model): ModelProto => decodeProto("ModelProto", encodeModel(model));

describe("round trip", () => {
  test.each(modelFiles)("%s: weights unchanged, bytes stable from the first writing on", (_name, path) => {
    const source = readFileSync(path);
    const model = decodeModel(source);
    const first = encodeModel(model);
    const again = decodeModel(first);
    expect(Buffer.compare(encodeModel(again), first)).toBe(0);
    const digest = (bytes: Uint8Array): string => createHash("sha1").update(bytes).digest("hex");
    const weights = (m: Model): string[] => [...m.graph.allGraphs()].flatMap((g) => [...g.initializers].map((v) => `${v.name} ${digest(v.tensor!.bytes())}`));
    expect(weights(again)).toEqual(weights(model));
    const ops = (graph: GraphProto | undefined): string[] => (graph?.node ?? []).flatMap((n) => [n.opType!, ...(n.attribute ?? []).flatMap((a) => ops(a.g))]);
    expect(ops(decodeProto("ModelProto", first).graph)).toEqual(ops(decodeProto("ModelProto", source).graph));
  });

  test("the sample with some of everything comes back as it was", () => {
    const back = written(decodeModel(sampleBytes()));
    // Training and device placement have no form in the IR; they are kept encoded and are there again.
    expect(back).toEqual(decodeProto("ModelProto", sampleBytes()));
  });

  test("a clone writes the same bytes", () => {
    const model = decodeModel(sampleBytes());
    expect(encodeModel(model.clone())).toEqual(encodeModel(model));
  });

  test("the chunks are the file", () => {
    const model = decodeModel(sampleBytes());
    expect(Buffer.concat([...encodeModelChunks(model)]).equals(encodeModel(model))).toBe(true);
  });

  test("writing does not change the model", () => {
    const model = decodeModel(sampleBytes());
    const names = (): string[] => [...model.graph.allGraphs()].flatMap((g) => [...g.values()].map((v) => v.name));
    const before = names();
    encodeModel(model);
    expect(names()).toEqual(before);
  });
});

describe("reading", () => {
  const model = decodeModel(sampleBytes());
  const { graph } = model;

  test("model: versions, metadata, imports", () => {
    expect(model).toMatchObject({ irVersion: 10, opset: 21, producerName: "sample" });
    expect([...model.metadata]).toEqual([["author", "someone"]]);
    expect([...model.opsetImports]).toEqual([["", 21], ["local", 1]]);
  });

  test("an empty name is an absent input", () => {
    expect(graph.node("c")!.inputs.map((v) => v?.name)).toEqual(["hidden", undefined, "w"]);
  });

  test("subgraphs capture values of the graph around them", () => {
    const hidden = graph.value("hidden")!;
    expect(hidden.uses.map(({ node }) => node.name)).toEqual(["c", "then/op", "else/op"]);
    expect(graph.node("if")!.subgraphs.map(({ name }) => name)).toEqual(["then_branch", "else_branch"]);
  });

  test("symbolic dims, intermediate types, annotations", () => {
    expect(graph.inputs[0]!.shape).toEqual(["N", 2]);
    expect(graph.value("t")).toMatchObject({ docString: "scaled", shape: ["N", 2], dtype: "float32" });
    expect(graph.quantizationAnnotations.map(({ value, parameters }) => [value.name, [...parameters]])).toEqual([["hidden", [["SCALE_TENSOR", "w"]]]]);
  });

  test("a sparse initializer acts as the dense tensor it stands for", () => {
    const tensor = graph.value("s")!.tensor!;
    expect(tensor.dims).toEqual([2, 2]);
    expect([...tensor.toFloat32()]).toEqual([0, 5, 0, 6]);
    expect(sparseOf(tensor)!.values.toNumbers()).toEqual([5, 6]);
  });

  test("sparse coordinates give the same", () => {
    const coordinates = { dataType: 7, dims: [2, 2], rawData: int64s(0, 1, 1, 1) };
    const sparse = { ...sampleGraph.sparseInitializer![0]!, indices: coordinates };
    expect(read({ ...sampleGraph, node: sampleGraph.node!.slice(1), input: [...sampleGraph.input!, info("t", 1, [2])], valueInfo: [], sparseInitializer: [sparse] }).graph.value("s")!.tensor!.toNumbers()).toEqual([0, 5, 0, 6]);
  });

  test("string attributes are text when they are UTF-8, else bytes", () => {
    expect(graph.node("r")!.attributes.get("note")).toEqual({ kind: "string", value: "größe" });
    expect(graph.node("r")!.attributes.get("blob")).toEqual({ kind: "bytes", value: Uint8Array.of(0xff) });
  });

  test("functions have a body, references to their attributes and defaults", () => {
    const fn = model.functions.get("local::Twice::")!;
    expect(fn.attributes).toEqual(["factor"]);
    expect(fn.attributeDefaults.get("bias")).toEqual({ kind: "float", value: 0.5 });
    expect(fn.body.firstNode!.attributes.get("value_float")).toEqual({ kind: "float", ref: "factor" });
  });

  test("weights are views of the file, not copies", () => {
    const bytes = sampleBytes();
    expect(decodeModel(bytes).graph.value("w")!.tensor!.bytes().buffer).toBe(bytes.buffer);
  });

  test("IR version 3: an initializer that is also an input is the input's default", () => {
    const old: GraphProto = { input: [info("x", 1, [2]), info("w", 1, [2])], initializer: [{ name: "w", dataType: 1, dims: [2], rawData: floats(1, 2) }], node: [{ opType: "Add", input: ["x", "w"], output: ["y"] }], output: [info("y", 1, [2])] };
    const model3 = read(old, { irVersion: 3 });
    expect(model3.graph.inputs.map((v) => [v.name, v.tensor?.toNumbers()])).toEqual([["x", undefined], ["w", [1, 2]]]);
    expect(model3.graph.initializers.size).toBe(0);
    expect(written(model3)).toMatchObject({ irVersion: 3, graph: old });
    model3.graph.freezeInput(model3.graph.inputs[1]!);
    expect(written(model3).irVersion).toBe(4);
  });

  test("before IR version 3 a model without imports speaks operator set 1", () => {
    expect(read({}, { irVersion: 2, opsetImport: [] }).opset).toBe(1);
  });

  test("attributes without a type (IR version 1) take the type of the field that is set", () => {
    const node = read({ node: [{ opType: "X", output: ["y"], attribute: [{ name: "a", i: 4 }, { name: "b", floats: [1] }] }] }).graph.firstNode!;
    expect(node.int("a")).toBe(4);
    expect(node.attribute("b", "floats")).toEqual([1]);
  });

  test("a value that writers leave out because it is zero is zero", () => {
    const node = read({ node: [{ opType: "X", output: ["y"], attribute: [{ name: "a", type: 2 }, { name: "b", type: 1 }, { name: "c", type: 3 }] }] }).graph.firstNode!;
    expect([node.int("a"), node.float("b"), node.string("c")]).toEqual([0, 0, ""]);
  });

  test.each([
    ["no type", undefined, undefined],
    ["a sequence", { sequenceType: { elemType: { tensorType: { elemType: 1 } } } }, { kind: "sequence", element: { kind: "tensor", dtype: "float32", shape: undefined } }],
    ["an optional", { optionalType: { elemType: { tensorType: { elemType: 7, shape: {} } } } }, { kind: "optional", element: { kind: "tensor", dtype: "int64", shape: [] } }],
    ["a map", { mapType: { keyType: 8, valueType: { tensorType: { elemType: 1, shape: { dim: [{}] } } } } }, { kind: "map", key: "string", value: { kind: "tensor", dtype: "float32", shape: [null] } }],
    ["a sparse tensor", { sparseTensorType: { elemType: 1, shape: { dim: [{ dimValue: 3 }] } } }, { kind: "sparse", dtype: "float32", shape: [3] }],
    ["denotations", { denotation: "IMAGE", tensorType: { elemType: 1, shape: { dim: [{ dimParam: "N", denotation: "DATA_BATCH" }, {}] } } }, { kind: "tensor", dtype: "float32", shape: ["N", null], denotation: "IMAGE", dimDenotations: ["DATA_BATCH", undefined] }],
  ] as const)("types: %s", (_name, type, expected) => {
    const model2 = read({ input: [{ name: "x", type }] });
    expect(model2.graph.inputs[0]!.type).toEqual(expected);
    expect(written(model2).graph!.input).toEqual([type ? { name: "x", type } : { name: "x" }]);
  });

  test("a type that Lathe does not read (Opaque) stays as it is", () => {
    const type = { opaqueType: { domain: "d", name: "n" } };
    const model2 = read({ input: [{ name: "x", type }] });
    expect(model2.graph.inputs[0]!.type!.kind).toBe("opaque");
    expect(written(model2).graph!.input).toEqual([{ name: "x", type }]);
  });
});

describe("notices", () => {
  test.each<[string, GraphProto]>([
    ["STALE_VALUE_INFO", { valueInfo: [info("gone", 1, [1])] }],
    ["STALE_ANNOTATION", { quantizationAnnotation: [{ tensorName: "gone" }] }],
    ["NEGATIVE_DIM", { input: [info("x", 1, [-1])] }],
    ["UNKNOWN_DROPPED", { input: [{ name: "x", type: { tensorType: { elemType: 1, unknown: [file(number(99, 1))] } } }] }],
    ["DUPLICATE_METADATA", { metadataProps: [{ key: "k", value: "1" }, { key: "k", value: "2" }] }],
    ["REORDERED", { node: [{ opType: "B", input: ["a"], output: ["b"] }, { opType: "A", output: ["a"] }] }],
  ])("%s is said, once", (code, graph) => {
    const notices: Notice[] = [];
    read(graph, {}, (notice) => notices.push(notice));
    expect(notices.map((n) => n.code)).toEqual([code]);
  });

  test("nodes out of order are sorted", () => {
    const { graph } = read({ node: [{ opType: "B", input: ["a"], output: ["b"] }, { opType: "A", output: ["a"] }] });
    expect([...graph.nodes].map((n) => n.opType)).toEqual(["A", "B"]);
  });

  test("nodes that a subgraph reads too early are sorted as well", () => {
    const body: GraphProto = { node: [{ opType: "Neg", input: ["late"], output: ["z"] }], output: [{ name: "z" }] };
    const { graph } = read({ node: [{ opType: "If", output: ["b"], attribute: [{ name: "then_branch", type: 5, g: body }] }, { opType: "A", output: ["late"] }] });
    expect([...graph.nodes].map((n) => n.opType)).toEqual(["A", "If"]);
  });
});

describe("writing names", () => {
  test("repeated names of nodes get a number, within each graph; unnamed nodes stay unnamed", () => {
    const model = new Model();
    const x = model.graph.addInput("x");
    let value = x;
    for (const name of ["n", "n_1", "n", "", "n", ""]) value = model.graph.add({ opType: "Neg", name, inputs: [value] }).out;
    value.name = "y";
    model.graph.addOutput(value);
    const names = [...decodeModel(encodeModel(model)).graph.nodes].map((node) => node.name);
    expect(names).toEqual(["n", "n_1", "n_2", "", "n_3", ""]);
    expect([...model.graph.nodes].map((node) => node.name)).toEqual(["n", "n_1", "n", "", "n", ""]);
  });

  test("values without a name and values of the same name become distinct; public names stay", () => {
    const graph = new Graph("g");
    const x = graph.addInput("x");
    const first = graph.add({ opType: "Relu", inputs: [x] });
    const second = graph.add({ opType: "Relu", inputs: [first.out], outputs: ["x"] });
    const third = graph.add({ opType: "Relu", inputs: [second.out], outputs: ["y"] });
    graph.addOutput(third.out);
    const { node, input, output } = written(new Model({ graph })).graph!;
    expect(input![0]!.name).toBe("x");
    expect(output![0]!.name).toBe("y");
    const names = node!.map((n) => n.output![0]!);
    expect(new Set([...names, "x"]).size).toBe(4);
    expect(node!.map((n) => n.input![0])).toEqual(["x", names[0], names[1]]);
  });

  test("a subgraph never reuses a name of the graph around it", () => {
    const body = (): Graph => {
      const inner = new Graph("body");
      inner.addOutput(inner.add({ opType: "Constant", outputs: ["y"] }).out);
      return inner;
    };
    const graph = new Graph("g");
    const node = graph.add({ opType: "If", outputs: ["y"], attributes: { then_branch: { kind: "graph", value: body() }, else_branch: { kind: "graph", value: body() } } });
    graph.addOutput(node.out);
    const back = written(new Model({ graph })).graph!;
    expect(back.output![0]!.name).toBe("y");
    const inner = back.node![0]!.attribute!.map((a) => a.g!.output![0]!.name);
    expect(inner).toHaveLength(2);
    expect(inner).not.toContain("y");
  });

  test("ONNX_ENCODE_SCOPE: a node reads a value that no graph around it has", () => {
    const graph = new Graph("g");
    graph.add({ opType: "Relu", inputs: [new Value("lost")] });
    expect(codeOf(() => encodeModel(new Model({ graph })))).toBe("ONNX_ENCODE_SCOPE");
  });

  test("local functions need IR version 8", () => {
    expect(written(Object.assign(decodeModel(sampleBytes()), { irVersion: 3 })).irVersion).toBe(8);
  });

  test("a lazy tensor is computed when the file is written", () => {
    const graph = new Graph("g");
    let asked = 0;
    const bytes = (): Uint8Array => {
      asked++;
      return floats(1, 2);
    };
    graph.addInitializer("w", new Tensor("float32", [2], { kind: "lazy", byteLength: 8, bytes }));
    const chunks = encodeModelChunks(new Model({ graph }));
    expect(asked).toBe(0);
    expect(decodeModel(Buffer.concat([...chunks])).graph.value("w")!.tensor!.toNumbers()).toEqual([1, 2]);
    expect(asked).toBe(1);
  });

  test("a node made by hand is written with all kinds of attributes", () => {
    const inner = new Graph("inner");
    const tensor = Tensor.from("float32", [1], [1]);
    const sparse = { values: tensor, indices: Tensor.int64([0]), dims: [4] };
    const type = { kind: "tensor", dtype: "int8", shape: [1] } as const;
    const node = new Node({
      opType: "All",
      attributes: {
        float: { kind: "float", value: 1.5 }, floats: { kind: "floats", value: [1, 2] }, int: { kind: "int", value: 2n ** 62n }, ints: { kind: "ints", value: [1, -1] },
        string: { kind: "string", value: "a" }, strings: { kind: "strings", value: ["a", "b"] }, bytes: { kind: "bytes", value: Uint8Array.of(0xff) }, bytesList: { kind: "bytesList", value: [Uint8Array.of(0xfe)] },
        tensor: { kind: "tensor", value: tensor }, tensors: { kind: "tensors", value: [tensor] }, graph: { kind: "graph", value: inner }, graphs: { kind: "graphs", value: [] },
        sparse: { kind: "sparse", value: sparse }, sparses: { kind: "sparses", value: [sparse] }, type: { kind: "type", value: type }, types: { kind: "types", value: [type] },
      },
    });
    const graph = new Graph("g");
    graph.append(node);
    const back = decodeModel(encodeModel(new Model({ graph }))).graph.firstNode!;
    expect([...back.attributes].map(([name, a]) => [name, a.kind])).toEqual([...node.attributes].map(([name, a]) => [name, a.kind]));
    for (const name of ["float", "floats", "int", "ints", "string", "strings", "bytes", "bytesList", "type", "types"]) {
      expect(back.attributes.get(name), name).toEqual(node.attributes.get(name));
    }
    expect(back.attribute("tensor", "tensor")!.toNumbers()).toEqual([1]);
    expect(back.attribute("sparse", "sparse")).toMatchObject({ dims: [4] });
  });
});

describe("damaged models", () => {
  test("are read and written stably, or refused with a code, never anything else", () => {
    const seed = sampleBytes();
    const pick = random(5);
    let refused = 0;
    for (let i = 0; i < mutants; i++) {
      try {
        const model = decodeModel(mutate(seed, pick));
        for (const graph of model.graph.allGraphs()) for (const value of graph.values()) value.tensor?.bytes();
        const bytes = encodeModel(model);
        expect(Buffer.compare(encodeModel(decodeModel(bytes)), bytes)).toBe(0);
      } catch (error) {
        if (!isLatheError(error)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(mutants / 10);
    expect(refused).toBeLessThan(mutants);
  }, 3_600_000);

  test("the sample itself is sound", () => {
    expect(sampleModel.graph).toBe(sampleGraph);
    expect(codeOf(() => decodeModel(sampleBytes()))).toBeUndefined();
  });
});
