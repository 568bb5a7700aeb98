/**
 * Speed of quantized models: float, ours (the measured planner's choice, and the target's plain static recipe) and every setting of
 * ONNX Runtime's Python tool, on one thread, models taking turns. `vs peer` is the time of the tool's best setting / ours.
 *
 *   LATHE_PEER_PYTHON=... npx tsx --conditions=@lathe/source bench/quantize-speed.ts [model ...]
 *
 * LATHE_BENCH_MODELS may name a folder with fashion-vit.onnx. Prints a table and writes bench/results/quantize-speed.json.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeModel, type Feeds, type Model } from "@lathe/core";
import { benchmark, ortRuntime } from "@lathe/ort";
import { chooseScheme, quantizeStatic } from "@lathe/quantize";
import { quantizeCases } from "./lib/quantize-models.ts";
import { peerSettings, runPeer, writeSamples } from "./lib/quantize-peer.ts";

const ROUNDS = 21;
const runtime = ortRuntime();
const folder = mkdtempSync(join(tmpdir(), "quantize-speed-"));
const wanted = process.argv.slice(2);
const rows: Record<string, unknown>[] = [];

for (const { name, model, feeds } of quantizeCases()) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  rows.push(await measure(name, model(), feeds(4)));
}
rmSync(folder, { recursive: true });
console.table(rows, ["model", "float ms", "ours ms", "ours", "speedup", "static recipe", "best peer ms", "best peer", "peer speedup", "vs peer"]);
const load = loadavg()[0]!.toFixed(1);
const out = fileURLToPath(new URL("results/quantize-speed.json", import.meta.url));
mkdirSync(fileURLToPath(new URL("results", import.meta.url)), { recursive: true });
if (wanted.length === 0) writeFileSync(out, `${JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, threads: 1, load, rows }, null, 1)}\n`);

async function measure(name: string, float: Model, samples: readonly Feeds[]): Promise<Record<string, unknown>> {
  const source = join(folder, "float.onnx");
  const npz = join(folder, "samples.npz");
  writeFileSync(source, encodeModel(float));
  await writeSamples(npz, samples);
  const choice = await chooseScheme(float, { target: "x64-vnni", rounds: 9 }, { runtime, data: samples });
  const recipe = await quantizeStatic(float, { target: "x64-vnni" }, { runtime, data: samples });
  const models: Record<string, Model | Uint8Array> = { float, ours: choice.model, "static recipe": recipe.model };
  for (const setting of peerSettings) {
    const path = join(folder, "peer.onnx");
    const made = runPeer(source, path, setting, npz);
    if ("error" in made) console.error(`${name}, ${setting}: ${made.error}`);
    else models[setting] = readFileSync(path);
  }
  const { timings } = await benchmark(models, samples[0]!, { threads: 1, rounds: ROUNDS, runtime });
  const by = new Map(timings.map((t) => [t.name, t]));
  const peers = timings.filter((t) => peerSettings.includes(t.name)).sort((a, b) => b.speedup - a.speedup);
  const ours = by.get("ours")!;
  const best = peers[0];
  const round = (x: number | undefined): number | undefined => x && Number(x.toFixed(3));
  return {
    model: name, "float ms": round(by.get("float")!.median), "ours ms": round(ours.median), ours: choice.chosen.name, speedup: round(ours.speedup),
    "static recipe": round(by.get("static recipe")!.speedup), "best peer ms": round(best?.median), "best peer": best?.name, "peer speedup": round(best?.speedup),
    "vs peer": best && round(ours.speedup / best.speedup), all: Object.fromEntries(timings.map((t) => [t.name, round(t.speedup)])),
  };
}
