/** The transformers.js packager: files by dtype, verified in both engines; nothing written when something fails. */
import { mkdtempSync, readdirSync, rmSync, statSync, existsSync, writeFileSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Graph, Model, Tensor, attr, decodeModel, random, tensorType, type Feeds } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { convertFloat16 } from "@lathe/quantize";
import { packageDtypes, packageForTransformersJs } from "@lathe/quantize/node";
import { bert } from "@lathe/train";
import { countOps, readModel } from "./models.ts";

let out = "";
beforeEach(() => (out = mkdtempSync(join(tmpdir(), "lathe-package-"))));
afterEach(() => rmSync(out, { recursive: true }));

const seeded = (seed: string) => {
  const r = random(seed);
  return () => r.float();
};
const encoder = bert({ random: seeded("bert"), vocabulary: 2000, tokens: 16, hidden: 128, mlp: 256, layers: 2 });
const next = seeded("tokens");
const feeds: Feeds = {
  input_ids: Tensor.int64(Array.from({ length: 32 }, () => Math.floor(next() * 2000)), [2, 16]),
  attention_mask: Tensor.int64(Array.from({ length: 32 }, (_, i) => (i === 31 ? 0 : 1)), [2, 16]),
};

/** A decoder step with both branches of a merged decoder: the weight is shared by them and the embedding is tied to the head. */
function decoder(): Model {
  const model = new Model({ opset: 17, irVersion: 8 });
  const g = model.graph;
  const weights = (name: string, dims: readonly number[]): Tensor => {
    const draw = seeded(name);
    return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => (draw() * 2 - 1) * 0.3));
  };
  const ids = g.addInput("input_ids", tensorType("int64", ["N", "T"]));
  const cached = g.addInput("use_cache_branch", tensorType("bool", [1]));
  const table = g.addInitializer("table", weights("table", [96, 64]));
  const w = g.addInitializer("w", weights("w", [64, 64]));
  const x = g.add({ opType: "Gather", name: "embed", inputs: [table, ids], outputs: ["x"] }).out;
  const branch = (name: string, op: string): Graph => {
    const inner = new Graph(name);
    const y = inner.add({ opType: op, name: `${name}_act`, inputs: [inner.add({ opType: "MatMul", name: `${name}_product`, inputs: [x, w], outputs: [`${name}_h`] }).out], outputs: [`${name}_y`] }).out;
    y.type = tensorType("float32", ["N", "T", 64]);
    inner.addOutput(y);
    return inner;
  };
  const y = g.add({ opType: "If", name: "if", inputs: [cached], outputs: ["h"], attributes: { then_branch: attr.graph(branch("then", "Relu")), else_branch: attr.graph(branch("else", "Tanh")) } }).out;
  y.type = tensorType("float32", ["N", "T", 64]);
  const head = g.add({ opType: "Transpose", name: "flip", inputs: [table], outputs: ["flipped"], attributes: { perm: attr.ints([1, 0]) } }).out;
  g.addOutput(g.add({ opType: "MatMul", name: "head", inputs: [y, head], outputs: ["logits"] }).out);
  g.outputs[0]!.type = tensorType("float32", ["N", "T", 96]);
  return model;
}

const files = (): string[] => readdirSync(join(out, "onnx")).sort();

describe("packageForTransformersJs", () => {
  it("writes a file for every dtype, each run by onnxruntime-node and onnxruntime-web", async () => {
    const { files: made, skipped } = await packageForTransformersJs(encoder, out, { feeds: [feeds], verify: ["node", "web"] });
    expect(skipped).toEqual([]);
    expect(files()).toEqual(["", "_bnb4", "_fp16", "_int8", "_q4", "_q4f16", "_quantized", "_uint8"].map((s) => `model${s}.onnx`));
    const least = { fp32: Infinity, fp16: 45, q8: 20, int8: 20, uint8: 20, q4: 10, q4f16: 10, bnb4: 10 } as const;
    for (const { dtype, sqnr } of made) {
      expect(Object.keys(sqnr)).toHaveLength(2);
      for (const dB of Object.values(sqnr)) expect(dB, dtype).toBeGreaterThanOrEqual(least[dtype]);
    }
    for (const { file, bytes } of made) expect(bytes).toBe(statSync(join(out, "onnx", file)).size);
    const size = Object.fromEntries(made.map((f) => [f.dtype, f.bytes]));
    expect(size["fp16"]).toBeLessThan(size["fp32"]! * 0.52);
    expect(size["q8"]).toBeLessThan(size["fp32"]! * 0.3);
    expect(size["q4f16"]).toBeLessThan(size["q4"]!);
  });

  it("has the operators that the library's runtime is built for", async () => {
    await packageForTransformersJs(encoder, out, { feeds: [feeds], dtypes: ["q4", "q4f16", "bnb4"] });
    const q4 = await loadModel(join(out, "onnx", "model_q4.onnx"));
    const product = [...q4.graph.nodes].find((n) => n.opType === "MatMulNBits")!;
    expect([product.int("block_size"), product.int("bits"), product.int("accuracy_level"), product.inputs.length]).toEqual([32, 4, undefined, 3]);
    const half = await loadModel(join(out, "onnx", "model_q4f16.onnx"));
    expect([...half.graph.nodes].find((n) => n.opType === "MatMulNBits")!.input(2)!.dtype).toBe("float16");
    expect(half.graph.outputs[0]!.dtype).toBe("float32");
    const bnb4 = await loadModel(join(out, "onnx", "model_bnb4.onnx"));
    expect(countOps(bnb4)["com.microsoft.MatMulBnb4"]).toBe(13);
    expect(files()).toEqual(["model_bnb4.onnx", "model_q4.onnx", "model_q4f16.onnx"]);
  });

  it("takes several models, branches and tied tables included", async () => {
    const step: Feeds = { input_ids: Tensor.int64([1, 95, 3, 7], [1, 4]), use_cache_branch: Tensor.from("bool", [1], [1]) };
    const { files: made } = await packageForTransformersJs({ encoder_model: encoder, decoder_model_merged: decoder() }, out, {
      feeds: { encoder_model: [feeds], decoder_model_merged: [step, { ...step, use_cache_branch: Tensor.from("bool", [1], [0]) }] }, dtypes: ["fp32", "q8", "q4", "q4f16"], embeddingBits: 8,
    });
    expect(made.map((f) => f.file)).toEqual(["encoder_model", "decoder_model_merged"].flatMap((name) => ["", "_quantized", "_q4", "_q4f16"].map((s) => `${name}${s}.onnx`)));
    const q4 = await loadModel(join(out, "onnx", "decoder_model_merged_q4.onnx"));
    expect(countOps(q4)).toMatchObject({ "com.microsoft.MatMulNBits": 3, "com.microsoft.GatherBlockQuantized": 1 });
    for (const { sqnr } of made) for (const dB of Object.values(sqnr)) expect(dB).toBeGreaterThan(8);
  });

  it("leaves out what a model cannot be, and says why", async () => {
    const cnn = decodeModel(readModel("fashion-mobilenet"));
    const { files: made, skipped } = await packageForTransformersJs(cnn, out);
    expect(made.map((f) => f.dtype)).toEqual(packageDtypes);
    expect(skipped).toEqual([]);
    const { skipped: half } = await packageForTransformersJs((await convertFloat16(cnn, { keepIo: false })).model, out);
    expect(half.map((s) => s.dtype)).toEqual(expect.arrayContaining(["fp16", "q8", "int8", "uint8"]));
    expect(half[0]!.reason).not.toBe("");
  });

  it("reads a model from a path", async () => {
    await saveModel(encoder, join(out, "source.onnx"));
    const { files: made } = await packageForTransformersJs(join(out, "source.onnx"), out, { dtypes: ["q4"], feeds: [feeds] });
    expect(made.map((f) => f.file)).toEqual(["model_q4.onnx"]);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ["a bad name", () => packageForTransformersJs({ "../model": encoder }, out), "PACKAGE_NAME"],
    ["inputs that do not fit", () => packageForTransformersJs(encoder, out, { feeds: [{ input_ids: feeds["input_ids"]! }] }), "PACKAGE_FAILS"],
    ["a noise limit that is not met", () => packageForTransformersJs(encoder, out, { feeds: [feeds], dtypes: ["bnb4"], minSqnr: 80 }), "PACKAGE_ACCURACY"],
    ["a named dtype that cannot be made", async () => packageForTransformersJs((await convertFloat16(encoder, { keepIo: false })).model, out, { feeds: [feeds], dtypes: ["q8"] }), "QUANT_FLOAT16"],
  ])("keeps what was there when it fails: %s", async (_, act, code) => {
    mkdirSync(join(out, "onnx"));
    writeFileSync(join(out, "onnx", "model_bnb4.onnx"), "old");
    await expect(act()).rejects.toMatchObject({ code });
    expect(readdirSync(out)).toEqual(["onnx"]);
    expect(readFileSync(join(out, "onnx", "model_bnb4.onnx"), "utf8")).toBe("old");
  });

  it("writes nothing when aborted", async () => {
    await expect(packageForTransformersJs(encoder, join(out, "new"), { feeds: [feeds], signal: AbortSignal.abort() })).rejects.toThrow();
    expect(existsSync(join(out, "new", "onnx"))).toBe(false);
  });

  it("knows the eight dtypes", () => {
    expect(packageDtypes).toHaveLength(8);
  });
});
