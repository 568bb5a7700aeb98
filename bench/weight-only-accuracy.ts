/**
 * What weight-only schemes cost in accuracy on a model of Fashion-MNIST: share of 2,000 test images named rightly, and the noise of
 * the logits.
 *
 *   npx tsx --conditions=@lathe/source bench/weight-only-accuracy.ts MODEL.onnx
 *
 * MODEL takes `image` float32 [N, 1, 28, 28] in [0, 1] and gives `logits`. Prints a table and writes bench/results/weight-only-accuracy.json.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { decodeModel, markdownTable, type Model } from "@lathe/core";
import { compare, ortRuntime } from "@lathe/ort";
import { convertFloat16, quantizeWeightsOf, type WeightOnlyInput } from "@lathe/quantize";
import { accuracy, images } from "../packages/quantize/test/fashion.ts";

const path = process.argv[2];
if (path === undefined) throw new Error("Give the path of a model.");
const float = decodeModel(readFileSync(path));
const runtime = ortRuntime();
const data = images("fashion-train-512", 16).slice(0, 16);
const test = images("fashion-test-2000", 250).slice(0, 4);

const schemes: Readonly<Record<string, WeightOnlyInput>> = {
  "8 bits": { bits: 8 },
  "4 bits": {},
  "4 bits, accuracyLevel 4": { target: "x64" },
  "4 bits, zero points": { symmetric: false },
  "4 bits, rtn": { algorithm: "rtn" },
  "4 bits, k-quant": { algorithm: "k-quant" },
  "4 bits, hqq": { algorithm: "hqq" },
  "4 bits, hqq, real zero points": { algorithm: "hqq", realZeroPoints: true },
  "4 bits, gptq": { algorithm: "gptq" },
  "4 bits, gptq, zero points": { algorithm: "gptq", symmetric: false },
  "4 bits, awq": { algorithm: "awq" },
  "4 bits, awq, zero points": { algorithm: "awq", symmetric: false },
  "nf4": { format: "nf4" },
  "fp4": { format: "fp4" },
  "2 bits": { bits: 2, blockSize: 16 },
  "2 bits, k-quant": { bits: 2, blockSize: 16, algorithm: "k-quant" },
  "2 bits, hqq": { bits: 2, blockSize: 16, algorithm: "hqq" },
  "2 bits, awq, zero points": { bits: 2, blockSize: 16, algorithm: "awq", symmetric: false },
  "2 bits, gptq, zero points": { bits: 2, blockSize: 16, algorithm: "gptq", symmetric: false },
};

const rows: { scheme: string; accuracy: number; sqnr: number; bitsPerWeight: number; seconds: number }[] = [];
async function judge(scheme: string, model: Model, bitsPerWeight: number, seconds: number): Promise<void> {
  const sqnr = model === float ? Infinity : (await compare(float, model, test, { optimization: "all" })).tensors["logits"]!.sqnr;
  rows.push({ scheme, accuracy: await accuracy(model, runtime, 2000), sqnr, bitsPerWeight, seconds });
}

await judge("float32", float, 32, 0);
const begin = performance.now();
const half = await convertFloat16(float);
await judge("float16", half.model, 16, (performance.now() - begin) / 1000);
for (const [name, options] of Object.entries(schemes)) {
  const from = performance.now();
  const { model, report } = await quantizeWeightsOf(float, options, { runtime, data });
  await judge(name, model, (32 * report.bytesAfter) / report.bytesBefore, (performance.now() - from) / 1000);
}
const right = (title: string): { title: string; right: true } => ({ title, right: true });
console.log(markdownTable({
  columns: [{ title: "scheme" }, right("bits a weight"), right("accuracy"), right("SQNR of logits, dB"), right("seconds")],
  rows: rows.map((r) => [r.scheme, r.bitsPerWeight.toFixed(1), r.accuracy.toFixed(4), Number.isFinite(r.sqnr) ? r.sqnr.toFixed(1) : "", r.seconds.toFixed(2)]),
}).join("\n"));
writeFileSync(new URL("results/weight-only-accuracy.json", import.meta.url), `${JSON.stringify({ model: basename(path), rows }, null, 2)}\n`);
