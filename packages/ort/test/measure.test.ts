import { readFileSync } from "node:fs";
import { decodeModel, Model, Tensor, tensorType, type Feeds } from "@lathe/core";
import { benchmark, compare, difference, formatBenchmark, optimizedGraph, ortRuntime, profile, randomFeeds, runAll, withOutputs } from "@lathe/ort";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dense } from "./models.ts";

const f32 = (values: readonly number[]): Tensor => Tensor.from("float32", [values.length], values);
const mobilenet = (): Model => decodeModel(readFileSync(new URL("../../../fixtures/models/fashion-mobilenet.onnx", import.meta.url)));

describe("difference", () => {
  it("follows its formulas", () => {
    const d = difference(f32([3, 4]), f32([3, 5]));
    expect(d).toMatchObject({ elements: 2, differing: 1, notFinite: 0, maxAbs: 1, meanAbs: 0.5, maxRel: 0.25 });
    expect(d.cosine).toBeCloseTo(29 / (5 * Math.sqrt(34)), 12);
    expect(d.sqnr).toBeCloseTo(10 * Math.log10(25), 12);
  });

  it("is nothing for equal tensors, NaN and infinities included", () => {
    const same = f32([1, NaN, Infinity, 0]);
    expect(difference(same, same)).toEqual({ elements: 4, differing: 0, notFinite: 0, maxAbs: 0, meanAbs: 0, maxRel: 0, cosine: 1, sqnr: Infinity });
  });

  it("counts what became infinite or NaN apart", () => {
    expect(difference(f32([1, 2, Infinity]), f32([NaN, 2, -Infinity]))).toMatchObject({ differing: 2, notFinite: 2, maxAbs: 0 });
  });

  it("takes no output of NaN and no other text for exact", () => {
    expect(difference(f32([1, 2]), f32([NaN, NaN])).sqnr).toBe(-Infinity);
    expect(difference(Tensor.fromStrings([1], ["a"]), Tensor.fromStrings([1], ["b"])).sqnr).toBe(-Infinity);
  });

  it("knows opposite and absent signals", () => {
    expect(difference(f32([1, -1]), f32([-1, 1])).cosine).toBeCloseTo(-1);
    expect(difference(f32([0, 0]), f32([0, 1])).cosine).toBe(0);
    expect(difference(f32([0, 0]), f32([0, 0])).cosine).toBe(1);
  });

  it("compares strings, integers and bool", () => {
    expect(difference(Tensor.fromStrings([2], ["a", "b"]), Tensor.fromStrings([2], ["a", "c"])).differing).toBe(1);
    expect(difference(Tensor.int64([1, 2]), Tensor.int64([1, 4])).maxAbs).toBe(2);
    expect(difference(Tensor.from("bool", [2], [1, 0]), Tensor.from("bool", [2], [1, 1])).differing).toBe(1);
  });

  it("refuses other shapes", () => {
    expect(() => difference(f32([1, 2]), f32([1]), "logits")).toThrow(/"logits" cannot be compared: it is float32\[2\] in the one model and float32\[1\]/);
  });

  it("does not depend on the scale of both", () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.double({ min: 0.1, max: 10 }), fc.double({ min: -0.05, max: 0.05 })), { minLength: 1 }), (pairs) => {
      const at = (scale: number) => difference(Tensor.from("float64", [pairs.length], pairs.map(([v]) => v * scale)), Tensor.from("float64", [pairs.length], pairs.map(([v, e]) => (v + e) * scale)));
      expect(at(4).sqnr).toBeCloseTo(at(1).sqnr, 6);
      expect(at(4).cosine).toBeCloseTo(at(1).cosine, 9);
    }));
  });
});

describe("compare", () => {
  /** The same layer with its bias moved by `shift`. */
  function shifted(shift: number): Model {
    const model = dense(8, 4);
    const bias = [...model.graph.initializers].find((v) => v.name === "b")!;
    model.graph.setInitializer(bias, Tensor.from("float32", [4], bias.tensor!.toNumbers().map((v) => v + shift)));
    return model;
  }

  it("measures outputs and named tensors over all samples, and leaves the models alone", async () => {
    const model = shifted(0);
    const samples = [1, 2, 3].map((seed) => randomFeeds(model, { seed, bindings: { N: 5 } }));
    const { samples: count, tensors } = await compare(model, shifted(0.5), samples, { tensors: ["z"] });
    expect(count).toBe(3);
    expect(Object.keys(tensors)).toEqual(["y", "z"]);
    expect(tensors["z"]!.elements).toBe(60);
    expect(tensors["z"]!.maxAbs).toBeCloseTo(0.5, 5);
    expect(tensors["z"]!.meanAbs).toBeCloseTo(0.5, 5);
    expect(tensors["y"]!.maxAbs).toBeLessThanOrEqual(tensors["z"]!.maxAbs);
    expect(model.graph.outputs.map((o) => o.name)).toEqual(["y"]);
  });

  it("leaves labels of a sample out of what it feeds", async () => {
    const sample = { ...randomFeeds(dense(8, 4)), label: Tensor.int64([3]) };
    expect((await compare(shifted(0), shifted(0), [sample])).tensors["y"]!.elements).toBe(4);
  });

  it("reads an asynchronous dataset", async () => {
    async function* data(): AsyncIterable<Feeds> {
      for (let seed = 0; seed < 2; seed++) yield randomFeeds(dense(8, 4), { seed });
    }
    expect((await compare(shifted(0), shifted(0), data())).tensors["y"]).toMatchObject({ elements: 8, differing: 0 });
  });

  it("finds every tensor of a real network equal to itself", async () => {
    const model = mobilenet();
    const names = [...model.graph.nodes].map((node) => node.out.name);
    const { tensors } = await compare(model, model, randomFeeds(model), { tensors: names });
    expect(Object.keys(tensors).sort()).toEqual([...new Set(["logits", ...names])].sort());
    expect(Object.values(tensors).every((t) => t.differing === 0)).toBe(true);
  });

  it("stays within rounding of itself when ONNX Runtime optimizes one side", async () => {
    const model = mobilenet();
    const feeds = randomFeeds(model, { bindings: { N: 2 }, ranges: { image: [0, 1] } });
    const run = async (optimization: "disabled" | "all"): Promise<Tensor> => {
      const session = await ortRuntime().load(model, { optimization });
      const { logits } = await session.run(feeds);
      await session.dispose();
      return logits!;
    };
    expect(difference(await run("disabled"), await run("all")).sqnr).toBeGreaterThan(80);
  });

  it("refuses models without a common output, unknown tensors and empty data", async () => {
    const other = dense(8, 4);
    other.graph.value("y")!.name = "other";
    await expect(compare(shifted(0), other, randomFeeds(other))).rejects.toMatchObject({ code: "ORT_OUTPUTS_DIFFER" });
    await expect(compare(shifted(0), shifted(0), {}, { tensors: ["nowhere"] })).rejects.toMatchObject({ code: "ORT_OPTION", message: expect.stringContaining("nowhere") });
    await expect(compare(shifted(0), shifted(0), [])).rejects.toMatchObject({ code: "ORT_NO_SAMPLES" });
    expect(() => withOutputs("model.onnx", ["z"])).toThrow(/models as graphs/);
  });
});

describe("benchmark", () => {
  it("gives each model its samples and orders its quantiles", async () => {
    const model = dense(64, 64);
    const result = await benchmark({ a: model, b: model }, randomFeeds(model), { rounds: 4, warmup: 1, minSampleMs: 0.5, threads: 1 });
    expect(result.timings.map((t) => t.name)).toEqual(["a", "b"]);
    for (const t of result.timings) {
      expect(t.samples).toHaveLength(4);
      expect(t.p5).toBeLessThanOrEqual(t.median);
      expect(t.median).toBeLessThanOrEqual(t.p95);
    }
    expect(result.timings[0]!.speedup).toBe(1);
    expect(formatBenchmark(result)).toMatch(/^model +median ms.*\na .*1\.00x\nb .*x\n.*cores, load/);
  });

  it("stops when aborted and refuses nothing to measure", async () => {
    const control = new AbortController();
    const model = dense(8, 4);
    const run = benchmark({ model }, randomFeeds(model), { rounds: 1000, signal: control.signal, onRound: () => control.abort() });
    await expect(run).rejects.toMatchObject({ name: "AbortError" });
    await expect(benchmark({ model }, randomFeeds(model), { warmup: 1e9, signal: AbortSignal.timeout(30) })).rejects.toMatchObject({ name: "TimeoutError" });
    await expect(benchmark({}, {})).rejects.toMatchObject({ code: "ORT_NO_SAMPLES" });
  });
});

describe("profile", () => {
  it("tells the time of every node, by node and by operator", async () => {
    const { nodes, ops, nodesMs, runs } = await profile(dense(64, 64), randomFeeds(dense(64, 64)), { runs: 5, optimization: "disabled" });
    expect(runs).toBe(5);
    expect(nodes.map((n) => n.name).sort()).toEqual(["gemm", "relu"]);
    expect(nodes.every((n) => n.calls === 1 && n.provider === "CPUExecutionProvider")).toBe(true);
    expect(nodes.find((n) => n.name === "gemm")).toMatchObject({ op: "Gemm", outputs: ["float[1,64]"] });
    expect(Object.keys(ops).sort()).toEqual(["Gemm", "Relu"]);
    expect(nodes.reduce((sum, n) => sum + n.share, 0)).toBeCloseTo(nodesMs > 0 ? 1 : 0);
  });
});

describe("optimizedGraph", () => {
  /** x -> Q/DQ -> MatMul with an int8 weight [-> Q/DQ]. */
  function quantized(withOutput: boolean): Model {
    const model = new Model();
    const { graph } = model;
    const scale = graph.addInitializer("scale", Tensor.scalar("float32", 0.02));
    const zero = graph.addInitializer("zero", Tensor.from("uint8", [], [128]));
    const qdq = (value: Parameters<typeof graph.replaceUses>[0], name: string) => {
      const q = graph.add({ opType: "QuantizeLinear", name: `${name}_q`, inputs: [value, scale, zero], outputs: [`${name}_q`] }).out;
      return graph.add({ opType: "DequantizeLinear", name: `${name}_dq`, inputs: [q, scale, zero], outputs: [`${name}_dq`] }).out;
    };
    const x = graph.addInput("x", tensorType("float32", [4, 16]));
    const w = graph.addInitializer("w", Tensor.from("int8", [16, 8], Int8Array.from({ length: 128 }, (_, i) => (i % 7) - 3)));
    const dw = graph.add({ opType: "DequantizeLinear", name: "w_dq", inputs: [w, scale], outputs: ["w_dq"] }).out;
    const product = graph.add({ opType: "MatMul", name: "product", inputs: [qdq(x, "x"), dw], outputs: ["product"] }).out;
    const y = withOutput ? qdq(product, "product") : graph.add({ opType: "Tanh", inputs: [product], outputs: ["tanh"] }).out;
    y.type = tensorType("float32", [4, 8]);
    graph.addOutput(y);
    return model;
  }

  it("shows the integer kernels that ONNX Runtime makes of Q/DQ pairs", async () => {
    const { integer, float, opCounts } = await optimizedGraph(quantized(true));
    expect(integer.map((n) => n.op)).toEqual(["QLinearMatMul"]);
    expect(float).toEqual([]);
    expect(opCounts["MatMul"]).toBeUndefined();
  });

  it("names what stayed in floating point, and whether its inputs were quantized", async () => {
    const { integer, float } = await optimizedGraph(quantized(true), { optimization: "disabled" });
    expect(integer).toEqual([]);
    expect(float).toEqual([{ name: "product", op: "MatMul", dequantized: true }]);
    expect((await optimizedGraph(dense(8, 4), { optimization: "disabled" })).float).toEqual([{ name: "gemm", op: "Gemm", dequantized: false }]);
  });

  it("counts operators, most frequent first, weights in external data included", async () => {
    const { opCounts, model } = await optimizedGraph(dense(64, 64), { optimization: "disabled" });
    expect(opCounts).toEqual({ Gemm: 1, Relu: 1 });
    expect(model.graph.outputs.map((o) => o.name)).toEqual(["y"]);
  });
});

describe("runAll", () => {
  it("gives results one sample at a time", async () => {
    const model = dense(8, 4);
    const session = await ortRuntime().load(model);
    const rows: number[] = [];
    for await (const { y } of runAll(session, [1, 2].map((n) => randomFeeds(model, { bindings: { N: n } })))) rows.push(y!.dims[0]!);
    await session.dispose();
    expect(rows).toEqual([1, 2]);
  });
});

describe("randomFeeds", () => {
  const model = new Model();
  const dtypes = ["float32", "float16", "int64", "uint8", "bool", "string", "int4", "complex64"] as const;
  for (const dtype of dtypes) model.graph.addInput(dtype, tensorType(dtype, ["N", 3, null]));

  it("fills every input by its type, the same for the same seed", () => {
    const feeds = randomFeeds(model, { seed: 5, bindings: { N: 2 } });
    expect(Object.keys(feeds)).toEqual([...dtypes]);
    for (const dtype of dtypes) expect(feeds[dtype]).toMatchObject({ dtype, dims: [2, 3, 1] });
    const again = randomFeeds(model, { seed: 5, bindings: { N: 2 } });
    const other = randomFeeds(model, { seed: 6, bindings: { N: 2 } });
    expect(again["float32"]!.bytes()).toEqual(feeds["float32"]!.bytes());
    expect(other["float32"]!.bytes()).not.toEqual(feeds["float32"]!.bytes());
  });

  it("keeps to the ranges", () => {
    fc.assert(fc.property(fc.integer(), fc.integer({ min: -100, max: 100 }), fc.nat(100), (seed, least, width) => {
      const range = [least, least + width] as const;
      const feeds = randomFeeds(model, { seed, bindings: { N: 4 }, ranges: { int64: range, float32: range } });
      for (const v of [...feeds["int64"]!.toNumbers(), ...feeds["float32"]!.toNumbers()]) {
        expect(v).toBeGreaterThanOrEqual(range[0]);
        expect(v).toBeLessThanOrEqual(range[1]);
      }
    }), { numRuns: 30 });
  });

  it("leaves out inputs with a default, takes whole shapes, and asks where it cannot know", () => {
    const vague = new Model();
    vague.graph.addInput("with_default", tensorType("float32", []), Tensor.scalar("float32", 1));
    vague.graph.addInput("ranked", tensorType("float32", ["A"]));
    expect(randomFeeds(vague, { shapes: { ranked: [7] } })).toMatchObject({ ranked: { dims: [7] } });
    expect(Object.keys(randomFeeds(vague, { unbound: 3 }))).toEqual(["ranked"]);
    vague.graph.addInput("unranked", tensorType("float32"));
    expect(() => randomFeeds(vague)).toThrow(/"unranked", whose rank is unknown/);
  });
});
