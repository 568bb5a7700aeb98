/**
 * Time and memory of the tools themselves, whole process from start to written file: ours (bundled, as a program would ship it) and ONNX
 * Runtime's Python tool on the same models and samples, taking turns.
 *
 *   LATHE_PEER_PYTHON=... npx tsx --conditions=@lathe/source bench/quantize-tool.ts [model ...]
 *
 * Prints a table and writes bench/results/quantize-tool.json. `memory/model` is our peak resident memory / the float file.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { encodeModel } from "@lathe/core";
import { quantizeCases } from "./lib/quantize-models.ts";
import { runPeer, writeSamples, type ProcessFigures } from "./lib/quantize-peer.ts";

const SETTINGS = ["dynamic s8", "static u8s8 per channel", "static entropy"] as const;
const SAMPLES = 8;
const TURNS = 2;
/** Models of each kind; the others say the same. */
const MODELS = ["fashion-mobilenet", "fashion-vit", "ch_PP-OCRv4_rec_infer", "ch_PP-OCRv4_det_infer", "mlsd_320x320_tiny", "resnet50-shaped", "transformer-12x384"];
// Inside the repository, so that the bundle finds onnxruntime-node.
const folder = mkdtempSync(fileURLToPath(new URL("../node_modules/.cache-quantize-tool-", import.meta.url)));
const program = join(folder, "quantize.mjs");
await build({
  entryPoints: [fileURLToPath(new URL("lib/quantize-once.ts", import.meta.url))], outfile: program, bundle: true, platform: "node", format: "esm",
  conditions: ["@lathe/source"], external: ["onnxruntime-node", "onnxruntime-web"], logLevel: "error",
});

const wanted = process.argv.slice(2);
const rows: Record<string, unknown>[] = [];
for (const { name, model, feeds } of quantizeCases()) {
  if (!(wanted.length > 0 ? wanted : MODELS).includes(name)) continue;
  const source = join(folder, "float.onnx");
  const npz = join(folder, "samples.npz");
  writeFileSync(source, encodeModel(model()));
  await writeSamples(npz, feeds(SAMPLES));
  for (const setting of SETTINGS) rows.push(compare(name, source, setting, npz));
}
rmSync(folder, { recursive: true });
console.table(rows);
const results = fileURLToPath(new URL("results/quantize-tool.json", import.meta.url));
mkdirSync(fileURLToPath(new URL("results", import.meta.url)), { recursive: true });
const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg()[0]!.toFixed(1), samples: SAMPLES };
// Models that were not measured this time keep their rows.
const before = existsSync(results) ? (JSON.parse(readFileSync(results, "utf8")) as { rows: Record<string, unknown>[] }).rows : [];
const kept = before.map((row) => rows.find((r) => r["model"] === row["model"] && r["setting"] === row["setting"]) ?? row);
const added = rows.filter((row) => !kept.includes(row));
writeFileSync(results, `${JSON.stringify({ ...machine, rows: [...kept, ...added] }, null, 1)}\n`);

function compare(model: string, source: string, setting: string, npz: string): Record<string, unknown> {
  const ours: ProcessFigures[] = [];
  const theirs: ProcessFigures[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    ours.push(runOurs(source, join(folder, "ours.onnx"), setting, npz));
    const made = runPeer(source, join(folder, "theirs.onnx"), setting, npz);
    if ("error" in made) console.error(`${model}, ${setting}: ${made.error}`);
    else theirs.push(made);
  }
  const [a, b] = [best(ours)!, best(theirs)];
  const modelMb = statSync(source).size / 2 ** 20;
  const round = (x: number): number => Number(x.toFixed(2));
  return {
    model, setting, "ours s": round(a.wallMs / 1000), "peer s": b && round(b.wallMs / 1000), ratio: b && round(b.wallMs / a.wallMs),
    "ours cpu s": round(a.cpuMs / 1000), "peer cpu s": b && round(b.cpuMs / 1000), "cpu ratio": b && round(b.cpuMs / a.cpuMs),
    "ours MB": Math.round(a.peakMb), "peer MB": b && Math.round(b.peakMb), "memory/model": round(a.peakMb / modelMb),
  };
}

function runOurs(source: string, out: string, setting: string, npz: string): ProcessFigures {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, source, out, setting, npz], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return { wallMs: performance.now() - start, ...(JSON.parse(stdout) as Omit<ProcessFigures, "wallMs">) };
}

/** Least of the turns: the machine's other work only adds. */
function best(all: readonly ProcessFigures[]): ProcessFigures | undefined {
  const least = (of: (f: ProcessFigures) => number): number => Math.min(...all.map(of));
  return all.length === 0 ? undefined : { wallMs: least((f) => f.wallMs), cpuMs: least((f) => f.cpuMs), peakMb: least((f) => f.peakMb) };
}
