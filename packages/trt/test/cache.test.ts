/** Calibration caches of TensorRT 10: byte-exact, and turned into Q and DQ for TensorRT 11. */
import { attr, decodeModel, encodeModel, tensorType, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { quantizeStatic } from "@lathe/quantize";
import { LayerBuilder } from "@lathe/testkit";
import { cacheFromRanges, cacheHeader, cacheOrigin, calibrationCache, checkTensorRT, decodeCalibrationCache, encodeCalibrationCache, fromCalibrationCache, type CalibrationCache } from "@lathe/trt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accuracy, images } from "../../quantize/test/fashion.ts";
import { readModel } from "../../quantize/test/models.ts";

const runtime = ortRuntime();
const sample = "TRT-8601-EntropyCalibration2\nimage: 3c010a14\nconv:0: 3d4ccccd\n(Unnamed Layer* 3) [Convolution]_output: 42fe0000\n";

describe("the file", () => {
  it("gives scales by name; names may hold colons", () => {
    const cache = decodeCalibrationCache(sample);
    expect([...cache.scales]).toEqual([["image", Math.fround(0.00787593796849250793)], ["conv:0", Math.fround(0.05)], ["(Unnamed Layer* 3) [Convolution]_output", 127]]);
    expect(cacheOrigin(cache)).toEqual({ version: { major: 8, minor: 6, patch: 1 }, algorithm: "EntropyCalibration2" });
  });

  it("is written as it was read, byte for byte", () => {
    expect(encodeCalibrationCache(decodeCalibrationCache(sample))).toBe(sample);
  });

  const names = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("a: b", "x:0", ": 3c010a14", " ")).filter((name) => !/[\r\n]/.test(name));
  const scales = fc.float({ min: 0, minExcluded: true, noNaN: true, noDefaultInfinity: true });
  const caches = fc.record({
    header: fc.constantFrom("TRT-8601-EntropyCalibration2", "TRT-100300-MinMaxCalibration", "TRT-7103-EntropyCalibration"),
    scales: fc.uniqueArray(fc.tuple(names, scales), { selector: ([name]) => name }).map((entries) => new Map(entries)),
  });

  it("keeps every name and every scale, to the last bit", () => {
    fc.assert(fc.property(caches, (cache) => {
      const text = encodeCalibrationCache(cache);
      expect(decodeCalibrationCache(text)).toEqual(cache);
      expect(encodeCalibrationCache(decodeCalibrationCache(text))).toBe(text);
    }));
  });

  it("may have the line ends of Windows and capital digits", () => {
    expect(encodeCalibrationCache(decodeCalibrationCache(sample.replaceAll("\n", "\r\n").replace("3c010a14", "3C010A14")))).toBe(sample);
  });

  it.each([
    ["another first line", "image: 3c010a14\n", "line 1"],
    ["nothing", "", "line 1"],
    ["seven digits", "TRT-8601-EntropyCalibration2\na: 3c010a14\nb: c010a14\n", 'line 3: "b: c010a14" is not of the form'],
    ["a zero scale", "TRT-8601-EntropyCalibration2\na: 00000000\n", 'line 2: "a" has the scale 0'],
    ["a negative scale", "TRT-8601-EntropyCalibration2\na: bf800000\n", 'line 2: "a" has the scale -1'],
    ["an infinite scale", "TRT-8601-EntropyCalibration2\na: 7f800000\n", "has the scale Infinity"],
    ["a scale that is no number", "TRT-8601-EntropyCalibration2\na: 7fc00000\n", "has the scale NaN"],
    ["a name twice", "TRT-8601-EntropyCalibration2\na: 3f800000\na: 3f800000\n", 'line 3: "a" stands there twice'],
  ])("is refused with %s", (_, text, message) => {
    expect(() => decodeCalibrationCache(text)).toThrow(message);
  });

  it.each([
    ["a line break in a name", { header: "TRT-8601-EntropyCalibration2", scales: new Map([["a\nb", 1]]) }],
    ["a scale that vanishes in float32", { header: "TRT-8601-EntropyCalibration2", scales: new Map([["a", 1e-60]]) }],
    ["another header", { header: "hello", scales: new Map() }],
  ])("is not written with %s", (_, cache: CalibrationCache) => {
    expect(() => encodeCalibrationCache(cache)).toThrow("TRT_CACHE");
  });

  it.each([[{ major: 10, minor: 13, patch: 3 }, "TRT-101303-X"], [{ major: 8, minor: 6, patch: 1 }, "TRT-8601-X"]] as const)("names the release %j", (version, header) => {
    expect(cacheHeader(version, "X")).toBe(header);
    expect(cacheOrigin({ header, scales: new Map() }).version).toEqual(version);
  });

  it("has no entry for a tensor that is always 0", () => {
    const { scales } = cacheFromRanges(new Map([["a", { min: -2, max: 1 }], ["b", { min: 0, max: 0 }]]));
    expect([...scales]).toEqual([["a", Math.fround(2 / 127)]]);
  });
});

describe("Q and DQ from a cache", () => {
  const model = decodeModel(readModel("fashion-mobilenet"));
  const data = images("fashion-train-512", 32).slice(0, 4);

  it("are those of the same ranges, bit for bit, and keep the accuracy", async () => {
    const cache = decodeCalibrationCache(encodeCalibrationCache(await calibrationCache(model, { runtime, data }, { method: "minmax" })));
    const made = await fromCalibrationCache(model, cache, { simplify: false });
    const direct = await quantizeStatic(model, { target: "tensorrt", simplify: false }, { runtime, data });
    expect(Buffer.from(encodeModel(made.model)).equals(Buffer.from(encodeModel(direct.model)))).toBe(true);
    expect(checkTensorRT(made.model, { version: "11" })).toEqual([]);
    const load = { optimization: "disabled" } as const;
    expect(await accuracy(made.model, runtime, 500, load)).toBeGreaterThan((await accuracy(model, runtime, 500, load)) - 0.01);
  });

  it("are there for layers whose inputs it names; the others stay float, and say so", async () => {
    const cache = await calibrationCache(model, { runtime, data: data.slice(0, 1) });
    const whole = await fromCalibrationCache(model, cache);
    const [gone] = [...whole.model.graph.nodes].filter((n) => n.is("QuantizeLinear")).map((n) => n.input(0)!.name).slice(4);
    const scales = new Map([...cache.scales].filter(([name]) => name !== gone));
    scales.set("someone else's", 1);
    const part = await fromCalibrationCache(model, { ...cache, scales });
    expect(part.report.activations).toBe(whole.report.activations - 1);
    expect(part.float).toContainEqual({ node: expect.any(String), reason: `its input "${gone}" has no scale in the cache` });
    expect(part.unused).toContain("someone else's");
    expect(checkTensorRT(part.model, { version: "11" })).toEqual([]);
  });

  it("take the widest scale of a Concat", async () => {
    const b = new LayerBuilder(0, 17);
    const x = b.graph.addInput("x", tensorType("float32", ["N", 16, 4, 4]));
    const joined = b.node("Concat", [x, b.node("Neg", [x])], { axis: attr.int(1) });
    const again = b.node("Concat", [joined, b.node("Abs", [x])], { axis: attr.int(1) });
    const concats: Model = b.finish(b.node("Conv", [again, b.weight("w", [16, 48, 1, 1], 48)]), "y");
    const made = await fromCalibrationCache(concats, { header: "TRT-8601-EntropyCalibration2", scales: new Map([["Concat_out", 2], ["Concat_2_out", 1]]) }, { simplify: false });
    const found = new Set([...made.model.graph.nodes].filter((n) => n.is("QuantizeLinear")).map((n) => n.input(1)!.constant!.toNumbers()[0]));
    expect([...found]).toEqual([2]);
  });

  it("refuse a cache of another model", async () => {
    await expect(fromCalibrationCache(model, decodeCalibrationCache(sample.replace("image", "data")))).rejects.toMatchObject({ code: "TRT_CACHE_FOREIGN" });
  });
});
