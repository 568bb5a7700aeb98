/**
 * Seconds and memory of pruning a large model: npx tsx --conditions=@lathe/source bench/prune-large.ts [gigabytes, default 1]
 * A synthetic stack of MLP layers [1024 -> 4096 -> 1024] with residual sums, of random float32 weights, is written to a temporary file, loaded,
 * pruned and written again: single weights by one global threshold, and channels (half of the hidden units). Writes bench/results/prune-large.json.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Model, pipeline, Tensor, tensorType, type AnyTechnique } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { pruneChannels, pruneWeights } from "@lathe/prune";

const gigabytes = Number(process.argv[2] ?? 1);
const [width, hidden] = [1024, 4096];
const layers = Math.max(1, Math.round((gigabytes * 1e9) / (2 * width * hidden * 4)));

/** Different numbers, cheaply: a multiplicative generator over the whole tensor. */
function weights(rows: number, columns: number, seed: number): Tensor {
  const data = new Float32Array(rows * columns);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state / 2 ** 32 - 0.5) / 32;
  }
  return Tensor.from("float32", [rows, columns], data);
}

function synthetic(): Model {
  const model = new Model({ opset: 17 });
  const { graph } = model;
  let x = graph.addInput("x", tensorType("float32", ["N", width]));
  for (let i = 0; i < layers; i++) {
    const up = graph.add({ opType: "MatMul", name: `up_${i}`, inputs: [x, graph.addInitializer(`up_${i}.weight`, weights(width, hidden, 2 * i + 1))], outputs: [`u${i}`] }).out;
    const active = graph.add({ opType: "Relu", inputs: [up], outputs: [`a${i}`] }).out;
    const down = graph.add({ opType: "MatMul", name: `down_${i}`, inputs: [active, graph.addInitializer(`down_${i}.weight`, weights(hidden, width, 2 * i + 2))], outputs: [`d${i}`] }).out;
    x = graph.add({ opType: "Add", inputs: [x, down], outputs: [`x${i}`] }).out;
  }
  graph.addOutput(x);
  return model;
}

const folder = mkdtempSync(join(tmpdir(), "lathe-large-"));
const file = join(folder, "model.onnx");
await saveModel(synthetic(), file);
const bytes = statSync(file).size;
const rows: object[] = [];
for (const [name, step] of [["80 % of the weights zeroed", pruneWeights({ sparsity: 0.8 })], ["half of the hidden units cut", pruneChannels({ ratio: 0.5, scope: "group" })]] as const satisfies readonly (readonly [string, ReturnType<AnyTechnique["bind"]>])[]) {
  const model = await loadModel(file);
  const memory = (): number => process.memoryUsage().rss / 1e6;
  let peak = memory();
  const before = peak;
  const sampling = setInterval(() => (peak = Math.max(peak, memory())), 20);
  const start = process.cpuUsage();
  const wall = performance.now();
  const { model: small } = await pipeline(step).run(model).result;
  const seconds = (performance.now() - wall) / 1000;
  const used = process.cpuUsage(start);
  peak = Math.max(peak, memory());
  clearInterval(sampling);
  await saveModel(small, join(folder, "small.onnx"));
  rows.push({ what: name, fileMB: Math.round(bytes / 1e6), seconds: Number(seconds.toFixed(1)), processorSeconds: Number(((used.user + used.system) / 1e6).toFixed(1)), rssBeforeMB: Math.round(before), rssPeakMB: Math.round(peak), outMB: Math.round(statSync(join(folder, "small.onnx")).size / 1e6) });
  console.log(JSON.stringify(rows.at(-1)));
}
rmSync(folder, { recursive: true });
writeFileSync(new URL("results/prune-large.json", import.meta.url), `${JSON.stringify({ rows }, null, 1)}\n`);
