/**
 * Accuracy of models whose precision is in the graph for TensorRT, computed by ONNX Runtime without optimization on labelled public data; and
 * how much of each model is in low precision. No figure of speed: that takes a GPU.
 *
 *   npx tsx --conditions=@lathe/source bench/trt-accuracy.ts        (about two minutes)
 *
 * Data: the 2,000 Fashion-MNIST test images of fixtures/data. Calibration: 256 training images.
 * Prints a table and writes bench/results/trt-accuracy.json.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Tensor, dataset, decodeIdx, decodeModel, markdownTable, pipeline, type Feeds, type Model, type Step } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { checkTensorRT, trtFp16, trtFp8, trtInt8 } from "@lathe/trt";

const fixture = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../fixtures/${path}`, import.meta.url)));
const runtime = ortRuntime();
const BATCH = 250;

async function images(stem: string, batch: number, count: number): Promise<Feeds[]> {
  const pixels = (await decodeIdx(fixture(`data/${stem}-images-idx3-ubyte.gz`))).bytes();
  return Array.from({ length: count / batch }, (_, b) => ({
    image: Tensor.from("float32", [batch, 1, 28, 28], Float32Array.from(pixels.subarray(b * batch * 784, (b + 1) * batch * 784), (p) => p / 255)),
  }));
}

const test = await images("fashion-test-2000", BATCH, 2000);
const truth = (await decodeIdx(fixture("data/fashion-test-2000-labels-idx1-ubyte.gz"))).bytes();
const data = dataset(await images("fashion-train-512", 32, 256));

async function accuracy(model: Model): Promise<number> {
  const session = await runtime.load(model, { optimization: "disabled" });
  let right = 0;
  for (const [b, feeds] of test.entries()) {
    const logits = (await session.run(feeds)).logits!.toFloat32();
    for (let i = 0; i < BATCH; i++) {
      const row = logits.subarray(i * 10, i * 10 + 10);
      if (row.indexOf(Math.max(...row)) === truth[b * BATCH + i]) right++;
    }
  }
  await session.dispose();
  return right / truth.length;
}

const variants: Readonly<Record<string, readonly Step<"data" | "runtime">[]>> = {
  "trt-fp16": [trtFp16()],
  "trt-int8 (mse)": [trtInt8()],
  "trt-int8, entropy": [trtInt8({ method: "entropy" })],
  "trt-int8, percentile": [trtInt8({ method: "percentile" })],
  "trt-int8, minmax": [trtInt8({ method: "minmax" })],
  "trt-int8, then trt-fp16": [trtInt8(), trtFp16()],
  "trt-fp8": [trtFp8()],
};

const layers = (model: Model): [number, number] => {
  const heavy = [...model.graph.allNodes()].filter((n) => /^(Conv|ConvTranspose|MatMul|Gemm)$/.test(n.opType));
  return [heavy.filter((n) => n.inputs.slice(0, 2).every((v) => v?.producer?.is("DequantizeLinear"))).length, heavy.length];
};

const rows: { model: string; variant: string; accuracy: number; quantized: number; layers: number; findings: number }[] = [];
for (const model of ["fashion-mobilenet", "fashion-vit"]) {
  const float = decodeModel(fixture(`models/${model}.onnx`));
  const [, all] = layers(float);
  rows.push({ model, variant: "float32", accuracy: await accuracy(float), quantized: 0, layers: all, findings: 0 });
  for (const [variant, steps] of Object.entries(variants)) {
    const made = (await pipeline(...steps).run(float, { data, runtime }).result).model;
    const findings = checkTensorRT(made, { version: "11" }).filter((f) => f.severity !== "note").length;
    const [quantized, count] = layers(made);
    rows.push({ model, variant, accuracy: await accuracy(made), quantized, layers: count, findings });
  }
}

mkdirSync(new URL("results/", import.meta.url), { recursive: true });
writeFileSync(new URL("results/trt-accuracy.json", import.meta.url), `${JSON.stringify({ images: truth.length, calibration: 256, rows }, undefined, 2)}\n`);
console.log(markdownTable({
  columns: [{ title: "model" }, { title: "precision" }, { title: "accuracy", right: true }, { title: "layers in low precision", right: true }],
  rows: rows.map((r) => [r.model, r.variant, `${(100 * r.accuracy).toFixed(2)} %`, r.quantized === 0 ? "" : `${r.quantized} of ${r.layers}`]),
}).join("\n"));
