/** 2:4: which weights can have the pattern, along the axis that their layer sums over, and which have it. */
import { attr, decodeModel, pipeline, Tensor, tensorType, type Attribute, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { pruneWeights } from "@lathe/prune";
import { quantizeStatic } from "@lathe/quantize";
import { LayerBuilder } from "@lathe/testkit";
import { sparsityReport } from "@lathe/trt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { images } from "../../quantize/test/fashion.ts";
import { readModel } from "../../quantize/test/models.ts";

/** Zeros at two of every four positions along `axis`. */
const patterned = (dims: readonly number[], axis: number): Tensor => {
  const inner = dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  const size = dims.reduce((p, d) => p * d, 1);
  return Tensor.from("float32", dims, Float32Array.from({ length: size }, (_, i) => (Math.floor(i / inner) % dims[axis]! % 4 < 2 ? 0 : 1)));
};

function layer(op: "Conv" | "Gemm" | "MatMul", weight: Tensor, attributes: Record<string, Attribute> = {}, first = false): Model {
  const b = new LayerBuilder(0, 17);
  const w = b.graph.addInitializer("w", weight);
  const x = b.graph.addInput("x", tensorType("float32"));
  b.graph.addOutput(b.node(op, first ? [w, x] : [x, w], attributes));
  return b.model;
}

describe("the summed axis", () => {
  it.each<[string, (w: Tensor) => Model, number[], number]>([
    ["Conv: input channels", (w) => layer("Conv", w), [8, 8, 3, 3], 1],
    ["MatMul: rows of the right side", (w) => layer("MatMul", w), [8, 12], 0],
    ["MatMul: columns of a constant left side", (w) => layer("MatMul", w, {}, true), [12, 8], 1],
    ["MatMul: of a stack", (w) => layer("MatMul", w), [2, 8, 12], 1],
    ["Gemm", (w) => layer("Gemm", w), [8, 12], 0],
    ["Gemm with transB", (w) => layer("Gemm", w, { transB: attr.int(1) }), [12, 8], 1],
    ["Gemm with transA", (w) => layer("Gemm", w, { transA: attr.int(1) }, true), [8, 12], 0],
  ])("%s", (_, build, dims, axis) => {
    expect(sparsityReport(build(patterned(dims, axis))).weights).toMatchObject([{ weight: "w", axis, reason: undefined, share: 1 }]);
    const other = dims.findIndex((d, i) => i !== axis && d % 4 === 0);
    // Across it, half of the groups are all zeros, the others have none.
    expect(sparsityReport(build(patterned(dims, other))).weights[0]!.share).toBe(0.5);
  });

  it("follows a weight through Transpose, and Q and DQ", () => {
    const b = new LayerBuilder(0, 17);
    const x = b.graph.addInput("x", tensorType("float32", ["N", 8]));
    const [s, z] = [b.scalar("s", 0.5), b.graph.addInitializer("z", Tensor.from("int8", [], [0]))];
    const dq = b.node("DequantizeLinear", [b.node("QuantizeLinear", [b.graph.addInitializer("w", patterned([12, 8], 1)), s, z]), s, z]);
    const model = b.finish(b.node("MatMul", [x, b.node("Transpose", [dq], { perm: attr.ints([1, 0]) })]), "y");
    expect(sparsityReport(model).weights).toMatchObject([{ weight: "w", axis: 1, share: 1 }]);
  });
});

describe("not eligible", () => {
  it.each<[string, Model, string]>([
    ["a sum of 6", layer("MatMul", patterned([6, 8], 1)), "it sums over 6, which is no multiple of 4"],
    ["a depthwise convolution", layer("Conv", patterned([8, 1, 3, 3], 0), { group: attr.int(8) }), "it sums over 1 channels of each group, which is no multiple of 4"],
    ["a vector", layer("MatMul", Tensor.from("float32", [8], Array(8).fill(0))), "it is a vector"],
    ["4-bit weights", layer("MatMul", Tensor.from("int4", [8, 8], Array(64).fill(0))), "it is stored as int4"],
  ])("%s", (_, model, reason) => {
    expect(sparsityReport(model)).toMatchObject({ weights: [{ reason, share: undefined }], eligible: 0 });
  });

  it("a weight that another operator changes", () => {
    const b = new LayerBuilder(0, 17);
    const x = b.graph.addInput("x", tensorType("float32", ["N", 8]));
    const model = b.finish(b.node("MatMul", [x, b.node("Reshape", [b.graph.addInitializer("w", patterned([64], 0)), b.int64("shape", [8, 8])])]), "y");
    expect(sparsityReport(model).weights).toMatchObject([{ reason: "Reshape changes it when the engine is built" }]);
  });
});

it("counts the groups that hold the pattern", () => {
  fc.assert(fc.property(fc.array(fc.array(fc.constantFrom(0, 1, -2), { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 30 }), (groups) => {
    const weight = Tensor.from("float32", [1, groups.length * 4, 1, 1], groups.flat());
    const fit = groups.filter((g) => g.filter((v) => v !== 0).length <= 2).length;
    expect(sparsityReport(layer("Conv", weight)).weights[0]!.share).toBe(fit / groups.length);
  }));
});

it("sees what 2:4 pruning did, also through int8", async () => {
  const model = decodeModel(readModel("mnist-lenet"));
  expect(sparsityReport(model).sparse).toBe(0);
  const { model: pruned } = await pipeline(pruneWeights({ pattern: "2:4" })).run(model).result;
  const report = sparsityReport(pruned);
  expect(report.eligible).toBeGreaterThan(0.5 * report.elements);
  expect(report.sparse).toBe(report.eligible);
  const { model: quantized } = await quantizeStatic(pruned, { target: "tensorrt" }, { runtime: ortRuntime(), data: images("fashion-train-512", 8).slice(0, 1) });
  expect(sparsityReport(quantized).sparse).toBe(report.eligible);
});
