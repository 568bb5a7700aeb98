/** Real models give the same results after simplification and conversion, with fewer nodes. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeModel, evaluateWith, inferShapes, MAX_OPSET, convertOpset, simplifyModel, typeToString, type Model } from "@lathe/core";
import { modelFiles } from "../onnx/model-files.ts";
import { expectSameResults, opsOf, testRuntime } from "./build.ts";
import { realFeeds } from "./real-feeds.ts";

/** Most nodes that may be left: a number that only goes down. */
const most: Readonly<Record<string, number>> = {
  "fashion-mobilenet.onnx": 35,
  "mnist-lenet.onnx": 10,
  "fashion-vit.onnx": 199,
  "ch_PP-OCRv4_rec_infer.onnx": 254,
  "ch_PP-OCRv4_det_infer.onnx": 201,
  "ch_ppocr_mobile_v2.0_cls_infer.onnx": 152,
  "silero_vad_legacy.onnx": 150,
  "silero_vad_v5.onnx": 148,
  "silero_vad_v6.onnx": 148,
  "mlsd_320x320_tiny.onnx": 97,
  "mlsd_512x512_tiny.onnx": 97,
};

/** Rounding one layer differently moves the detector's output by this much: its sigmoid is steep. ONNX Runtime's own folding does too. */
const tolerances: Readonly<Record<string, number>> = { "ch_PP-OCRv4_det_infer.onnx": 5e-5 };

const load = (path: string): { model: Model; bytes: Uint8Array } => {
  const bytes = readFileSync(path);
  return { model: decodeModel(bytes), bytes };
};

/** Names and declared types, symbols included, of inputs and outputs. */
const signature = (model: Model): string[] => [...model.graph.inputs.filter((v) => !v.tensor), ...model.graph.outputs].map((v) => `${v.name}: ${typeToString(v.type)}`);

async function expectSame(name: string, bytes: Uint8Array, changed: Model): Promise<void> {
  const rates = name.startsWith("silero") ? [16000, 8000] : [16000];
  // Outputs are probabilities or scores: differences are judged on a scale of at least 0.01.
  for (const rate of rates) await expectSameResults(bytes, changed, realFeeds(name, changed, rate), tolerances[name] ?? 1e-5, 0.01);
}

describe.each(modelFiles)("%s", (name, path) => {
  test("simplified", async () => {
    const { model, bytes } = load(path);
    const { nodesAfter } = await simplifyModel(model, {}, { verifyBetween: true, evaluate: evaluateWith(testRuntime) });
    expect(nodesAfter).toBeLessThanOrEqual(most[name]!);
    expect(opsOf(model).filter((op) => op.includes(".") || op === "BatchNormalization")).toEqual([]);
    await expectSame(name, bytes, model);
    expect(signature(model)).toEqual(signature(load(path).model));
    expect((await simplifyModel(model)).passes.every((p) => p.modified === 0)).toBe(true);
  });

  test("converted to the newest operator set", async () => {
    const { model, bytes } = load(path);
    inferShapes(model);
    convertOpset(model, MAX_OPSET);
    await expectSame(name, bytes, model);
  });

  test("converted and simplified", async () => {
    const { model, bytes } = load(path);
    await simplifyModel(model, { opset: 23 }, { verifyBetween: true, evaluate: evaluateWith(testRuntime) });
    await expectSame(name, bytes, model);
  });
});
