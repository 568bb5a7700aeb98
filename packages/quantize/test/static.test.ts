/** Static quantization end to end: calibrates, runs, keeps the accuracy. */
import { beforeAll, describe, expect, it } from "vitest";
import { Tensor, dataset, decodeModel, pipeline, type Feeds, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { calibrationMethods, quantizeStatic, readCalibration, staticQuantize, targetNames, writeCalibration, calibrate, planStatic, rangesOf, type StaticOptionsInput } from "@lathe/quantize";
import { accuracy, images } from "./fashion.ts";
import { countOps, readModel } from "./models.ts";

const runtime = ortRuntime();
const data = images("fashion-train-512", 16).slice(0, 8);
let mobilenet: Model;
let float: number;

beforeAll(async () => {
  mobilenet = decodeModel(readModel("fashion-mobilenet"));
  float = await accuracy(mobilenet, runtime);
});

describe("accuracy on 500 test images", () => {
  const cases: [string, StaticOptionsInput, number][] = [
    ["defaults", {}, 1],
    ["per tensor", { perChannel: false }, 1],
    ["QOperator form", { format: "qoperator" }, 1],
    ["uint16 activations", { activationType: "uint16" }, 1],
    ["int4 weights", { weightType: "int4" }, 6],
    ["saturation-safe", { saturationSafe: true }, 1],
    ["float weights behind Q/DQ", { weightPairs: true }, 1],
    ["a pair for each consumer", { dedicatedPairs: true }, 1],
    ["com.microsoft Q/DQ", { contribOps: true }, 1],
    ...calibrationMethods.map((method): [string, StaticOptionsInput, number] => [`method ${method}`, { method }, 2]),
    ...targetNames.map((target): [string, StaticOptionsInput, number] => [`target ${target}`, { target }, 2]),
  ];
  it.each(cases)("%s: within the allowed points of float", async (_, options, points) => {
    const { model } = await quantizeStatic(mobilenet, options, { runtime, data: data.slice(0, 2) });
    expect(100 * (float - (await accuracy(model, runtime)))).toBeLessThanOrEqual(points);
  });
});

describe("float8", () => {
  const float8: StaticOptionsInput = { activationType: "float8e4m3fn", weightType: "float8e4m3fn" };

  it("keeps the accuracy; ONNX Runtime 1.30 on the CPU runs it at level basic only, as it tries to fuse it into integer kernels", async () => {
    const { model } = await quantizeStatic(mobilenet, float8, { runtime, data: data.slice(0, 2) });
    expect(100 * (float - (await accuracy(model, runtime, 500, { optimization: "basic" })))).toBeLessThanOrEqual(3);
    await expect(runtime.load(model)).rejects.toMatchObject({ code: "ORT_LOAD_FAILED" });
  });
});

describe("the technique", () => {
  it("runs in a pipeline, leaves the given model alone and reports what it did", async () => {
    const before = countOps(mobilenet);
    const { model, report } = await pipeline(staticQuantize({ target: "x64-vnni" })).run(mobilenet, { data: dataset(data), runtime }).result;
    expect(countOps(mobilenet)).toEqual(before);
    expect(countOps(model).QuantizeLinear).toBeGreaterThan(20);
    expect(report.data.steps[0]!.metrics).toMatchObject({ activationType: "uint8", weightType: "int8", samples: 8, method: "minmax", absorbed: 12 });
    expect(JSON.stringify(report.data.steps[0]!.details)).toContain("kernels are written for");
  });
});

describe("calibration", () => {
  it("gives every method's ranges from one pass, and goes on where an interrupted pass stopped", async () => {
    const whole = planStatic(mobilenet.clone(), { method: "entropy" });
    const once = await calibrate(whole, { runtime, data });
    const half = await calibrate(planStatic(mobilenet.clone(), { method: "entropy" }), { runtime, data: data.slice(0, 4) });
    const saved = readCalibration(writeCalibration(half, { method: "entropy" })).observations!;
    expect(saved.samples).toBe(4);
    const resumed = await calibrate(planStatic(mobilenet.clone(), { method: "entropy" }), { runtime, data, resume: saved });
    expect(rangesOf(resumed, whole)).toEqual(rangesOf(once, whole));
    expect(resumed.samples).toBe(8);
  });

  it("fetches tensors in groups with the same result", async () => {
    const plan = planStatic(mobilenet.clone(), { method: "percentile" });
    const grouped = planStatic(mobilenet.clone(), { method: "percentile", tensorsPerRun: 5 });
    const services = { runtime, data: data.slice(0, 2) };
    expect(rangesOf(await calibrate(grouped, services), plan)).toEqual(rangesOf(await calibrate(plan, services), plan));
  });

  it("takes samples of different shapes", async () => {
    const mixed = [...images("fashion-train-512", 7).slice(0, 2), ...images("fashion-train-512", 3).slice(0, 2)];
    const { report } = await quantizeStatic(mobilenet, { method: "entropy" }, { runtime, data: mixed });
    expect(report.samples).toBe(4);
  });

  it("reads the cache of ONNX Runtime's tool", () => {
    const text = '{"CLS": "TensorsData", "data": {"x": {"lowest": {"data": -1.5, "dtype": "float32", "CLS": "numpy.array"}, "highest": {"data": [2.25], "dtype": "float32", "CLS": "numpy.array"}, "CLS": "TensorData"}}, "calibration_method": {"CLS": "CalibrationMethod", "value": "CalibrationMethod.MinMax"}, "smooth_quant": false}';
    expect(readCalibration(text)).toEqual({ ranges: new Map([["x", { min: -1.5, max: 2.25 }]]), observations: undefined });
  });

  it("stops when aborted", async () => {
    const controller = new AbortController();
    const run = quantizeStatic(mobilenet, {}, { runtime, data, signal: controller.signal, onSample: () => controller.abort(new Error("enough")) });
    await expect(run).rejects.toThrow("enough");
  });
});

describe("refusals name the cause and the remedy", () => {
  const run = (options: StaticOptionsInput, feeds: Iterable<Feeds> = data, model = mobilenet) => quantizeStatic(model, options, { runtime, data: feeds });
  const { image } = data[0]!;
  const nan: Feeds = { image: Tensor.from("float32", image!.dims, image!.toFloat32().map((x, i) => (i === 5 ? NaN : x))) };

  it.each([
    ["an empty calibration set", () => run({}, []), "QUANT_CALIBRATION_EMPTY"],
    ["NaN in the data", () => run({}, [nan]), "QUANT_RANGE_NOT_FINITE"],
    ["NaN in the data, with histograms", () => run({ method: "mse" }, [nan]), "QUANT_RANGE_NOT_FINITE"],
    ["a wrong shape", () => run({}, [{ image: data[0]!.image!.reshape([16, 784]) }]), "INPUT_SHAPE"],
    ["signed activations with unsigned weights", () => run({ activationType: "int8", weightType: "uint8" }), "QUANT_COMBINATION"],
    ["float8 with int8", () => run({ activationType: "float8e4m3fn" }), "QUANT_COMBINATION"],
    ["an option of the wrong type", () => run({ percentile: 20 }), "QUANT_OPTION"],
    ["an option that does not exist", () => run({ ["perchannel" as "perChannel"]: true }), "QUANT_OPTION"],
    ["no operator to quantize", () => run({ opTypes: ["LSTM"] }), "QUANT_NOTHING_TO_DO"],
    ["an unknown node name", () => run({ excludeNodes: ["nope"] }), "QUANT_UNKNOWN_NAME"],
    ["an unknown tensor name", () => run({ overrides: { nope: { symmetric: true } } }), "QUANT_UNKNOWN_NAME"],
    ["a model that is quantized already", async () => run({}, data, (await run({})).model), "QUANT_ALREADY"],
    ["a cache that is not one", async () => readCalibration("{}"), "QUANT_CACHE"],
  ])("%s", async (_, act, code) => {
    await expect(act()).rejects.toMatchObject({ code });
  });
});
