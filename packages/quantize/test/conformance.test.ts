/** The contract of techniques, checked by the suite that third parties use; and the two techniques that search. */
import { describe, expect, it } from "vitest";
import { decodeModel, dataset, pipeline, type Distribution } from "@lathe/core";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { autoQuantize, dynamicQuantize, quantizeSearch, staticQuantize, verifyFusion, quantizeStatic } from "@lathe/quantize";
import { registerConformance, tinyCnn, tinyTransformer } from "@lathe/testkit";
import { accuracy, images } from "./fashion.ts";
import { readModel } from "./models.ts";

const runtime = ortRuntime();
const cnn = tinyCnn();
const transformer = tinyTransformer();
const cnnData = dataset([0, 1, 2].map((seed) => randomFeeds(cnn, { seed, unbound: 2 })));
const tokens = dataset([0, 1].map((seed) => randomFeeds(transformer, { seed, unbound: 4 })));

registerConformance(staticQuantize, {
  examples: [
    { name: "cnn", model: cnn, services: { data: cnnData, runtime } },
    { name: "cnn, entropy", model: cnn, options: { target: "x64", method: "entropy", correctBias: true, equalize: true }, services: { data: cnnData, runtime } },
    { name: "transformer", model: transformer, options: { smooth: 0.5 }, services: { data: tokens, runtime } },
  ],
}, { describe, it });

registerConformance(dynamicQuantize, { examples: [{ name: "transformer", model: transformer }, { name: "cnn", model: cnn }] }, { describe, it });

describe("quantize-search", () => {
  it("stays within the budget by the user's own evaluation", async () => {
    const model = decodeModel(readModel("fashion-mobilenet"));
    const data = dataset(images("fashion-train-512", 32).slice(0, 2));
    const run = pipeline(quantizeSearch({ maxDrop: 0.01 })).run(model, { data, runtime, evaluate: (candidate) => accuracy(candidate, runtime, 500) });
    const { report } = await run.result;
    expect(report.data.steps[0]!.metrics.drop).toBeLessThanOrEqual(0.01 + 1e-9);
  });
});

describe("quantize-auto", () => {
  it("times the schemes and takes the fastest that is near enough", async () => {
    const model = decodeModel(readModel("mnist-lenet"));
    const data = dataset(images("fashion-train-512", 1).slice(0, 4));
    const { report } = await pipeline(autoQuantize({ rounds: 3 })).run(model, { data, runtime }).result;
    const schemes = report.data.steps[0]!.details as { name: string; speedup: number; refused?: string }[];
    const fastest = Math.max(...schemes.filter((s) => !s.refused).map((s) => s.speedup));
    expect(schemes.map((s) => s.name)).toEqual(["float", "simplified", "static", "static, weighted layers only", "static, all operators", "static, per tensor", "dynamic", "dynamic, per tensor", "dynamic, with Conv"]);
    expect(report.data.steps[0]!.metrics.speedup).toBeGreaterThan(fastest / 1.03);
  });
});

describe("quantize-static with verify", () => {
  it("reports integer kernels, the speed beside float, and the noisiest tensors", async () => {
    const data = dataset(images("fashion-train-512", 8).slice(0, 2));
    const { report } = await pipeline(staticQuantize({ verify: true, simplify: false })).run(decodeModel(readModel("fashion-mobilenet")), { data, runtime }).result;
    const { metrics, details } = report.data.steps[0]!;
    expect(metrics).toMatchObject({ floatNodes: 0, integerNodes: 22 });
    const { noisiest } = details as { noisiest: { tensor: string; sqnr: number }[] };
    expect(noisiest).toHaveLength(20);
    expect(noisiest[0]!.sqnr).toBeLessThan(noisiest[19]!.sqnr);
    const { distributions } = details as unknown as { distributions: readonly Distribution[] };
    expect(distributions[0]).toMatchObject({ title: noisiest[0]!.tensor, note: `${noisiest[0]!.sqnr.toFixed(1)} dB`, levels: 256 });
    for (const { low, high, counts, range, clipped } of distributions) {
      // Ranges are those of the calibration data, which these samples are: nothing but rounding lies outside.
      expect(clipped).toBeLessThan(0.001);
      expect(range!.max - range!.min).toBeGreaterThan(0.9 * (Math.max(high, 0) - Math.min(low, 0)));
      expect(counts.length).toBeLessThanOrEqual(64);
    }
    expect(report.toHtml()).toContain('class="pictures"');
  });
});

describe("the fusion check", () => {
  const model = decodeModel(readModel("fashion-mobilenet"));
  const data = images("fashion-train-512", 8).slice(0, 1);
  const run = async (options: Parameters<typeof quantizeStatic>[1]) => verifyFusion((await quantizeStatic(model, options, { runtime, data })).model);

  it("counts integer kernels", async () => {
    const report = await run({});
    expect(report.integer).toMatchObject({ "com.microsoft.QLinearConv": 17, "com.microsoft.QGemm": 1 });
    expect(report.float).toEqual([]);
  });

  it.each([
    ["16-bit activations", { activationType: "uint16" as const }, "16 bits"],
    ["int8 activations", { activationType: "int8" as const }, "are int8, which x64 fuses only"],
    ["a node left out", { excludeNodes: ["/0/0.0/Conv"] }, "it is not quantized"],
  ])("names the reason: %s", async (_, options, reason) => {
    const { float } = await run(options);
    expect(float.map((n) => n.reason).join("; ")).toContain(reason);
  });

  it("fails when asked to and the result is slower", async () => {
    const { model: slow } = await quantizeStatic(model, { activationType: "uint16" }, { runtime, data });
    await expect(verifyFusion(slow, { float: model, feeds: data[0]!, failIfSlower: true, rounds: 3 })).rejects.toMatchObject({ code: "QUANT_SLOWER" });
  });
});
