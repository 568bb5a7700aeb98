/** Counting: parameters, bytes, work, memory, zeros. Expected figures are worked out by hand in the comments. */
import { attr, countZeros, dtypes, Graph, lazyStorage, Model, modelSize, stats, Tensor, tensorType, type DType, type Value } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tinyModel } from "./helpers-technique.ts";

const fixture = (name: string): Promise<Model> => loadModel(fileURLToPath(new URL(`../../../fixtures/models/${name}.onnx`, import.meta.url)));
const f32 = (...dims: (number | string | null)[]): ReturnType<typeof tensorType> => tensorType("float32", dims);

describe("stats of a small model", () => {
  // x [N,4] -> MatMul w [4,3] -> Relu
  const s = stats(tinyModel(), { bindings: { N: 8 } });
  test("parameters and bytes", () => {
    expect(s).toMatchObject({ nodes: 2, parameters: 12, bytes: 48, bytesByDtype: { float32: 48 }, opsets: { "ai.onnx": 21 } });
  });
  test("work: 8*3 outputs of 4 products each, and 24 comparisons", () => {
    expect(s.macs).toBe(96);
    expect(s.layers.map((l) => [l.name, l.op, l.macs])).toEqual([["product", "MatMul", 96], ["relu", "Relu", 0]]);
    expect(s.layers[1]!.elementOps).toBe(24);
    // MatMul reads 8*4 + 12 and writes 24 floats; Relu reads and writes 24.
    expect(s.bytesMoved).toBe(4 * (32 + 12 + 24 + 24 + 24));
  });
  test("memory: x (128) + p (96), then p + y (192): the peak is at the product", () => {
    expect(s.activations).toEqual({ peakBytes: 224, peakNode: "product", unsized: 0 });
  });
  test("zeros: one of the twelve weights -5..6", () => {
    expect(s.sparsity).toBeCloseTo(1 / 12);
    expect(s.layers.map((l) => l.sparsity)).toEqual([expect.closeTo(1 / 12), undefined]);
    expect(stats(tinyModel(), { sparsity: false }).sparsity).toBeUndefined();
  });
  test("ports, histogram and layer outputs", () => {
    expect(s.inputs).toEqual([{ name: "x", type: "float32[N,4]" }]);
    expect(s.outputs).toEqual([{ name: "y", type: "float32[N,3]" }]);
    expect(s.histogram).toEqual({ MatMul: 1, Relu: 1 });
    expect(s.layers[0]!.outputs).toEqual(["float32[8,3]"]);
  });
  test("the model stays as it was", () => {
    const model = tinyModel();
    stats(model, { bindings: { N: 8 } });
    expect(model.graph.inputs[0]!.shape).toEqual(["N", 4]);
    expect(model.graph.node("product")!.out.type).toBeUndefined();
  });
});

describe("symbols", () => {
  test("the first dimension of an input is 1 unless bound, and that is said", () => {
    expect(stats(tinyModel())).toMatchObject({ macs: 12, bindings: { N: 1 }, unbound: [] });
  });
  test("other symbols stay open: what depends on them is listed, not guessed", () => {
    const model = new Model();
    const x = model.graph.addInput("x", f32("N", "T", 4));
    const w = model.graph.addInitializer("w", Tensor.from("float32", [4, 2], new Float32Array(8)));
    model.graph.addOutput(model.graph.add({ opType: "MatMul", name: "m", inputs: [x, w], outputs: ["y"] }).out);
    expect(stats(model)).toMatchObject({ macs: 0, unbound: ["T"], unknown: [{ name: "m", op: "MatMul", reason: "shape" }], activations: { unsized: 2 } });
    expect(stats(model, { bindings: { T: 10 } })).toMatchObject({ macs: 80, unbound: [], unknown: [] });
    expect(stats(model, { inputs: { x: [3, 10, 4] } })).toMatchObject({ macs: 240, unknown: [] });
  });
  test("a binding that no input has is refused with the names there are", () => {
    expect(() => stats(tinyModel(), { bindings: { M: 2 } })).toThrow(/STATS_SYMBOL.*"M" \(there are: N\)/);
  });
  test("an operator that the table does not know is listed", () => {
    const model = tinyModel();
    const y = model.graph.outputs[0]!;
    model.graph.setOutput(0, model.graph.add({ opType: "Mystery", domain: "com.example", name: "m", inputs: [y], outputs: ["z"] }).out);
    model.opsetImports.set("com.example", 1);
    expect(stats(model).unknown).toEqual([{ name: "m", op: "com.example.Mystery", reason: "operator" }]);
  });
});

describe("subgraphs", () => {
  /** A body that multiplies the captured value by a [4,4] matrix `times` times over. */
  const body = (captured: Value, times: number, name: string): Graph => {
    const graph = new Graph(name);
    let value = captured;
    for (let i = 0; i < times; i++) {
      const w = graph.addInitializer(`${name}_w${i}`, Tensor.from("float32", [4, 4], new Float32Array(16).fill(1)));
      value = graph.add({ opType: "MatMul", name: `${name}_${i}`, inputs: [value, w], outputs: [`${name}_y${i}`] }).out;
    }
    graph.addOutput(value);
    return graph;
  };
  test("of If, the costlier branch counts; parameters of both do", () => {
    const model = new Model();
    const x = model.graph.addInput("x", f32(2, 4));
    const cond = model.graph.addInput("cond", tensorType("bool", []));
    const node = model.graph.add({ opType: "If", name: "choice", inputs: [cond], outputs: ["y"], attributes: { then_branch: attr.graph(body(x, 1, "a")), else_branch: attr.graph(body(x, 3, "b")) } });
    model.graph.addOutput(node.out);
    const s = stats(model);
    expect(s.macs).toBe(3 * 2 * 4 * 4);
    expect(s.parameters).toBe(4 * 16);
    expect(s.nodes).toBe(5);
    expect(s.layers.filter((l) => l.inside[0] === "choice")).toHaveLength(4);
    // Outside: x, cond, y. Inside the longer branch two results of 32 bytes are alive at once.
    expect(s.activations.peakBytes).toBe(32 + 1 + 32 + 64);
  });
  test("a loop body counts as often as it runs, once when that depends on data", () => {
    const loop = (count: Tensor | undefined): Model => {
      const model = new Model();
      const m = count ? model.graph.addInitializer("m", count) : model.graph.addInput("m", tensorType("int64", []));
      const x = model.graph.addInput("x", f32(2, 4));
      const inner = new Graph("body");
      inner.addInput("i", tensorType("int64", []));
      const cond = inner.addInput("c", tensorType("bool", []));
      const state = inner.addInput("s", f32(2, 4));
      const w = inner.addInitializer("w", Tensor.from("float32", [4, 4], new Float32Array(16)));
      inner.addOutput(inner.add({ opType: "Identity", inputs: [cond], outputs: ["c2"] }).out);
      inner.addOutput(inner.add({ opType: "MatMul", name: "inner", inputs: [state, w], outputs: ["s2"] }).out);
      model.graph.addOutput(model.graph.add({ opType: "Loop", name: "loop", inputs: [m, null, x], outputs: ["y"], attributes: { body: attr.graph(inner) } }).out);
      return model;
    };
    expect(stats(loop(Tensor.int64([5], [])))).toMatchObject({ macs: 5 * 32, unknown: [] });
    expect(stats(loop(undefined))).toMatchObject({ macs: 32, unknown: [{ name: "loop", reason: "trip-count" }] });
  });
});

describe("local functions", () => {
  const calling = (body: string): Model => {
    const model = new Model();
    const x = model.graph.addInput("x", f32(2, 4));
    const fn = new Graph("f");
    const a = fn.addInput("a");
    const w = fn.add({ opType: "Constant", outputs: ["w"], attributes: { value: attr.tensor(Tensor.from("float32", [4, 4], new Float32Array(16))) } }).out;
    fn.addOutput(body === "F" ? fn.add({ opType: "F", domain: "local", inputs: [a], outputs: ["b"] }).out : fn.add({ opType: body, inputs: [a, w], outputs: ["b"] }).out);
    model.functions.set("local::F::", { domain: "local", name: "F", overload: "", body: fn, attributes: [], attributeDefaults: new Map(), opsetImports: new Map([["", 21], ["local", 1]]) });
    model.opsetImports.set("local", 1);
    const once = model.graph.add({ opType: "F", domain: "local", name: "one", inputs: [x], outputs: ["m"] }).out;
    model.graph.addOutput(model.graph.add({ opType: "F", domain: "local", name: "two", inputs: [once], outputs: ["y"] }).out);
    return model;
  };
  test("each call counts as its body; stored tensors count once", () => {
    const s = stats(calling("MatMul"));
    expect(s).toMatchObject({ macs: 2 * 32, parameters: 16, unknown: [] });
    expect(s.histogram).toEqual({ "local.F": 2, Constant: 1, MatMul: 1 });
  });
  test("functions that call themselves are listed, not followed", () => {
    expect(stats(calling("F")).unknown.map((u) => u.op)).toEqual(["local.F", "local.F"]);
  });
});

describe("memory", () => {
  test("views take no bytes of their own; a value lives to its last reader", () => {
    const model = new Model();
    const x = model.graph.addInput("x", f32(10));
    const a = model.graph.add({ opType: "Relu", name: "a", inputs: [x], outputs: ["a"] }).out;
    const shape = model.graph.addInitializer("shape", Tensor.int64([2, 5]));
    const b = model.graph.add({ opType: "Reshape", name: "b", inputs: [a, shape], outputs: ["b"] }).out;
    const c = model.graph.add({ opType: "Relu", name: "c", inputs: [b], outputs: ["c"] }).out;
    model.graph.addOutput(c);
    expect(stats(model).activations).toEqual({ peakBytes: 80, peakNode: "a", unsized: 0 });
    // A skip connection keeps `a` alive beside `c` and the sum.
    const d = model.graph.add({ opType: "Add", name: "d", inputs: [c, b], outputs: ["d"] }).out;
    model.graph.setOutput(0, d);
    expect(stats(model).activations).toEqual({ peakBytes: 120, peakNode: "d", unsized: 0 });
  });
  test("a weight shared by two layers is counted in the first", () => {
    const model = new Model();
    const x = model.graph.addInput("x", f32(1, 4));
    const w = model.graph.addInitializer("w", Tensor.from("float32", [4, 4], new Float32Array(16)));
    const a = model.graph.add({ opType: "MatMul", inputs: [x, w], outputs: ["a"] }).out;
    model.graph.addOutput(model.graph.add({ opType: "MatMul", inputs: [a, w], outputs: ["b"] }).out);
    expect(stats(model).layers.map((l) => l.parameters)).toEqual([16, 0]);
  });
});

describe("real models", () => {
  test("fashion-mobilenet: size, work and memory, and their sums over the layers", async () => {
    const s = stats(await fixture("fashion-mobilenet"));
    expect(s).toMatchObject({ parameters: 40306, macs: 6_091_392, unknown: [], unbound: [], bindings: { N: 1 } });
    // 1x1 expand 16 -> 96 on 28x28 in, ReLU6 beside it: 28*28*(96+48)*4 bytes.
    expect(s.activations.peakBytes).toBe(451_584);
    expect(s.layers.reduce((n, l) => n + (l.macs ?? 0), 0)).toBe(s.macs);
    expect(s.layers.reduce((n, l) => n + l.parameters, 0)).toBe(s.parameters);
  });
  test("mnist-lenet: the work of its layers is the textbook product", async () => {
    const model = await fixture("mnist-lenet");
    const convs = stats(model).layers.filter((l) => l.op === "Conv");
    for (const layer of convs) {
      const node = model.graph.node(layer.name)!;
      const [out, inner, kh, kw] = node.input(1)!.constant!.dims;
      const [, , h, w] = layer.outputs[0]!.match(/\d+/g)!.slice(1).map(Number);
      expect(layer.macs).toBe(out! * inner! * kh! * kw! * h! * w!);
    }
    expect(convs.length).toBeGreaterThan(0);
  });
});

describe("modelSize", () => {
  test("counts initializers, defaults of inputs and Constant nodes, in functions and subgraphs too; strings have bytes but no parameters", () => {
    const model = tinyModel();
    model.graph.addInput("d", undefined, Tensor.from("int8", [3], [1, 2, 3]));
    model.graph.add({ opType: "Constant", outputs: ["k"], attributes: { value: attr.tensor(Tensor.fromStrings([2], ["ab", "c"])) } });
    expect(modelSize(model)).toEqual({ nodes: 3, parameters: 15, bytes: 48 + 3 + 3, bytesByDtype: { float32: 48, int8: 3, string: 3 } });
  });
});

describe("countZeros", () => {
  const numeric = (Object.keys(dtypes) as DType[]).filter((t) => t !== "string" && !t.startsWith("complex"));
  test.each(numeric)("%s agrees with decoding every element", (dtype) => {
    const { bits } = dtypes[dtype];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.uint8Array({ minLength: 40 * 8, maxLength: 40 * 8 }), (count, noise) => {
        // Sparse bytes, so that zeros are common.
        const bytes = noise.map((b) => (b < 128 ? 0 : b < 160 ? 0x80 : b)).slice(0, Math.ceil((count * bits) / 8));
        const tensor = Tensor.fromBytes(dtype, [count], bytes);
        expect(countZeros(tensor)).toBe(tensor.toNumbers().filter((v) => v === 0).length);
      }),
      { numRuns: 60 },
    );
  });
  test("complex numbers are zero when both parts are", () => {
    expect(countZeros(Tensor.fromBytes("complex64", [3], new Uint8Array(new Float32Array([0, -0, 0, 1, 2, 0]).buffer)))).toBe(1);
    expect(countZeros(Tensor.fromBytes("complex128", [2], new Uint8Array(new Float64Array([-0, 0, 0, 1e-300]).buffer)))).toBe(1);
  });
  test("a tensor that comes in pieces of any size is counted across their borders", () => {
    const bytes = new Uint8Array(new Float32Array([0, 1, 0, -0, 5, 0, 7]).buffer);
    for (const size of [1, 3, 4, 5, 28]) {
      const pieces = function* (): Generator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      };
      const tensor = new Tensor("float32", [7], { ...lazyStorage(bytes.length, () => bytes), chunks: pieces });
      expect(countZeros(tensor)).toBe(4);
    }
  });
});
