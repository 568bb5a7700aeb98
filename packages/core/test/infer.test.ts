import { attr, functionKey, Graph, inferShapes, Model, opIn, standardOps, Tensor, tensorType, typeToString, type FunctionDef, type InferOptions, type Shape, type Value } from "@lathe/core";
import { describe, expect, it } from "vitest";

const float = (...shape: Shape) => tensorType("float32", shape);
const weights = (graph: Graph, name: string, ...dims: number[]): Value => graph.addInitializer(name, Tensor.from("float32", dims, new Float32Array(dims.reduce((a, b) => a * b, 1))));
const scalar = (graph: Graph, name: string, value: number): Value => graph.addInitializer(name, Tensor.int64([value], []));
const vector = (graph: Graph, name: string, ...values: number[]): Value => graph.addInitializer(name, Tensor.int64(values));
const typeOf = (model: Model, name: string): string => typeToString([...model.graph.values()].find((v) => v.name === name)?.type);
const codes = (model: Model, options?: InferOptions): string[] => inferShapes(model, options).problems.map((p) => p.code);

/** image [N,3,H,W] -> Conv stride 2 -> "features" -> GlobalAveragePool -> Flatten -> Gemm -> "logits" */
function classifier(): Model {
  const model = new Model({ opset: 17 });
  const { graph } = model;
  const image = graph.addInput("image", float("N", 3, "H", "W"));
  const conv = graph.add({ opType: "Conv", name: "conv", inputs: [image, weights(graph, "w", 8, 3, 3, 3)], outputs: ["features"], attributes: { strides: attr.ints([2, 2]), pads: attr.ints([1, 1, 1, 1]) } });
  const pool = graph.add({ opType: "GlobalAveragePool", inputs: [conv.out], outputs: ["pooled"] });
  const flat = graph.add({ opType: "Flatten", inputs: [pool.out], outputs: ["flat"] });
  const head = graph.add({ opType: "Gemm", name: "head", inputs: [flat.out, weights(graph, "k", 8, 10)], outputs: ["logits"] });
  graph.addOutput(head.out);
  return model;
}

describe("shape inference", () => {
  it("carries symbols through the graph", () => {
    const model = classifier();
    const result = inferShapes(model);
    expect(typeOf(model, "features")).toBe("float32[N,8,floor((H + 1)/2),floor((W + 1)/2)]");
    expect(typeOf(model, "logits")).toBe("float32[N,10]");
    expect(result).toMatchObject({ unknown: [], partial: [], problems: [] });
  });

  it("takes shapes for inputs and follows them", () => {
    const model = classifier();
    inferShapes(model);
    inferShapes(model, { inputs: { image: [1, 3, 224, 224] } });
    expect(typeOf(model, "features")).toBe("float32[1,8,112,112]");
    expect(() => inferShapes(model, { inputs: { picture: [1] } })).toThrow(/INFER_INPUT.*"picture" is not an input of the model; its inputs are "image"/);
  });

  it("names sizes of inputs that have no name", () => {
    const model = new Model();
    const x = model.graph.addInput("x", float(null, 4));
    model.graph.addOutput(model.graph.add({ opType: "Relu", inputs: [x], outputs: ["y"] }).out);
    inferShapes(model);
    expect(typeOf(model, "y")).toBe("float32[x.0,4]");
  });

  it("keeps the names that graph outputs have, and numbers that say more", () => {
    const model = classifier();
    model.graph.outputs[0]!.type = float("batch", "classes");
    expect(codes(model)).toEqual([]);
    expect(typeOf(model, "logits")).toBe("float32[batch,10]");
  });

  it("follows sizes behind a graph output by what they are, not by the output's name for them", () => {
    const model = classifier();
    const features = model.graph.node("conv")!.out;
    features.type = float("batch", 8, "h", "w");
    model.graph.addOutput(features);
    expect(codes(model)).toEqual([]);
    expect([typeOf(model, "features"), typeOf(model, "pooled")]).toEqual(["float32[batch,8,h,w]", "float32[N,8,1,1]"]);
  });

  it("keeps what the model declares where an operator is not known, and says so", () => {
    const model = new Model({ opsetImports: [["", 17], ["my.domain", 1]] });
    const x = model.graph.addInput("x", float("N", 4));
    const y = model.graph.add({ opType: "Mystery", domain: "my.domain", name: "m", inputs: [x], outputs: ["y"] }).out;
    y.type = float("N", 7);
    model.graph.addOutput(model.graph.add({ opType: "Relu", inputs: [y], outputs: ["z"] }).out);
    const { problems } = inferShapes(model);
    expect(problems.map((p) => p.message)).toEqual([expect.stringContaining('OP_UNKNOWN: Node "m" uses the operator my.domain.Mystery')]);
    expect(typeOf(model, "z")).toBe("float32[N,7]");
    const known = standardOps.extend([opIn("my.domain")({ name: "Mystery", since: { 1: "X:T -> Y:T | | T: floats" }, infer: (c) => c.set(0, undefined, [5]) })]);
    expect(codes(model, { ops: known, ignoreDeclared: true })).toEqual([]);
    expect(typeOf(model, "z")).toBe("float32[5]");
  });

  it("reports a declared type that the operators contradict, and uses the inferred one", () => {
    const model = classifier();
    model.graph.node("conv")!.out.type = float("N", 16, "h", "w");
    expect(inferShapes(model).problems.map((p) => p.message)).toEqual([
      expect.stringContaining('TYPE_DECLARED: Value "features" is declared as float32[N,16,h,w] but the operators give float32[N,8,floor((H + 1)/2),floor((W + 1)/2)]'),
    ]);
    expect(typeOf(model, "features")).toBe("float32[N,8,floor((H + 1)/2),floor((W + 1)/2)]");
    model.graph.node("conv")!.out.type = float("N", 16, "h", "w");
    expect(codes(model, { ignoreDeclared: true })).toEqual([]);
    model.graph.node("conv")!.out.type = float("N", 16, "h", "w");
    expect(() => inferShapes(model, { strict: true })).toThrow("TYPE_DECLARED");
  });

  it("names the node that gets shapes it cannot take, and goes on behind it", () => {
    const model = classifier();
    model.graph.setInitializer([...model.graph.initializers].find((v) => v.name === "k")!, Tensor.from("float32", [9, 10], new Float32Array(90)));
    expect(inferShapes(model).problems.map((p) => p.message)).toEqual([expect.stringContaining('SHAPE_MISMATCH: Node "head" (Gemm) expects equal inner lengths, but 8 and 9 came')]);
    expect(() => inferShapes(model, { strict: true })).toThrow("SHAPE_MISMATCH");
  });

  it("reports operators that the model's opset does not have", () => {
    const model = new Model({ opset: 17 });
    model.graph.addOutput(model.graph.add({ opType: "Gelu", name: "g", inputs: [model.graph.addInput("x", float(2))], outputs: ["y"] }).out);
    expect(inferShapes(model).problems.map((p) => p.message)).toEqual([expect.stringContaining("opset 17 does not have (it came with 20)")]);
    expect(typeOf(model, "y")).toBe("float32[2]");
  });

  it("follows sizes that the model computes: Shape, Gather, arithmetic, Concat, Reshape", () => {
    const model = new Model();
    const { graph } = model;
    const x = graph.addInput("x", float("N", "T", 12));
    const shape = graph.add({ opType: "Shape", inputs: [x] }).out;
    const n = graph.add({ opType: "Gather", inputs: [shape, scalar(graph, "zero", 0)] }).out;
    const t = graph.add({ opType: "Gather", inputs: [shape, scalar(graph, "one", 1)] }).out;
    const doubled = graph.add({ opType: "Mul", inputs: [t, scalar(graph, "two", 2)], outputs: ["doubled"] }).out;
    const axes = vector(graph, "axes", 0);
    const parts = [n, doubled].map((v) => graph.add({ opType: "Unsqueeze", inputs: [v, axes] }).out);
    const target = graph.add({ opType: "Concat", inputs: [...parts, vector(graph, "six", 6)], attributes: { axis: attr.int(0) } }).out;
    graph.addOutput(graph.add({ opType: "Reshape", inputs: [x, target], outputs: ["y"] }).out);
    const { dims } = inferShapes(model);
    expect(typeOf(model, "y")).toBe("float32[N,2*T,6]");
    expect(dims.get(doubled)).toEqual(["2*T"]);
  });

  it("takes defaults of inputs for constants in models of IR version 3, where every weight is an input", () => {
    const build = (irVersion: number): Model => {
      const model = new Model({ irVersion, opset: 8 });
      const shape = model.graph.addInput("shape", tensorType("int64", [2]), Tensor.int64([3, 4]));
      model.graph.addOutput(model.graph.add({ opType: "Reshape", inputs: [model.graph.addInput("x", float(12)), shape], outputs: ["y"] }).out);
      inferShapes(model);
      return model;
    };
    expect(typeOf(build(3), "y")).toBe("float32[3,4]");
    expect(typeOf(build(8), "y")).toBe("float32[?,?]");
  });
});

describe("inference in subgraphs", () => {
  const branch = (shape: readonly number[]): Graph => {
    const graph = new Graph();
    graph.addOutput(weights(graph, "c", ...shape));
    return graph;
  };

  const choice = (then: Graph, otherwise: Graph, decided?: number): Model => {
    const model = new Model();
    const condition = decided === undefined ? model.graph.addInput("flag", tensorType("bool", [])) : model.graph.addInitializer("flag", Tensor.from("bool", [], [decided]));
    model.graph.addOutput(model.graph.add({ opType: "If", inputs: [condition], outputs: ["y"], attributes: { then_branch: attr.graph(then), else_branch: attr.graph(otherwise) } }).out);
    return model;
  };

  it("gives an If what both branches have", () => {
    const model = choice(branch([2, 3]), branch([2, 4]));
    inferShapes(model);
    expect(typeOf(model, "y")).toBe("float32[2,?]");
    expect(codes(model, { ignoreDeclared: true, values: { flag: Tensor.from("bool", [], [1]) } })).toEqual([]);
    expect(typeOf(model, "y")).toBe("float32[2,3]");
  });

  it("follows the branch that a constant decides, with its values, and is silent about the other", () => {
    const broken = new Graph();
    broken.addOutput(broken.add({ opType: "Add", inputs: [weights(broken, "a", 2), weights(broken, "b", 3)] }).out);
    const sizes = new Graph();
    sizes.addOutput(vector(sizes, "sizes", 3, 2));
    const model = choice(sizes, broken, 1);
    const y = model.graph.outputs[0]!;
    model.graph.addOutput(model.graph.add({ opType: "Reshape", inputs: [model.graph.addInput("x", float(6)), y], outputs: ["z"] }).out);
    expect(codes(model)).toEqual([]);
    expect(typeOf(model, "z")).toBe("float32[3,2]");
  });

  const loop = (grow: boolean, count: (graph: Graph) => Value): Model => {
    const model = new Model();
    const { graph } = model;
    const start = graph.addInput("start", float(1, "C"));
    const body = new Graph("body");
    body.addInput("i", tensorType("int64", []));
    const go = body.addInput("go", tensorType("bool", []));
    const state = body.addInput("state");
    const next = grow ? body.add({ opType: "Concat", inputs: [state, start], attributes: { axis: attr.int(0) } }).out : body.add({ opType: "Relu", inputs: [state] }).out;
    for (const value of [body.add({ opType: "Identity", inputs: [go] }).out, next, body.add({ opType: "Relu", inputs: [start] }).out]) body.addOutput(value);
    const node = graph.add({ opType: "Loop", inputs: [count(graph), null, start], outputs: ["last", "all"], attributes: { body: attr.graph(body) } });
    for (const output of node.outputs) graph.addOutput(output!);
    return model;
  };

  it("keeps the state of a Loop and stacks its scan outputs", () => {
    const model = loop(false, (graph) => scalar(graph, "five", 5));
    expect(codes(model)).toEqual([]);
    expect(typeOf(model, "last")).toBe("float32[1,C]");
    expect(typeOf(model, "all")).toBe("float32[5,1,C]");
  });

  it("gives up only what changes from one iteration to the next", () => {
    const model = loop(true, (graph) => graph.addInput("n", tensorType("int64", [])));
    expect(codes(model)).toEqual([]);
    expect(typeOf(model, "last")).toBe("float32[?,C]");
    expect(typeOf(model, "all")).toBe("float32[last.iterations,1,C]");
  });

  it("leaves the counter of a Loop a vector of one where the body declares it so", () => {
    const model = loop(false, (graph) => scalar(graph, "five", 5));
    const { inputs } = [...model.graph.nodes][0]!.attribute("body", "graph")!;
    inputs[0]!.type = tensorType("int64", [1]);
    expect(codes(model)).toEqual([]);
    expect(inputs.slice(0, 2).map((v) => v.shape)).toEqual([[1], []]);
  });

  it("cuts the slices of a Scan and stacks its outputs", () => {
    const model = new Model();
    const body = new Graph("body");
    const [sum, x] = [body.addInput("sum"), body.addInput("x")];
    const next = body.add({ opType: "Add", inputs: [sum, x] }).out;
    body.addOutput(next);
    body.addOutput(body.add({ opType: "Relu", inputs: [next] }).out);
    const node = model.graph.add({ opType: "Scan", inputs: [model.graph.addInput("s", float("C")), model.graph.addInput("xs", float("C", "T"))], outputs: ["last", "all"], attributes: { body: attr.graph(body), num_scan_inputs: attr.int(1), scan_input_axes: attr.ints([1]), scan_output_axes: attr.ints([-1]) } });
    for (const output of node.outputs) model.graph.addOutput(output!);
    expect(codes(model)).toEqual([]);
    expect([typeOf(model, "last"), typeOf(model, "all")]).toEqual(["float32[C]", "float32[C,T]"]);
  });
});

describe("inference through local functions", () => {
  const define = (model: Model, name: string, make: (body: Graph) => void): void => {
    const body = new Graph(name);
    make(body);
    const fn: FunctionDef = { domain: "my.domain", name, overload: "", body, attributes: [], attributeDefaults: new Map([["axis", attr.int(0)]]), opsetImports: new Map([["", 17], ["my.domain", 1]]) };
    model.functions.set(functionKey("my.domain", name), fn);
  };

  it("infers each call with its own types and attributes", () => {
    const model = new Model({ opsetImports: [["", 17], ["my.domain", 1]] });
    define(model, "Twice", (body) => {
      const x = body.addInput("x");
      body.addOutput(body.add({ opType: "Concat", inputs: [x, x], attributes: { axis: { kind: "int", ref: "axis" } } }).out);
    });
    const { graph } = model;
    const call = (shape: Shape, attributes: Record<string, ReturnType<typeof attr.int>>, name: string): void =>
      graph.addOutput(graph.add({ opType: "Twice", domain: "my.domain", inputs: [graph.addInput(`x_${name}`, float(...shape))], outputs: [name], attributes }).out);
    call(["N", 3], {}, "a");
    call([2, "M"], { axis: attr.int(1) }, "b");
    expect(codes(model)).toEqual([]);
    expect([typeOf(model, "a"), typeOf(model, "b")]).toEqual(["float32[2*N,3]", "float32[2,2*M]"]);
  });

  it.each([["calls itself", 1], ["calls itself twice", 2]])("stops at a function that %s", (_, times) => {
    const model = new Model({ opsetImports: [["", 17], ["my.domain", 1]] });
    define(model, "Again", (body) => {
      let x: Value = body.addInput("x");
      for (let i = 0; i < times; i++) x = body.add({ opType: "Again", domain: "my.domain", inputs: [x] }).out;
      body.addOutput(x);
    });
    model.graph.addOutput(model.graph.add({ opType: "Again", domain: "my.domain", inputs: [model.graph.addInput("x", float(1))] }).out);
    expect(codes(model)).toContain("FUNCTION_DEPTH");
  });
});
