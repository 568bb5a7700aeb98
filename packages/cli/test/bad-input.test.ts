/** Bad input to every way of quantizing: a code, a remedy, and nothing written. */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tensor, decodeModel, encodeModel, encodeNpz, pipeline, sliceRows, type Sample } from "@lathe/core";
import { readIdx } from "@lathe/core/node";
import { convertToFloat16 } from "@lathe/quantize";
import { file, run } from "./support.ts";

const model = file("fixtures/models/fashion-mobilenet.onnx");
let folder = "";
const at = (name: string): string => join(folder, name);
const save = async (name: string, columns: Sample): Promise<void> => writeFile(at(name), await encodeNpz(columns));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-bad-"));
  const [pixels, truth] = await Promise.all(["images-idx3", "labels-idx1"].map((kind) => readIdx(file(`fixtures/data/fashion-train-512-${kind}-ubyte.gz`))));
  const image = Tensor.from("float32", [8, 1, 28, 28], pixels!.toFloat32().slice(0, 8 * 784).map((p) => p / 255));
  const labels = sliceRows(truth!, 0, 8).cast("int64");
  await save("good.npz", { image, labels });
  await save("nan.npz", { image: Tensor.from("float32", image.dims, image.toFloat32().map((x, i) => (i === 100 ? NaN : x))), labels });
  await save("infinite.npz", { image: Tensor.from("float32", image.dims, image.toFloat32().map((x, i) => (i === 100 ? Infinity : x))), labels });
  await save("shape.npz", { image: image.reshape([8, 784]), labels });
  await save("double.npz", { image: image.cast("float64"), labels });
  await save("name.npz", { picture: image, labels });
  await save("none.npz", { image: Tensor.from("float32", [0, 1, 28, 28], new Float32Array()), labels: Tensor.int64([]) });
  await writeFile(at("cut.npz"), (await readFile(at("good.npz"))).subarray(0, 2000));
  await mkdir(at("empty"));
  await writeFile(at("half.onnx"), encodeModel((await pipeline(convertToFloat16()).run(decodeModel(await readFile(model))).result).model));
  await writeFile(at("nan.onnx"), encodeModel(withNan(decodeModel(await readFile(model)))));
  await run("quantize-static", model, "-o", at("int8.onnx"), "--data", at("good.npz"));
  await run("quantize-weights", model, "-o", at("int4.onnx"), "--min-elements", "0");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function withNan(damaged: ReturnType<typeof decodeModel>): ReturnType<typeof decodeModel> {
  for (const value of damaged.graph.initializers) {
    if (value.tensor!.dims.length > 1) damaged.graph.setInitializer(value, Tensor.from("float32", value.tensor!.dims, value.tensor!.toFloat32().map((x, i) => (i === 0 ? NaN : x))));
  }
  return damaged;
}

async function refused(args: readonly string[], expected: RegExp): Promise<void> {
  await writeFile(at("out.onnx"), "old");
  const { code, err } = await run(args[0]!, ...args.slice(1), "-o", at("out.onnx"), "--json");
  const line = err.trim().split("\n").at(-1)!;
  expect(line).toMatch(/^\{/);
  const { error } = JSON.parse(line) as { error: { code?: string; remedy?: string; message: string } };
  expect(error.code).toMatch(expected);
  expect(error.remedy!.length).toBeGreaterThan(10);
  expect(code).toBeGreaterThan(0);
  expect(await readFile(at("out.onnx"), "utf8")).toBe("old");
  await expect(stat(`${at("out.onnx")}.data`)).rejects.toThrow("ENOENT");
}

/** Ways that read data, with what makes them short. */
const withData: Readonly<Record<string, readonly string[]>> = {
  "quantize-static": [],
  "quantize-static, histograms": ["--method", "mse"],
  "quantize-static, AdaRound": ["--rounding", "adaround", "--adaround", '{"iterations":2}'],
  "quantize-search": ["--methods", "minmax"],
  "quantize-auto": ["--rounds", "1"],
  "quantize-weights": ["--algorithm", "gptq", "--min-elements", "0"],
  "convert-float16": ["--check-ranges"],
  "quantize-aware": ["--epochs", "1", "--batch-size", "4"],
};
const commandOf = (name: string): string => name.split(",")[0]!;

/** Data file -> code. */
const data: readonly (readonly [string, string, RegExp])[] = [
  ["NaN", "nan.npz", /^(QUANT_RANGE_NOT_FINITE|WEIGHT_ONLY_HESSIAN)$/],
  ["infinities", "infinite.npz", /^(QUANT_RANGE_NOT_FINITE|WEIGHT_ONLY_HESSIAN)$/],
  ["another shape", "shape.npz", /^(INPUT_SHAPE|TRAIN_DATA)$/],
  ["another type", "double.npz", /^INPUT_DTYPE$/],
  ["another name", "name.npz", /^(INPUT_MISSING|TRAIN_DATA)$/],
  ["no samples", "none.npz", /^CLI_DATA_ROWS$/],
  ["a file cut short", "cut.npz", /^(ZIP|NPY)_\w+$/],
  ["an empty folder", "empty", /^CLI_DATA_PATH$/],
  ["a file that is not there", "nowhere.npz", /^CLI_DATA_PATH$/],
];

/** What the clipped activations in front of the only product do not show. */
const unseen = (name: string, path: string): boolean => name === "quantize-weights" && path === "infinite.npz";

describe.each(Object.entries(withData))("%s", (name, flags) => {
  it.each(data.filter(([, path]) => !unseen(name, path)))("refuses data with %s", async (_, path, code) => {
    await refused([commandOf(name), model, "--data", at(path), ...flags], code);
  });

  it("refuses to go without data", async () => {
    await refused([commandOf(name), model, ...flags], /^(CLI_NO_DATA|SERVICE_MISSING)$/);
  });
});

/** Model -> code, for every way. */
const all: Readonly<Record<string, readonly string[]>> = { ...withData, "quantize-dynamic": [] };

/** float16 may follow quantization; weight-only formats take float16 weights. */
const takes = (name: string, path: string): boolean => name === "convert-float16" || (name === "quantize-weights" && path === "half.onnx");

describe.each(Object.entries(all))("%s", (name, flags) => {
  const models = [["quantized already", "int8.onnx", /^(QUANT_ALREADY|WEIGHT_ONLY_NOTHING)$/], ["with 4-bit products", "int4.onnx", /^QUANT_ALREADY$/], ["of float16 weights", "half.onnx", /^QUANT_FLOAT16$/]] as const;
  it.each(models.filter(([, path]) => !takes(name, path)))("refuses a model %s", async (_, path, code) => {
    await refused([commandOf(name), at(path), "--data", at("good.npz"), ...flags], code);
  });

  it("refuses weights that are NaN", async () => {
    await refused([commandOf(name), at("nan.onnx"), "--data", at("good.npz"), ...flags], /^(QUANT_RANGE_NOT_FINITE|QUANT_WEIGHT_NOT_FINITE|WEIGHT_ONLY_HESSIAN)$/);
  });

  it("refuses a file that is no model", async () => {
    await refused([commandOf(name), at("good.npz"), "--data", at("good.npz"), ...flags], /^ONNX_\w+$/);
  });
});

describe("options that make no sense", () => {
  it.each([
    ["quantize-static", ["--samples", "0"]], ["quantize-static", ["--samples", "-3"]], ["quantize-static", ["--samples", "1e400"]], ["quantize-static", ["--samples", "1.5"]],
    ["quantize-static", ["--bins", "1e9"]], ["quantize-static", ["--percentile", "101"]], ["quantize-static", ["--minimum-real-range", "-1"]],
    ["quantize-static", ["--overrides", '{"logits":{"scale":1}}']], ["quantize-static", ["--overrides", '{"logits":{"params":[{"scale":0,"zeroPoint":0}]}}']],
    ["quantize-static", ["--overrides", '{"logits":{"range":{"min":1,"max":-1}}}']], ["quantize-static", ["--channel-axes", '{"Conv":0.5}']],
    ["quantize-static", ["--adaround", '{"iterations":0}']], ["quantize-static", ["--adaround", '{"steps":5}']], ["quantize-static", ["--smooth", "2"]],
    ["quantize-search", ["--max-drop", "-1"]], ["quantize-search", ["--methods", "best"]], ["quantize-search", ["--static", '{"weightType":"int3"}']],
    ["quantize-auto", ["--threads", "0"]], ["quantize-auto", ["--min-sqnr", "many"]],
    ["quantize-weights", ["--bits", "3"]], ["quantize-weights", ["--block-size", "48"]], ["quantize-weights", ["--damping", "0"]],
    ["quantize-aware", ["--epochs", "0"]], ["quantize-aware", ["--learning-rate", "-1"]],
  ])("%s %j are refused", async (command, flags) => {
    await refused([command, model, "--data", at("good.npz"), ...flags], /^(OPTIONS_INVALID|CLI_BAD_VALUE|CLI_USAGE)$/);
  });

  it.each([
    ["quantize-static", ["--overrides", '{"nothing":{"symmetric":true}}'], "QUANT_UNKNOWN_NAME"],
    ["quantize-static", ["--overrides", '{"__proto__":{"symmetric":true}}'], "CLI_BAD_VALUE"],
    ["quantize-static", ["--no-such-option", "1"], "CLI_USAGE"],
    ["quantize-static", ["--exclude-nodes", "../../etc/passwd"], "QUANT_UNKNOWN_NAME"],
    ["quantize-static", ["--activation-type", "int4"], "QUANT_COMBINATION"],
    ["quantize-static", ["--op-types", "LSTM"], "QUANT_NOTHING_TO_DO"],
    ["quantize-dynamic", ["--nodes", "nothing"], "QUANT_UNKNOWN_NAME"],
    ["quantize-weights", ["--nodes", "nothing"], "QUANT_UNKNOWN_NAME"],
  ])("%s %j says %s", async (command, flags, code) => {
    await refused([command, model, "--data", at("good.npz"), ...flags], new RegExp(`^${code}$`));
  });
});
