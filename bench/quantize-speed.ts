/**
 * Speed of quantized models: float, ours (the measured planner's choice, and the target's plain static recipe) and every setting of
 * ONNX Runtime's Python tool, on one thread, models taking turns. Times are processor time
 * (median), which other work on the machine disturbs least. `vs peer` is the time of the tool's best setting / ours.
 *
 *   LATHE_PEER_PYTHON=... npx tsx --conditions=@lathe/source bench/quantize-speed.ts [model ...]
 *
 * Prints a table and writes bench/results/quantize-speed.json.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Tensor, encodeModel, type Feeds, type Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { chooseScheme, quantizeStatic } from "@lathe/quantize";
import { cpuTimes } from "./lib/cpu-time.ts";
import { quantizeCases } from "./lib/quantize-models.ts";
import { peerSettings, runPeer, writeSamples } from "./lib/quantize-peer.ts";
import { saveRows } from "./lib/save-rows.ts";

/** Timed rounds: the times of small models spread more, and cost less. */
const roundsFor = (ms: number): number => (ms < 2 ? 31 : 9);
const runtime = ortRuntime();
const folder = mkdtempSync(join(tmpdir(), "quantize-speed-"));
const wanted = process.argv.slice(2);
const rows: Record<string, unknown>[] = [];

/** One sample of `count` images, all the same. */
function batchOf(feeds: Feeds, count: number): Feeds {
  const repeat = (t: Tensor): Tensor => {
    const values = t.toFloat32();
    return Tensor.from("float32", [count, ...t.dims.slice(1)], Float32Array.from({ length: values.length * count }, (_, i) => values[i % values.length]!));
  };
  return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, repeat(tensor)]));
}

/** Also eight images at once, where weights are read once for all: with one, reading them takes a tenth of the time of the integer model. */
const cases = quantizeCases().flatMap((each) => {
  const alone = { ...each, images: 1 };
  return each.name === "resnet50-shaped" ? [alone, { ...each, name: `${each.name}, 8 images`, images: 8 }] : [alone];
});

for (const { name, model, feeds, images } of cases) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  rows.push(await measure(name, model(), feeds(4), images));
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, threads: 1, load: loadavg()[0]!.toFixed(1) };
  saveRows("quantize-speed", machine, rows, (row) => String(row["model"]));
}
rmSync(folder, { recursive: true });
console.table(rows, ["model", "float ms", "ours ms", "ours", "speedup", "static recipe", "best peer ms", "best peer", "peer speedup", "vs peer"]);

/** Why ONNX Runtime does not load what the tool wrote (per-channel Q/DQ in an old opset, say); undefined when it does. */
async function refusal(path: string): Promise<string | undefined> {
  try {
    await (await runtime.load(path)).dispose();
    return undefined;
  } catch (error) {
    return `its model does not load: ${String(error).slice(0, 200)}`;
  }
}

async function measure(name: string, float: Model, samples: readonly Feeds[], images: number): Promise<Record<string, unknown>> {
  const source = join(folder, "float.onnx");
  const npz = join(folder, "samples.npz");
  writeFileSync(source, encodeModel(float));
  await writeSamples(npz, samples);
  const timed = images === 1 ? samples[0]! : batchOf(samples[0]!, images);
  const rounds = roundsFor((await cpuTimes({ float }, timed, 3)).get("float")!);
  const time = (candidates: Readonly<Record<string, Model>>): Promise<Map<string, number>> => cpuTimes(candidates, timed, rounds);
  // Random inputs say nothing of accuracy (that is bench/quantize-accuracy.ts): no scheme is refused for its noise.
  const choice = await chooseScheme(float, { target: "x64-vnni", minSqnr: -1000 }, { runtime, data: samples, time });
  const recipe = await quantizeStatic(float, { target: "x64-vnni" }, { runtime, data: samples });
  const models: Record<string, Model | Uint8Array> = { float, ours: choice.model, "static recipe": recipe.model };
  for (const setting of peerSettings) {
    const path = join(folder, "peer.onnx");
    const made = runPeer(source, path, setting, npz);
    const reason = "error" in made ? made.error : await refusal(path);
    if (reason) console.error(`${name}, ${setting}: ${reason}`);
    else models[setting] = readFileSync(path);
  }
  const ms = await cpuTimes(models, timed, rounds);
  const [base, ours] = [ms.get("float")!, ms.get("ours")!];
  const [best] = [...ms].filter(([setting]) => peerSettings.includes(setting)).sort((a, b) => a[1] - b[1]);
  const round = (x: number | undefined): number | undefined => x && Number(x.toFixed(3));
  return {
    model: name, "float ms": round(base), "ours ms": round(ours), ours: choice.chosen.name, speedup: round(base / ours),
    "static recipe": round(base / ms.get("static recipe")!), "best peer ms": round(best?.[1]), "best peer": best?.[0], "peer speedup": best && round(base / best[1]),
    "vs peer": best && round(best[1] / ours), all: Object.fromEntries([...ms].map(([key, t]) => [key, round(base / t)])),
  };
}
