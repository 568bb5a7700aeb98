/** Bounds: arithmetic anyone can check by hand. */
import { attr, decodeModel, tensorType, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { LayerBuilder } from "@lathe/testkit";
import { quantizeStatic } from "@lathe/quantize";
import { bounds, devicePeaks, profileFor, type DevicePeaks } from "@lathe/trt";
import { describe, expect, it } from "vitest";
import { images } from "../../quantize/test/fashion.ts";
import { readModel } from "../../quantize/test/models.ts";

/** One multiply-add takes 2 µs in float32, 1 in float16, half in int8; one byte takes 1 µs. */
const slow: DevicePeaks = { name: "slow", float32: 1e-6, float16: 2e-6, int8: 4e-6, bandwidth: 1e-3 };

function product(k: number, n: number, rows: number | string = 2): Model {
  const b = new LayerBuilder(0, 17);
  const x = b.graph.addInput("x", tensorType("float32", [rows, k]));
  return b.finish(b.node("MatMul", [x, b.weight("w", [k, n], k)]), "y");
}

it("counts bytes and operations of a layer", () => {
  const found = bounds(product(100, 3), { device: slow });
  // 2 x 100 x 3 multiply-adds at 2 µs; (200 + 300 + 6) x 4 bytes at 1 µs.
  expect(found).toMatchObject({ device: "slow", weightBytes: 1200, activationBytes: { opt: 824, max: 824 }, unknown: [] });
  expect(found.layers).toEqual([{ node: "MatMul", op: "MatMul", type: "float32", macs: 600, us: 2024, limit: "memory" }]);
  expect(bounds(product(100, 300, 100), { device: slow }).layers[0]).toMatchObject({ us: 6_000_000, limit: "arithmetic" });
});

it("takes time at the optimum and memory at both shapes of a profile", () => {
  const model = product(100, 3, "N");
  const found = bounds(model, { device: slow, profile: profileFor(model, { N: [1, 2, 4] }) });
  expect(found.layers[0]).toMatchObject({ macs: 600, us: 2024 });
  expect(found.activationBytes).toEqual({ opt: 824, max: 1648 });
});

it("asks for a profile when a shape is open, and a right one", () => {
  const model = product(100, 3, "N");
  expect(() => bounds(model, { device: "l4" })).toThrow("TRT_PROFILE");
  expect(() => bounds(model, { device: "l4", profile: {} })).toThrow("TRT_PROFILE");
});

it("takes the rate and the bytes of the precision that a layer has", async () => {
  const model = decodeModel(readModel("fashion-mobilenet"));
  const options = { device: slow, profile: profileFor(model, { N: 8 }) };
  const { model: int8 } = await quantizeStatic(model, { target: "tensorrt", simplify: false }, { runtime: ortRuntime(), data: images("fashion-train-512", 8).slice(0, 1) });
  const [before, after] = [bounds(model, options), bounds(int8, options)];
  for (const layer of after.layers.filter((l) => l.type === "int8")) {
    const float = before.layers.find((l) => l.node === layer.node)!;
    expect(layer.us).toBeCloseTo(float.us / 4, 3);
  }
  expect(after.layers.filter((l) => l.type === "int8").length).toBeGreaterThan(10);
  expect(after.weightBytes).toBeLessThan(0.4 * before.weightBytes);
});

it("names layers whose work is not known", () => {
  const b = new LayerBuilder(0, 17);
  const x = b.graph.addInput("x", tensorType("float32", [4, 8]));
  const picked = b.node("Compress", [x, b.graph.addInput("which", tensorType("bool", [4]))], { axis: attr.int(0) });
  expect(bounds(b.finish(b.node("MatMul", [picked, b.weight("w", [8, 8], 8)]), "y"), { device: "t4" })).toMatchObject({ unknown: ["MatMul"], layers: [], us: 0 });
});

describe("the devices", () => {
  it.each(Object.values<DevicePeaks>(devicePeaks))("$name: narrower types are no slower", ({ float32, float16, int8 = Infinity, float8 = int8, bandwidth }) => {
    expect(float16).toBeGreaterThanOrEqual(float32);
    expect(int8).toBeGreaterThanOrEqual(float16);
    expect(float8).toBe(int8);
    expect(bandwidth).toBeGreaterThan(0);
  });
});
