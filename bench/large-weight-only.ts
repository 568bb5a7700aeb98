/**
 * A float16 transformer larger than memory is meant to be, converted to 4 bits: time and peak memory of the converting process.
 *
 *   npx tsx --conditions=@lathe/source bench/large-weight-only.ts
 *
 * Writes the model (LATHE_BENCH_GB gigabytes, default 8) and the result below LATHE_BENCH_DIR (default: the system's temporary
 * folder), then removes both. The conversion runs in a process of its own, so that its peak is its own.
 * Writes bench/results/large-weight-only.json.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Graph, Model, Tensor, tensorType, type TensorStorage, type Value } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { quantizeWeightsOf } from "@lathe/quantize";

const HIDDEN = 4096;
const MLP = 11008;
const VOCABULARY = 32000;
const GB = 1e9;

/** One block of weights again and again: content that costs nothing to make and no memory to hold. */
function repeated(byteLength: number): TensorStorage & { chunks(size: number): Iterable<Uint8Array> } {
  const block = Tensor.from("float16", [1 << 20], Float32Array.from({ length: 1 << 20 }, (_, i) => Math.sin(i * 12.9898) * 0.05)).bytes();
  function* chunks(): Generator<Uint8Array> {
    for (let at = 0; at < byteLength; at += block.byteLength) yield block.subarray(0, Math.min(block.byteLength, byteLength - at));
  }
  return { kind: "lazy", byteLength, chunks, bytes: () => Buffer.concat([...chunks()]) };
}

/** Embedding, layers of mixing in place of attention and gated MLP products in Llama's shapes, head. */
function transformer(bytes: number): Model {
  const g = new Graph("transformer");
  const weight = (name: string, k: number, n: number): Value => g.addInitializer(name, new Tensor("float16", [k, n], repeated(k * n * 2)));
  const product = (x: Value, name: string, k: number, n: number): Value => g.add({ opType: "MatMul", name, inputs: [x, weight(`${name}.weight`, k, n)] }).out;
  const ids = g.addInput("ids", tensorType("int64", ["N", "T"]));
  let x = g.add({ opType: "Gather", name: "embed", inputs: [weight("embed.weight", VOCABULARY, HIDDEN), ids] }).out;
  const perLayer = 2 * (4 * HIDDEN * HIDDEN + 3 * HIDDEN * MLP);
  const layers = Math.max(1, Math.ceil((bytes - 4 * VOCABULARY * HIDDEN) / perLayer));
  for (let i = 0; i < layers; i++) {
    const q = ["q", "k", "v"].map((part) => product(x, `layer${i}.${part}`, HIDDEN, HIDDEN));
    const mixed = g.add({ opType: "Sum", inputs: q }).out;
    x = g.add({ opType: "Add", inputs: [x, product(mixed, `layer${i}.o`, HIDDEN, HIDDEN)] }).out;
    const gate = g.add({ opType: "Sigmoid", inputs: [product(x, `layer${i}.gate`, HIDDEN, MLP)] }).out;
    const inner = g.add({ opType: "Mul", inputs: [gate, product(x, `layer${i}.up`, HIDDEN, MLP)] }).out;
    x = g.add({ opType: "Add", inputs: [x, product(inner, `layer${i}.down`, MLP, HIDDEN)] }).out;
  }
  const flat = g.add({ opType: "Identity", inputs: [x] }).out;
  const logits = product(flat, "head", HIDDEN, VOCABULARY);
  logits.name = "logits";
  g.addOutput(logits);
  logits.type = tensorType("float16", ["N", "T", VOCABULARY]);
  return new Model({ graph: g, opset: 21 });
}

async function convert(folder: string): Promise<void> {
  const begin = performance.now();
  const { model, report } = await quantizeWeightsOf(await loadModel(join(folder, "float16.onnx")), { headBits: 8, embeddingBits: 4, target: "x64-vnni" });
  const planned = performance.now();
  await saveModel(model, join(folder, "q4.onnx"), { externalData: true });
  const { maxRSS, userCPUTime } = process.resourceUsage();
  console.log(JSON.stringify({
    planSeconds: (planned - begin) / 1000, seconds: (performance.now() - begin) / 1000, cpuSeconds: userCPUTime / 1e6, peakMB: Math.round(maxRSS / 1024),
    products: report.products, bytesBefore: report.bytesBefore, bytesAfter: report.bytesAfter,
  }));
}

if (process.argv[2] === "convert") await convert(process.argv[3]!);
else {
  const folder = mkdtempSync(join(process.env["LATHE_BENCH_DIR"] ?? tmpdir(), "lathe-large-"));
  try {
    await saveModel(transformer(Number(process.env["LATHE_BENCH_GB"] ?? 8) * GB), join(folder, "float16.onnx"), { externalData: true });
    const bytes = statSync(join(folder, "float16.onnx.data")).size;
    console.log(`float16 model: ${(bytes / GB).toFixed(2)} GB`);
    const said = execFileSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), "convert", folder], { encoding: "utf8", env: process.env });
    const result = { ...(JSON.parse(said) as object), modelBytes: bytes, resultBytes: statSync(join(folder, "q4.onnx.data")).size };
    console.log(result);
    writeFileSync(new URL("results/large-weight-only.json", import.meta.url), `${JSON.stringify({ cpu: cpus()[0]?.model, memoryGB: Math.round(totalmem() / GB), node: process.version, ...result }, null, 2)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
