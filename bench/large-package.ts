/**
 * A float32 transformer over 2 GiB, in external data, through the transformers.js packager: time, peak memory and files of each dtype.
 *
 *   npx tsx --conditions=@lathe/source bench/large-package.ts
 *
 * The model's weights are one block again and again, which costs nothing to make (LATHE_BENCH_GB gigabytes, default 2.2). Models and
 * packages lie below LATHE_BENCH_DIR (default: the system's temporary folder), about three times the model, and are removed. Each dtype is
 * made by a process of its own, so that its peak is its own, and then again by one for each engine, which runs it in onnxruntime-node or in
 * onnxruntime-web (WebAssembly) beside the float32 model (`sqnr`, dB, whose size says little here: weights that repeat cancel out). Writes bench/results/large-package.json. Several minutes.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { saveModel } from "@lathe/core/node";
import { packageForTransformersJs, type PackageDtype } from "@lathe/quantize/node";
import { largeTransformer } from "./lib/large-transformer.ts";
import { peakMb } from "./lib/peak-memory.mjs";

const GB = 1e9;
const DTYPES: readonly PackageDtype[] = ["fp16", "q8", "q4", "q4f16", "bnb4"];

/** Makes a package, or makes it and runs it in an engine. */
const roles = ["make", "node", "web"] as const;
type Role = (typeof roles)[number];

/** What a process tells of the package that it made. */
interface Made {
  readonly peakMB: number;
  readonly sqnr: Readonly<Record<string, number>>;
}

async function make(folder: string, dtype: PackageDtype, role: Role): Promise<void> {
  const begin = performance.now();
  const { files } = await packageForTransformersJs(join(folder, "float32.onnx"), join(folder, dtype), { dtypes: [dtype], verify: role === "make" ? [] : [role] });
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  console.log(JSON.stringify({ dtype, seconds: (performance.now() - begin) / 1000, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMB: Math.round(peakMb()), ...files[0] }));
}

const [role, where, which] = process.argv.slice(2);
const known = roles.find((r) => r === role);
if (known) await make(where!, which as PackageDtype, known);
else {
  const folder = mkdtempSync(join(process.env["LATHE_BENCH_DIR"] ?? tmpdir(), "lathe-package-"));
  try {
    await saveModel(largeTransformer(Number(process.env["LATHE_BENCH_GB"] ?? 2.2) * GB, "float32"), join(folder, "float32.onnx"), { externalData: true });
    const modelBytes = statSync(join(folder, "float32.onnx.data")).size;
    console.log(`float32 model: ${(modelBytes / GB).toFixed(2)} GB`);
    const rows: unknown[] = [];
    for (const dtype of DTYPES) {
      const run = (task: Role): Made => {
        const said = execFileSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), task, folder, dtype], { encoding: "utf8", env: process.env });
        rmSync(join(folder, dtype), { recursive: true });
        return JSON.parse(said) as Made;
      };
      const [made, node, web] = [run("make"), run("node"), run("web")];
      rows.push({ ...made, sqnr: { ...node.sqnr, ...web.sqnr }, nodePeakMB: node.peakMB, webPeakMB: web.peakMB });
      console.log(JSON.stringify(rows.at(-1)));
    }
    const machine = { cpu: cpus()[0]?.model, memoryGB: Math.round(totalmem() / GB), node: process.version };
    writeFileSync(new URL("results/large-package.json", import.meta.url), `${JSON.stringify({ ...machine, modelBytes, rows }, null, 1)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
