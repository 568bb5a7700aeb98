/**
 * Accuracy of quantized models on labelled public data: every calibration method, weight types, the accuracy-budget search, and ONNX
 * Runtime's Python tool beside them (when LATHE_PEER_PYTHON names a Python).
 *
 *   npx tsx --conditions=@lathe/source bench/quantize-accuracy.ts
 *
 * Data: the 2,000 Fashion-MNIST test images of fixtures/data, or all 10,000 when LATHE_FASHION names the folder of the full set.
 * Calibration: 256 training images.
 * Prints a table and writes bench/results/quantize-accuracy.json.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Tensor, decodeIdx, decodeModel, encodeModel, type Feeds, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { quantizeDynamic, quantizeStatic, searchQuantize, type StaticOptionsInput } from "@lathe/quantize";
import { runPeer, writeSamples } from "./lib/quantize-peer.ts";

const BATCH = 250;
const runtime = ortRuntime();
const folder = mkdtempSync(join(tmpdir(), "quantize-accuracy-"));
const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

interface Labelled {
  readonly feeds: Feeds;
  readonly labels: Uint8Array;
}

const idx = async (path: string): Promise<Tensor> => decodeIdx(new Uint8Array(readFileSync(path)));

/** Images scaled to [0, 1] with their labels. */
async function batches(images: string, labels: string, size: number, count = Infinity): Promise<Labelled[]> {
  const pixels = (await idx(images)).bytes();
  const truth = (await idx(labels)).bytes();
  const made: Labelled[] = [];
  for (let at = 0; at < Math.min(truth.length, count); at += size) {
    const end = Math.min(at + size, truth.length, count);
    const values = Float32Array.from(pixels.subarray(at * 784, end * 784), (p) => p / 255);
    made.push({ feeds: { image: Tensor.from("float32", [end - at, 1, 28, 28], values) }, labels: truth.subarray(at, end) });
  }
  return made;
}

/** The file of an IDX set, gzipped or not. */
const found = (stem: string): string => (existsSync(`${stem}.gz`) ? `${stem}.gz` : stem);
const full = process.env["LATHE_FASHION"];
const test = full
  ? await batches(found(join(full, "t10k-images-idx3-ubyte")), found(join(full, "t10k-labels-idx1-ubyte")), BATCH)
  : await batches(fixture("data/fashion-test-2000-images-idx3-ubyte.gz"), fixture("data/fashion-test-2000-labels-idx1-ubyte.gz"), BATCH);
const calibration = (await batches(fixture("data/fashion-train-512-images-idx3-ubyte.gz"), fixture("data/fashion-train-512-labels-idx1-ubyte.gz"), 32, 256)).map((b) => b.feeds);

async function accuracy(model: Model | Uint8Array): Promise<number> {
  const session = await runtime.load(model);
  let right = 0;
  let total = 0;
  for (const { feeds, labels } of test) {
    const logits = (await session.run(feeds)).logits!.toFloat32();
    for (const [i, label] of labels.entries()) {
      const row = logits.subarray(i * 10, i * 10 + 10);
      if (row.indexOf(Math.max(...row)) === label) right++;
    }
    total += labels.length;
  }
  await session.dispose();
  return right / total;
}

const settings: Readonly<Record<string, StaticOptionsInput>> = {
  "minmax, per channel (default)": {},
  "target x64-vnni": { target: "x64-vnni" },
  "percentile 99.999": { method: "percentile" },
  entropy: { method: "entropy" },
  mse: { method: "mse" },
  "per tensor": { perChannel: false },
  "per tensor, equalised": { perChannel: false, equalize: true },
  "int8 activations": { activationType: "int8" },
  "7-bit weights everywhere": { reduceRange: true },
  "saturation-safe": { saturationSafe: true },
  "uint16 activations": { activationType: "uint16" },
  "int4 weights": { weightType: "int4" },
  "int4 weights, bias corrected": { weightType: "int4", correctBias: true },
  "int4 weights, AdaRound": { weightType: "int4", rounding: "adaround" },
  "int4 weights, AdaRound, bias corrected": { weightType: "int4", rounding: "adaround", correctBias: true },
  "int4 weights per tensor": { weightType: "int4", perChannel: false },
  "int4 weights per tensor, AdaRound": { weightType: "int4", perChannel: false, rounding: "adaround" },
  "int8 weights per tensor, AdaRound": { perChannel: false, rounding: "adaround" },
};
const searches: readonly { setting: string; options: StaticOptionsInput; maxDrop: number }[] = [
  { setting: "search", options: {}, maxDrop: 0.005 },
  { setting: "search, int4 weights", options: { weightType: "int4" }, maxDrop: 0.01 },
];
const peers = ["static s8s8 (default)", "static u8s8 per channel", "dynamic s8"] as const;

const rows: Record<string, unknown>[] = [];
for (const name of ["fashion-mobilenet", "fashion-vit"]) {
  const float = decodeModel(readFileSync(fixture(`models/${name}.onnx`)));
  const base = await accuracy(float);
  const add = async (tool: string, setting: string, model: Model | Uint8Array, extra: object = {}): Promise<void> => {
    const score = await accuracy(model);
    rows.push({ model: name, tool, setting, "accuracy %": Number((100 * score).toFixed(2)), "points lost": Number((100 * (base - score)).toFixed(2)), ...extra });
  };
  await add("", "float32", float);
  for (const [setting, options] of Object.entries(settings)) await add("lathe", setting, (await quantizeStatic(float, options, { runtime, data: calibration })).model);
  await add("lathe", "dynamic", quantizeDynamic(float).model);
  for (const { setting, options, maxDrop } of searches) {
    const result = await searchQuantize(float, options, { maxDrop }, { runtime, data: calibration, evaluate: accuracy });
    await add("lathe", `${setting}, at most ${100 * maxDrop} points`, result.model, { method: result.best.method, "float nodes": result.excluded.length });
  }
  await addPeers(float, add);
}
rmSync(folder, { recursive: true });
console.table(rows);
mkdirSync(fileURLToPath(new URL("results", import.meta.url)), { recursive: true });
writeFileSync(fileURLToPath(new URL("results/quantize-accuracy.json", import.meta.url)), `${JSON.stringify({ images: test.reduce((n, b) => n + b.labels.length, 0), calibration: 256, rows }, null, 1)}\n`);

async function addPeers(float: Model, add: (tool: string, setting: string, model: Uint8Array) => Promise<void>): Promise<void> {
  const [source, out, npz] = ["float.onnx", "out.onnx", "samples.npz"].map((file) => join(folder, file)) as [string, string, string];
  writeFileSync(source, encodeModel(float));
  await writeSamples(npz, calibration);
  for (const setting of peers) {
    const made = runPeer(source, out, setting, npz);
    if ("error" in made) console.error(`${setting}: ${made.error}`);
    else await add("onnxruntime (Python)", setting, readFileSync(out));
  }
}

