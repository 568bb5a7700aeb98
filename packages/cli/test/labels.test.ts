/** Searches from the command line: labelled data becomes the judge of models. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tensor, encodeNpy, encodeNpz, sliceRows } from "@lathe/core";
import { readIdx } from "@lathe/core/node";
import { file, run } from "./support.ts";

const model = file("fixtures/models/fashion-mobilenet.onnx");
let folder = "";
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-cli-labels-"));
  const [pixels, truth] = await Promise.all(["images-idx3", "labels-idx1"].map((kind) => readIdx(file(`fixtures/data/fashion-train-512-${kind}-ubyte.gz`))));
  const image = Tensor.from("float32", [128, 1, 28, 28], pixels!.toFloat32().slice(0, 128 * 784).map((p) => p / 255));
  const labels = sliceRows(truth!, 0, 128);
  await writeFile(at("images.npz"), await encodeNpz({ image }));
  await writeFile(at("labelled.npz"), await encodeNpz({ image, truth: labels }));
  await writeFile(at("labels.npy"), encodeNpy(labels));
  await writeFile(at("labels64.npy"), encodeNpy(labels.cast("int64")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Found {
  readonly steps: readonly { readonly name: string; readonly options: object; readonly metrics: Readonly<Record<string, number>>; readonly details: { readonly trials: readonly unknown[] } }[];
}
const stepOf = (out: string): Found["steps"][number] => (JSON.parse(out) as Found).steps[0]!;

describe("lathe quantize --search", () => {
  const search = (...more: string[]): ReturnType<typeof run> => run("quantize", "--search", model, "-o", at("searched.onnx"), "--batch", "32", "--methods", "minmax", "--json", ...more);

  it("keeps within the budget by the labels in the data", async () => {
    const { code, out, err } = await search("--max-drop", "0.01", "--data", at("labelled.npz"));
    expect([code, err]).toEqual([0, ""]);
    const { name, metrics } = stepOf(out);
    expect(name).toBe("quantize-search");
    expect(metrics["floatScore"]).toBeGreaterThan(0.9);
    expect(metrics["drop"]).toBeLessThanOrEqual(0.01 + 1e-9);
  });

  it.each([
    ["an array named", () => ["--data", at("labelled.npz"), "--labels", "truth"]],
    ["a file of labels", () => ["--data", at("images.npz"), "--labels", at("labels.npy")]],
    ["data of their own", () => ["--data", at("images.npz"), "--eval-data", at("labelled.npz")]],
    ["another figure", () => ["--data", at("labelled.npz"), "--metric", "top5"]],
  ])("takes labels from %s", async (_, flags) => {
    const { code, out, err } = await search("--max-drop", "1", ...flags());
    expect([code, err]).toEqual([0, ""]);
    expect(stepOf(out).metrics["floatScore"]).toBeGreaterThan(0.9);
  });

  it.each([
    ["no labels at all", () => ["--data", at("images.npz")], 2, /EVALUATE_LABELS/],
    ["random data", () => ["--random-data", "4"], 2, /CLI_NO_LABELS/],
    ["an array that is not there", () => ["--data", at("labelled.npz"), "--labels", "classes"], 2, /EVALUATE_LABELS.*"classes".*truth/],
    ["a file that is not there", () => ["--data", at("images.npz"), "--labels", "nowhere.npy"], 2, /CLI_BAD_VALUE.*nowhere/],
    ["a budget that nothing meets", () => ["--data", at("labelled.npz"), "--max-drop", "0", "--max-excluded", "0", "--static", '{"weightType":"int4","perChannel":false}'], 1, /QUANT_BUDGET/],
  ])("refuses %s and writes nothing", async (_, flags, expected, message) => {
    await rm(at("searched.onnx"), { force: true });
    const { code, err } = await search(...flags());
    expect([code, err]).toEqual([expected, expect.stringMatching(message)]);
    await expect(stat(at("searched.onnx"))).rejects.toThrow("ENOENT");
  });
});

describe("lathe quantize", () => {
  it("is static with data and dynamic without", async () => {
    const withData = await run("quantize", model, "-o", at("a.onnx"), "--data", at("images.npz"), "--batch", "32", "--json");
    const without = await run("quantize", model, "-o", at("b.onnx"), "--json");
    expect([stepOf(withData.out).name, stepOf(without.out).name]).toEqual(["quantize-static", "quantize-dynamic"]);
  });

  it("passes the options of the way chosen on, in any order", async () => {
    const { code, out } = await run("quantize", model, "--per-channel", "-o", at("c.onnx"), "--dynamic", "--weight-type", "uint8", "--json");
    expect([code, stepOf(out).name]).toEqual([0, "quantize-dynamic"]);
  });

  it("refuses two ways at once, and options that the way does not have", async () => {
    expect(await run("quantize", "--static", "--dynamic", model, "-o", at("d.onnx"))).toMatchObject({ code: 2, err: expect.stringMatching(/CLI_ONE_WAY.*--static and --dynamic/) });
    expect(await run("quantize", "--dynamic", model, "-o", at("d.onnx"), "--percentile", "9")).toMatchObject({ code: 2, err: expect.stringMatching(/unknown option '--percentile'/) });
  });

  it("tells of all ways, and of the options of one", async () => {
    expect((await run("quantize", "--help")).out).toMatch(/--search .*--weights .*--float16 /s);
    expect((await run("quantize", "--search", "--help")).out).toMatch(/--max-drop .*--labels .*--eval-data /s);
  });
});

describe("lathe prune-search", () => {
  it("cuts as far as labelled data allows", async () => {
    const { code, out, err } = await run("prune-search", file("fixtures/models/mnist-lenet.onnx"), "-o", at("pruned.onnx"), "--data", at("labelled.npz"), "--batch", "128", "--labels", "truth", "--max-drop", "0.5", "--trial-ratios", "[0.25]", "--rounds", "2", "--json");
    expect([code, err]).toEqual([0, ""]);
    expect(stepOf(out).metrics["reference"]! - stepOf(out).metrics["score"]!).toBeLessThanOrEqual(0.5 + 1e-9);
    expect((await readFile(at("pruned.onnx"))).length).toBeLessThan((await readFile(file("fixtures/models/mnist-lenet.onnx"))).length);
  });
});

describe("labels from a file", () => {
  it("serve the judge and the technique's own option alike", async () => {
    const rest = ["--data", at("images.npz"), "--batch", "32", "--criterion", "taylor", "--max-drop", "1", "--trial-ratios", "[0.25]", "--rounds", "1", "--json"];
    const { code, out, err } = await run("prune-search", file("fixtures/models/mnist-lenet.onnx"), "-o", at("taylor.onnx"), "--labels", at("labels64.npy"), ...rest);
    expect([code, err]).toEqual([0, ""]);
    expect(stepOf(out)).toMatchObject({ name: "prune-search", options: { criterion: "taylor", labels: "labels" } });
  });
});

describe("a recipe", () => {
  it("may try steps and keep the best", async () => {
    await writeFile(at("recipe.json"), JSON.stringify([{ use: "search", with: { goal: "bytes", maxDrop: 1 }, steps: [{ use: "simplify" }, { use: "quantize-dynamic" }] }]));
    const { code, out, err } = await run("optimize", model, "-o", at("best.onnx"), "--recipe", at("recipe.json"), "--data", at("labelled.npz"), "--batch", "32", "--json");
    expect([code, err]).toEqual([0, ""]);
    expect(stepOf(out)).toMatchObject({ name: "search", metrics: { tried: 2 } });
    expect((await stat(at("best.onnx"))).size).toBeLessThan((await stat(model)).size * 0.6);
  });
});
