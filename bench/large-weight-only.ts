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
import { loadModel, saveModel } from "@lathe/core/node";
import { quantizeWeightsOf } from "@lathe/quantize";
import { largeTransformer } from "./lib/large-transformer.ts";
import { peakMb } from "./lib/peak-memory.mjs";

const GB = 1e9;

async function convert(folder: string): Promise<void> {
  const begin = performance.now();
  const { model, report } = await quantizeWeightsOf(await loadModel(join(folder, "float16.onnx")), { headBits: 8, embeddingBits: 4, target: "x64-vnni" });
  const planned = performance.now();
  await saveModel(model, join(folder, "q4.onnx"), { externalData: true });
  const { userCPUTime } = process.resourceUsage();
  console.log(JSON.stringify({
    planSeconds: (planned - begin) / 1000, seconds: (performance.now() - begin) / 1000, cpuSeconds: userCPUTime / 1e6, peakMB: Math.round(peakMb()),
    products: report.products, bytesBefore: report.bytesBefore, bytesAfter: report.bytesAfter,
  }));
}

if (process.argv[2] === "convert") await convert(process.argv[3]!);
else {
  const folder = mkdtempSync(join(process.env["LATHE_BENCH_DIR"] ?? tmpdir(), "lathe-large-"));
  try {
    await saveModel(largeTransformer(Number(process.env["LATHE_BENCH_GB"] ?? 8) * GB, "float16"), join(folder, "float16.onnx"), { externalData: true });
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
