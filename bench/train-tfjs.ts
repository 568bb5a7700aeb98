/**
 * Time of a training step beside TensorFlow.js: plain JavaScript (cpu), WebAssembly (wasm) and native (tfjs-node, where it can be installed).
 * The packages are no dependency of this repository: they are installed into bench/out/tfjs on first use. Losses of the first steps are
 * compared, so that both do the same work. Takes about 4 minutes.
 *   npx tsx --conditions=@lathe/source bench/train-tfjs.ts [model ...]
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Feeds, Tensor } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { Trainer, crossEntropy, encodeTensors, rows, sgd, trainingStep } from "@lathe/train";
import { speedCases, type SpeedCase } from "./lib/train-models.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const wanted = process.argv.slice(2);

/** Steps that are affordable, and the batch that is (plain JavaScript needs minutes for whole batches of images). */
interface Plan {
  readonly backend: "cpu" | "wasm" | "node";
  readonly steps: number;
  readonly batch?: number;
}

const plans: Readonly<Record<string, readonly Plan[]>> = {
  mlp: [{ backend: "cpu", steps: 6 }, { backend: "wasm", steps: 12 }, { backend: "node", steps: 24 }],
  cnn: [{ backend: "cpu", steps: 3, batch: 4 }, { backend: "wasm", steps: 3 }, { backend: "node", steps: 12 }],
  resnet20: [{ backend: "cpu", steps: 2, batch: 2 }, { backend: "wasm", steps: 3 }, { backend: "node", steps: 12 }],
  bert: [{ backend: "cpu", steps: 2 }, { backend: "wasm", steps: 4 }, { backend: "node", steps: 12 }],
};

/** Installs a folder of packages once; the reason when that fails. */
function installed(name: string, manifest: object | undefined): { folder: string; error?: string } {
  const folder = here(`out/${name}/`);
  mkdirSync(folder, { recursive: true });
  if (manifest) writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  else copyFileSync(here("peers/tfjs/package.json"), join(folder, "package.json"));
  copyFileSync(here("peers/tfjs/train.mjs"), join(folder, "train.mjs"));
  if (existsSync(join(folder, "node_modules/.package-lock.json"))) return { folder };
  try {
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder, stdio: "pipe", timeout: 300_000 });
    return { folder };
  } catch (error) {
    rmSync(join(folder, "node_modules"), { recursive: true, force: true });
    const text = String((error as { stderr?: Buffer }).stderr ?? error);
    const reason = /getaddrinfo|ENOTFOUND|ECONNREFUSED|ETIMEDOUT/.test(text) ? "its installer could not reach the download of the native TensorFlow library" : "its native part could not be built";
    return { folder, error: `does not install (Node ${process.versions.node}): ${reason}` };
  }
}

const first = (batch: Feeds, n: number): Feeds => Object.fromEntries(Object.entries(batch).map(([name, t]) => [name, rows(t, Array.from({ length: n }, (_, i) => i))]));
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const round = (x: number): number => Number(x.toPrecision(3));

/** Ours on one thread, as TensorFlow.js has it in Node. */
async function lathe(c: SpeedCase, batch: Feeds, steps: number): Promise<{ ms: number; losses: number[] }> {
  const optimizer = sgd({ momentum: 0.9 });
  const trainer = await Trainer.create(trainingStep(c.model, { loss: crossEntropy(), optimizer }), optimizer, ortRuntime({ load: { threads: 1 } }));
  const [times, losses]: [number[], number[]] = [[], []];
  for (let i = 0; i < steps; i++) {
    const at = performance.now();
    losses.push((await trainer.step(batch, 0.01)).loss);
    if (i > 0) times.push(performance.now() - at);
  }
  await trainer.dispose();
  return { ms: median(times), losses };
}

interface Answer {
  readonly error?: string;
  readonly version?: string;
  readonly losses: readonly number[];
  readonly ms: readonly number[];
}

function tfjs(folder: string, plan: Plan, c: SpeedCase, batch: Feeds): Answer {
  const tensors = new Map<string, Tensor>([...c.model.graph.initializers].map((v) => [v.name, v.tensor!]));
  for (const [name, tensor] of Object.entries(batch)) tensors.set(`batch/${name}`, tensor);
  const file = join(folder, "model.safetensors");
  writeFileSync(file, encodeTensors({ tensors, metadata: {} }));
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, "train.mjs"), plan.backend, c.name, file, String(plan.steps)], { encoding: "utf8", timeout: 300_000 });
  const line = stdout.trim().split("\n").at(-1) ?? "";
  return line.startsWith("{") ? (JSON.parse(line) as Answer) : { error: stderr.trim().split("\n").at(-1) || "no answer within 5 minutes", losses: [], ms: [] };
}

const light = installed("tfjs", undefined);
const native = installed("tfjs-node", { private: true, type: "module", dependencies: { "@tensorflow/tfjs-node": "4.22.0" } });
const results = [];
for (const c of speedCases()) {
  if (wanted.length > 0 && !wanted.includes(c.name)) continue;
  for (const plan of plans[c.name] ?? []) {
    const batch = plan.batch ? first(c.batch, plan.batch) : c.batch;
    const { folder, error } = plan.backend === "node" ? native : light;
    const size = Object.values(batch)[0]!.dims[0]!;
    const theirs = error ? { error, losses: [], ms: [] } : tfjs(folder, plan, c, batch);
    const row = { model: c.title.replace(/, batch \d+/, ""), batch: size, backend: plan.backend };
    if (theirs.error) results.push({ ...row, error: theirs.error });
    else {
      const ours = await lathe(c, batch, Math.max(6, plan.steps));
      const apart = Math.max(...theirs.losses.slice(0, 2).map((l, i) => Math.abs(l - ours.losses[i]!)));
      const ms = theirs.ms.length > 1 ? median(theirs.ms.slice(1)) : theirs.ms[0]!;
      results.push({ ...row, version: theirs.version, tfjsMs: round(ms), latheMs: round(ours.ms), timesAsFast: round(ms / ours.ms), lossDifference: round(apart), load: round(loadavg()[0]!) });
    }
    console.log(JSON.stringify(results.at(-1)));
  }
}
if (wanted.length === 0) writeFileSync(here("results/train-tfjs.json"), `${JSON.stringify(results, null, 2)}\n`);
