/**
 * How good the planner's choices are: for each model and each target that can be run here (this processor, and WebAssembly in headless
 * Chromium) autoQuantize times its schemes and chooses; then all of them are timed again, and `regret %` is by how much the chosen one is
 * slower than the fastest in this second measurement, which the choice has not seen. `recipe` is the target's static recipe, which measures nothing.
 *
 *   npx tsx --conditions=@lathe/source bench/quantize-planner.ts [--only=x64-vnni|wasm] [model ...]
 *
 * Prints tables and writes bench/results/quantize-planner.json.
 */
import { cpus, loadavg } from "node:os";
import type { Feeds, Model } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { chooseScheme, type Target } from "@lathe/quantize";
import { cpuTimes } from "./lib/cpu-time.ts";
import { quantizeCases, type QuantizeCase } from "./lib/quantize-models.ts";
import { saveRows } from "./lib/save-rows.ts";
import { openWasmPage } from "./lib/wasm-page.ts";

type Candidates = Readonly<Record<string, Model>>;
type Time = (candidates: Candidates, feeds: Feeds) => Promise<Map<string, number>>;

const only = process.argv.find((arg) => arg.startsWith("--only="))?.slice(7);
const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const page = only === "x64-vnni" ? undefined : await openWasmPage();
const timers: Readonly<Partial<Record<Target, Time>>> = {
  ...(only === "wasm" ? {} : { "x64-vnni": (candidates, feeds) => cpuTimes(candidates, feeds, 15) }),
  ...(page ? { wasm: (candidates, feeds) => page.time(candidates, feeds, 9) } : {}),
};
const round = (x: number, digits = 3): number => Number(x.toFixed(digits));

async function measure({ name, model, feeds }: QuantizeCase, target: Target, time: Time): Promise<Record<string, unknown>> {
  let candidates: Candidates = {};
  const samples = feeds(4);
  // Random inputs say nothing of accuracy: no scheme is refused for its noise.
  const { chosen } = await chooseScheme(model(), { target, minSqnr: -1000 }, {
    runtime: ortRuntime(), data: samples,
    time: (made, one) => time((candidates = made), one),
  });
  const again = await time(candidates, samples[0]!);
  const [fastest, least] = [...again].reduce((best, entry) => (entry[1] < best[1] ? entry : best));
  const regret = (scheme: string): number => round((again.get(scheme)! / least - 1) * 100, 1);
  return {
    model: name, target, chosen: chosen.name, fastest, "ms float": round(again.get("float")!), "ms chosen": round(again.get(chosen.name)!), speedup: round(again.get("float")! / again.get(chosen.name)!, 2),
    "regret %": regret(chosen.name), "recipe regret %": regret("static"), all: Object.fromEntries([...again].map(([scheme, ms]) => [scheme, round(again.get("float")! / ms)])),
  };
}

const rows: Record<string, unknown>[] = [];
for (const each of quantizeCases()) {
  if (wanted.length > 0 && !wanted.includes(each.name)) continue;
  for (const [target, time] of Object.entries(timers)) {
    rows.push(await measure(each, target as Target, time));
    console.error(rows.at(-1));
  }
}
await page?.close();
console.table(rows, ["model", "target", "chosen", "fastest", "ms float", "ms chosen", "speedup", "regret %", "recipe regret %"]);
const machine = { node: process.version, browser: page?.browser, cpu: cpus()[0]?.model, cores: cpus().length, threads: 1, load: loadavg()[0]!.toFixed(1) };
saveRows("quantize-planner", machine, rows, (row) => `${row["model"]} ${row["target"]}`);
