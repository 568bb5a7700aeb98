/** quantize-weights on whole models: what is emitted, how near the result is, what is refused. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Graph, Model, Node, Tensor, attr, dataset, pipeline, random, Value, tensorType, type Feeds } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { compare, ortRuntime, randomFeeds } from "@lathe/ort";
import { dequantizeMatrix, quantizeMatrix, quantizeWeights, quantizeWeightsOf, type WeightOnlyInput } from "@lathe/quantize";
import { registerConformance, tinyTransformer } from "@lathe/testkit";
import { bert, vit } from "@lathe/train";
import { eachGram } from "../src/weight-only/gram.ts";
import { countOps } from "./models.ts";

const seeded = (seed: string) => {
  const r = random(seed);
  return () => r.float();
};
const values = (seed: string, dims: readonly number[], spread = 1): Tensor => {
  const next = seeded(seed);
  return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => (next() * 2 - 1) * spread));
};

const encoder = bert({ random: seeded("bert"), vocabulary: 500, tokens: 16, hidden: 64, mlp: 128, layers: 2 });
const encoderFeeds = (seed: number): Feeds => {
  const next = seeded(`feeds ${seed}`);
  return { input_ids: Tensor.int64(Array.from({ length: 16 }, () => Math.floor(next() * 500)), [1, 16]), attention_mask: Tensor.int64(Array.from({ length: 16 }, () => 1), [1, 16]) };
};
const image = vit({ random: seeded("vit"), layers: 2, hidden: 32, mlp: 64 });
const imageFeeds: Feeds = { input: values("image", [2, 1, 28, 28]) };

const sqnr = async (float: Model, made: Model, feeds: Feeds): Promise<number> => {
  const { tensors } = await compare(float, made, feeds, { optimization: "all" });
  return Math.min(...Object.values(tensors).map((t) => t.sqnr));
};

function model(build: (graph: Graph) => void, opset = 17): Model {
  const made = new Model({ opset, irVersion: 10 });
  build(made.graph);
  return made;
}

/** An embedding whose transposed table is the head too. */
const tied = (dtype: "float32" | "float16" = "float32"): Model =>
  model((g) => {
    const ids = g.addInput("ids", tensorType("int64", [1, "T"]));
    const table = g.addInitializer("table", values("table", [48, 64], 0.5).cast(dtype));
    const x = g.add({ opType: "Gather", name: "embed", inputs: [table, ids], outputs: ["x"] }).out;
    const w = g.addInitializer("w", values("w", [64, 64], 0.2).cast(dtype));
    const h = g.add({ opType: "Relu", name: "relu", inputs: [g.add({ opType: "MatMul", name: "inner", inputs: [x, w], outputs: ["h"] }).out], outputs: ["r"] }).out;
    const head = g.add({ opType: "Transpose", name: "flip", inputs: [table], outputs: ["flipped"], attributes: { perm: attr.ints([1, 0]) } }).out;
    g.addOutput(g.add({ opType: "MatMul", name: "head", inputs: [h, head], outputs: ["logits"] }).out);
    g.outputs[0]!.type = tensorType(dtype, [1, "T", 48]);
  });
const ids: Feeds = { ids: Tensor.int64([3, 1, 47, 3], [1, 4]) };

const gemms = (): Model =>
  model((g) => {
    const x = g.addInput("x", tensorType("float32", ["N", 40]));
    const layer = (name: string, input: typeof x, dims: readonly [number, number], attributes: Parameters<Graph["add"]>[0]["attributes"]) =>
      g.add({ opType: "Gemm", name, inputs: [input, g.addInitializer(`${name}.w`, values(name, dims, 0.3)), g.addInitializer(`${name}.b`, values(`${name}b`, [Math.max(...dims)], 0.3))], outputs: [`${name}.y`], attributes: attributes ?? {} }).out;
    const a = layer("plain", x, [40, 48], {});
    const b = layer("flipped", a, [64, 48], { transB: attr.int(1) });
    g.addOutput(g.add({ opType: "Gemm", name: "scaled", inputs: [b, g.addInitializer("s.w", values("s", [64, 32]))], outputs: ["y"], attributes: { alpha: attr.float(0.5) } }).out);
    g.outputs[0]!.type = tensorType("float32", ["N", 32]);
  });
const rows: Feeds = { x: values("x", [3, 40]) };

/** A weight of the main graph read there and in both branches of an If. */
const branches = (): Model =>
  model((g) => {
    const x = g.addInput("x", tensorType("float32", [3, 40]));
    const flag = g.addInput("flag", tensorType("bool", []));
    const w = g.addInitializer("w", values("shared", [40, 40], 0.3));
    const h = g.add({ opType: "MatMul", name: "outer", inputs: [x, w], outputs: ["h"] }).out;
    const branch = (name: string): Graph => {
      const inner = new Graph(name);
      const y = inner.add({ opType: "MatMul", name: `${name}_product`, inputs: [h, w], outputs: [`${name}_y`] }).out;
      y.type = tensorType("float32", [3, 40]);
      inner.addOutput(y);
      return inner;
    };
    const y = g.add({ opType: "If", name: "if", inputs: [flag], outputs: ["y"], attributes: { then_branch: attr.graph(branch("then")), else_branch: attr.graph(branch("else")) } }).out;
    y.type = tensorType("float32", [3, 40]);
    g.addOutput(y);
  });

const cases: [string, Model, Feeds, WeightOnlyInput, Record<string, number>, number][] = [
  ["BERT, 4 bits", encoder, encoderFeeds(1), {}, { "com.microsoft.MatMulNBits": 13 }, 10],
  ["BERT, 4 bits with int8 arithmetic", encoder, encoderFeeds(1), { target: "x64-vnni" }, { "com.microsoft.MatMulNBits": 13 }, 10],
  ["BERT, 4 bits with zero points", encoder, encoderFeeds(1), { symmetric: false }, { "com.microsoft.MatMulNBits": 13 }, 10],
  ["BERT, 8 bits", encoder, encoderFeeds(1), { bits: 8 }, { "com.microsoft.MatMulNBits": 13 }, 35],
  ["BERT, 2 bits", encoder, encoderFeeds(1), { bits: 2 }, { "com.microsoft.MatMulNBits": 13 }, -5],
  ["BERT, round to nearest", encoder, encoderFeeds(1), { algorithm: "rtn" }, { "com.microsoft.MatMulNBits": 13 }, 10],
  ["BERT, k-quant", encoder, encoderFeeds(1), { algorithm: "k-quant" }, { "com.microsoft.MatMulNBits": 13 }, 10],
  ["BERT, HQQ", encoder, encoderFeeds(1), { algorithm: "hqq" }, { "com.microsoft.MatMulNBits": 13 }, 10],
  ["BERT, HQQ with real zero points", encoder, encoderFeeds(1), { algorithm: "hqq", realZeroPoints: true }, { "com.microsoft.MatMulNBits": 13 }, 10],
  ["BERT, blocked Q/DQ", encoder, encoderFeeds(1), { format: "qdq" }, { DequantizeLinear: 13, MatMul: 17 }, 10],
  ["BERT, blocked Q/DQ with zero points", encoder, encoderFeeds(1), { format: "qdq", symmetric: false, bits: 8 }, { DequantizeLinear: 13 }, 35],
  ["BERT, NF4", encoder, encoderFeeds(1), { format: "nf4" }, { "com.microsoft.MatMulBnb4": 13 }, 10],
  ["BERT, FP4", encoder, encoderFeeds(1), { format: "fp4" }, { "com.microsoft.MatMulBnb4": 13 }, 5],
  ["BERT, 4-bit embeddings", encoder, encoderFeeds(1), { embeddingBits: 4 }, { "com.microsoft.GatherBlockQuantized": 1 }, 8],
  ["BERT, 8-bit embeddings", encoder, encoderFeeds(1), { embeddingBits: 8, bits: 8, symmetric: false }, { "com.microsoft.GatherBlockQuantized": 1 }, 30],
  ["ViT, blocks of 16", image, imageFeeds, { blockSize: 16 }, { "com.microsoft.MatMulNBits": 12 }, 10],
  ["tied head, read through a Transpose", tied(), ids, { embeddingBits: 4 }, { "com.microsoft.GatherBlockQuantized": 1, "com.microsoft.MatMulNBits": 2, Transpose: 0 }, 8],
  ["float16", tied("float16"), ids, { embeddingBits: 4, symmetric: false }, { "com.microsoft.GatherBlockQuantized": 1, "com.microsoft.MatMulNBits": 2 }, 8],
  ["Gemm becomes product and Add; one with alpha stays", gemms(), rows, {}, { "com.microsoft.MatMulNBits": 2, Add: 2, Gemm: 1 }, 10],
  ["Gemm as blocked Q/DQ", gemms(), rows, { target: "tensorrt" }, { DequantizeLinear: 2, MatMul: 2, Add: 2, Gemm: 1 }, 10],
  ["If, weight of the outer graph", branches(), { x: values("x", [3, 40]), flag: Tensor.from("bool", [], [1]) }, {}, { "com.microsoft.MatMulNBits": 3 }, 10],
];

describe("weight-only quantization", () => {
  it.each(cases)("%s: few bits, and near the float model", async (_, float, feeds, options, ops, least) => {
    const { model: made, report } = await quantizeWeightsOf(float, options);
    const counts = countOps(made);
    expect(Object.fromEntries(Object.keys(ops).map((op) => [op, counts[op] ?? 0]))).toEqual(ops);
    expect(report.bytesAfter).toBeLessThan(report.bytesBefore);
    expect(await sqnr(float, made, feeds)).toBeGreaterThan(least);
  });

  it("computes what the dequantized weights compute", async () => {
    const { model: made } = await quantizeWeightsOf(gemms());
    const restored = gemms();
    for (const [name, transposed] of [["plain.w", false], ["flipped.w", true]] as const) {
      const weight = restored.graph.value(name)!;
      const [k, n] = transposed ? [...weight.tensor!.dims].reverse() as [number, number] : weight.tensor!.dims as [number, number];
      const back = dequantizeMatrix(quantizeMatrix({ tensor: weight.tensor!, name, k, n, transposed }, { algorithm: "default", bits: 4, blockSize: 32, symmetric: true }));
      const stored = transposed ? Float32Array.from(back, (_, i) => back[(i % k) * n + Math.floor(i / k)]!) : back;
      restored.graph.setInitializer(weight, Tensor.from("float32", weight.tensor!.dims, stored));
    }
    expect(await sqnr(restored, made, rows)).toBeGreaterThan(100);
  });

  it("stores a weight that is used in several places once", async () => {
    const { model: made, report } = await quantizeWeightsOf(branches());
    expect(report).toMatchObject({ products: 3, weights: 1 });
    expect(Array.from(made.graph.initializers, (v) => v.name)).toEqual(["w_Q4", "w_scales"]);
  });

  it("gives the head and single nodes other bits, and says what it leaves", async () => {
    const { model: made, report } = await quantizeWeightsOf(gemms(), { headBits: 8, overrides: { plain: { bits: 2, blockSize: 16 } }, excludeNodes: [] });
    expect(made.graph.node("plain_Q2")?.int("block_size")).toBe(16);
    expect(report.left).toEqual([{ node: "scaled", reason: "alpha or beta is not 1" }]);
    const { model: head } = await quantizeWeightsOf(tied(), { headBits: 8 });
    expect(head.graph.node("head_Q8")?.int("bits")).toBe(8);
    expect(head.graph.node("inner_Q4")?.int("bits")).toBe(4);
  });

  it.each([["x64", 4], ["arm64", 4], ["webgpu", undefined]] as const)("sets accuracy_level by target: %s", async (target, level) => {
    const { model: made, report } = await quantizeWeightsOf(tied(), { target });
    expect(made.graph.node("inner_Q4")?.int("accuracy_level")).toBe(level);
    expect(report.reasons).toHaveLength(1);
  });

  it("leaves the caller's model as it was", async () => {
    const before = countOps(encoder);
    await quantizeWeightsOf(encoder, { embeddingBits: 4 });
    expect(countOps(encoder)).toEqual(before);
  });
});

describe("learning from data", () => {
  // Inputs with a few loud channels, as transformers have them, on which plain rounding loses most.
  const loud = (seed: string): Feeds => {
    const x = values(seed, [64, 64]).toFloat32();
    return { x: Tensor.from("float32", [64, 64], x.map((v, i) => (i % 64 < 4 ? v * 20 : v + 0.3 * x[i - (i % 64)]!))) };
  };
  const float = model((g) => {
    const x = g.addInput("x", tensorType("float32", ["N", 64]));
    const normed = g.add({ opType: "LayerNormalization", name: "norm", inputs: [x, g.addInitializer("g", Tensor.from("float32", [64], new Float32Array(64).fill(1))), g.addInitializer("b", values("b", [64], 0.1))], outputs: ["n"] }).out;
    for (const name of ["q", "k"]) g.addOutput(g.add({ opType: "MatMul", name, inputs: [normed, g.addInitializer(`${name}.w`, values(name, [64, 32], 0.2))], outputs: [`${name}.y`] }).out);
    for (const output of g.outputs) output.type = tensorType("float32", ["N", 32]);
  });
  const data = [1, 2, 3, 4].map((i) => loud(`sample ${i}`));
  const services = { runtime: ortRuntime(), data };
  const error = async (options: WeightOnlyInput): Promise<number> => sqnr(float, (await quantizeWeightsOf(float, { blockSize: 16, ...options }, services)).model, loud("unseen"));

  it.each([
    ["GPTQ", { algorithm: "gptq" }],
    ["GPTQ in the order of the channels", { algorithm: "gptq", actOrder: false }],
    ["GPTQ with zero points", { algorithm: "gptq", symmetric: false }],
    ["AWQ", { algorithm: "awq" }],
    ["AWQ with clipping", { algorithm: "awq", clip: true }],
  ] as const)("%s is nearer than plain rounding on data it has not seen", async (_, options) => {
    const symmetric = "symmetric" in options ? options.symmetric : true;
    expect(await error(options)).toBeGreaterThan((await error({ symmetric })) + 0.5);
  });

  it("clipping alone brings a block with an outlier nearer: the rest of the block counts for more", async () => {
    const spiky = float.clone();
    for (const name of ["q.w", "k.w"]) {
      const w = spiky.graph.value(name)!;
      spiky.graph.setInitializer(w, Tensor.from("float32", [64, 32], w.tensor!.toFloat32().map((v, i) => (i % 509 === 0 ? v * 8 : v))));
    }
    const even = [1, 2, 3].map((i): Feeds => ({ x: values(`even ${i}`, [64, 64]) }));
    const made = async (clip: boolean): Promise<number> =>
      sqnr(spiky, (await quantizeWeightsOf(spiky, { algorithm: "awq", clip, bits: 2, blockSize: 16 }, { runtime: ortRuntime(), data: even })).model, { x: values("unseen", [64, 64]) });
    expect(await made(true)).toBeGreaterThan(await made(false));
  });

  describe("in branches", () => {
    const given = [0, 1].map((i): Feeds => ({ x: values(`x${i}`, [3, 40]), flag: Tensor.from("bool", [], [i]) }));
    /** The same, but each branch computes what it multiplies. */
    const inner = (): Model => {
      const made = branches();
      for (const graph of made.graph.allGraphs()) {
        for (const node of Array.from(graph.nodes)) {
          if (!node.name.endsWith("_product")) continue;
          const relu = graph.insertBefore(node, new Node({ opType: "Relu", name: `${node.name}_relu`, inputs: [node.input(0)!], outputs: [new Value(`${node.name}_in`, node.input(0)!.type)] }));
          node.setInput(0, relu.out);
        }
      }
      return made;
    };

    it.each(["gptq", "awq"] as const)("%s learns from activations of the graph around", async (algorithm) => {
      const { model: made, report } = await quantizeWeightsOf(branches(), { algorithm }, { runtime: ortRuntime(), data: given });
      expect(report.products).toBe(3);
      expect(await sqnr(branches(), made, given[1]!)).toBeGreaterThan(10);
    });

    it.each(["gptq", "awq"] as const)("%s refuses by name a product of what the branch computes", async (algorithm) => {
      await expect(quantizeWeightsOf(inner(), { algorithm }, { runtime: ortRuntime(), data: given })).rejects.toMatchObject({
        code: "WEIGHT_ONLY_BRANCH", details: { node: "then_product", tensor: "then_product_in", count: 2 },
      });
    });

    it("which `plainBranches` rounds without data", async () => {
      const { model: made, report } = await quantizeWeightsOf(inner(), { algorithm: "gptq", plainBranches: true }, { runtime: ortRuntime(), data: given });
      expect(report.products).toBe(3);
      expect(await sqnr(inner(), made, given[0]!)).toBeGreaterThan(10);
    });
  });

  it("from data that can be read only once is refused when matrices of several passes are wanted", async () => {
    const wide = model((g) => {
      for (const name of ["a", "b"]) g.addOutput(g.add({ opType: "Identity", inputs: [g.addInput(name, tensorType("float32", [1, 4200]))], outputs: [`${name}2`] }).out);
    });
    const sample: Feeds = { a: values("a", [1, 4200]), b: values("b", [1, 4200]) };
    const gather = (data: Iterable<Feeds>, names: string[] = []) =>
      eachGram(wide, new Map([["a", 4200], ["b", 4200]]), 4, { runtime: ortRuntime(), data }, async (name) => void names.push(name)).then(() => names);
    await expect(gather([sample].values())).rejects.toMatchObject({ code: "DATASET_CONSUMED" });
    expect(await gather([sample])).toEqual(["a", "b"]);
  });

  it("AWQ folds the factors into the normalisation before", async () => {
    const { model: made, report } = await quantizeWeightsOf(float, { algorithm: "awq" }, services);
    expect(countOps(made)).toEqual({ LayerNormalization: 1, "com.microsoft.MatMulNBits": 2 });
    expect(report.alphas!["n"]).toBeGreaterThan(0);
  });

  it("AWQ puts a Mul where nothing can take the factors", async () => {
    const plain = model((g) => {
      const x = g.addInput("x", tensorType("float32", ["N", 64]));
      g.addOutput(g.add({ opType: "MatMul", name: "m", inputs: [x, g.addInitializer("w", values("q", [64, 32], 0.2))], outputs: ["y"] }).out);
      g.outputs[0]!.type = tensorType("float32", ["N", 32]);
    });
    const { model: made } = await quantizeWeightsOf(plain, { algorithm: "awq" }, services);
    expect(countOps(made)).toEqual({ Mul: 1, "com.microsoft.MatMulNBits": 1 });
    expect(await sqnr(plain, made, loud("unseen"))).toBeGreaterThan(10);
  });
});

describe("a model larger than what is kept", () => {
  it("is quantized while it is written, to the same file as in memory", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lathe-weights-"));
    try {
      const path = (name: string): string => join(folder, name);
      await saveModel(encoder, path("float.onnx"), { externalData: true });
      const { model: lazy } = await quantizeWeightsOf(await loadModel(path("float.onnx")), { embeddingBits: 8 });
      const codes = [...lazy.graph.initializers].filter((v) => v.dtype === "uint8");
      expect(codes.map((v) => v.tensor!.storage.kind)).toEqual(codes.map(() => "lazy"));
      const { model: eager } = await quantizeWeightsOf(encoder, { embeddingBits: 8 });
      await saveModel(lazy, path("lazy.onnx"), { externalData: true });
      await saveModel(eager, path("eager.onnx"), { externalData: { file: "lazy.onnx.data" } });
      const [a, b] = [await loadModel(path("lazy.onnx")), eager];
      for (const value of a.graph.initializers) expect(Buffer.from(value.tensor!.bytes()).equals(b.graph.value(value.name)!.tensor!.bytes())).toBe(true);
      expect(statSync(path("lazy.onnx.data")).size).toBeLessThan(statSync(path("float.onnx.data")).size / 2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("refusals", () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ["an unknown node", () => quantizeWeightsOf(gemms(), { nodes: ["nope"] }), "QUANT_UNKNOWN_NAME"],
    ["an override of an unknown node", () => quantizeWeightsOf(gemms(), { overrides: { nope: { bits: 8 } } }), "QUANT_UNKNOWN_NAME"],
    ["nothing to do", () => quantizeWeightsOf(gemms(), { minElements: 1e6 }), "WEIGHT_ONLY_NOTHING"],
    ["a model that is quantized", async () => quantizeWeightsOf((await quantizeWeightsOf(gemms())).model), "QUANT_ALREADY"],
    ["symmetric k-quant", () => quantizeWeightsOf(gemms(), { algorithm: "k-quant", symmetric: true }), "WEIGHT_ONLY_COMBINATION"],
    ["real zero points without hqq", () => quantizeWeightsOf(gemms(), { realZeroPoints: true }), "WEIGHT_ONLY_COMBINATION"],
    ["2-bit Q/DQ", () => quantizeWeightsOf(gemms(), { format: "qdq", bits: 2 }), "WEIGHT_ONLY_COMBINATION"],
    ["clipping without awq", () => quantizeWeightsOf(gemms(), { clip: true }), "WEIGHT_ONLY_COMBINATION"],
    ["gptq without data", () => quantizeWeightsOf(gemms(), { algorithm: "gptq" }), "WEIGHT_ONLY_COMBINATION"],
    ["gptq with no sample", () => quantizeWeightsOf(gemms(), { algorithm: "gptq" }, { runtime: ortRuntime(), data: [] }), "QUANT_CALIBRATION_EMPTY"],
    ["a weight with NaN", () => {
      const broken = gemms();
      broken.graph.setInitializer(broken.graph.value("plain.w")!, Tensor.from("float32", [40, 48], new Float32Array(1920).fill(NaN)));
      return quantizeWeightsOf(broken);
    }, "QUANT_WEIGHT_NOT_FINITE"],
    ["a codebook with an algorithm", () => quantizeWeightsOf(gemms(), { format: "nf4", algorithm: "rtn" }), "WEIGHT_ONLY_COMBINATION"],
  ])("%s", async (_, act, code) => {
    await expect(act()).rejects.toMatchObject({ code });
  });
});

const small = tinyTransformer({ width: 32, layers: 2 });
registerConformance(quantizeWeights, {
  examples: [
    { name: "transformer", model: small, options: { minElements: 0 } },
    { name: "gptq", model: small, options: { algorithm: "gptq", minElements: 0 }, services: { runtime: ortRuntime(), data: dataset([0, 1].map((seed) => randomFeeds(small, { seed, unbound: 4 }))) } },
    { name: "awq", model: small, options: { algorithm: "awq", minElements: 0 }, services: { runtime: ortRuntime(), data: dataset([0, 1].map((seed) => randomFeeds(small, { seed, unbound: 4 }))) } },
  ],
}, { describe, it });

describe("quantize-weights in a pipeline", () => {
  it("reports what it did", async () => {
    const { report } = await pipeline(quantizeWeights({ headBits: 8 })).run(tied()).result;
    expect(report.data.steps[0]!.metrics).toMatchObject({ format: "nbits", algorithm: "default", products: 2, tables: 0, weights: 2 });
  });
});
