/**
 * Simplifiers side by side on real models: nodes, bytes, time to simplify, error against the original, time to run.
 *
 *   npx tsx --conditions=@lathe/source bench/simplify.ts
 *
 * Peers, each used when it can be found:
 * - ONNX Runtime's own optimizer, level "basic", saved to a file;
 * - onnxsim, the WebAssembly build of npm (install it in a folder of its own and name the folder in LATHE_PEERS_NPM);
 * - onnxscript's optimizer (bench/peers/simplify.py; name the python in LATHE_PEERS_PYTHON).
 * LATHE_BENCH_MODELS may name a folder with further .onnx files. Errors are the largest difference of any output relative to the
 * largest magnitude of that output, both run with optimisation off. Run times are medians with optimisation "all" on one thread,
 * models taking turns; "vs" is how many times faster than the original. Times mean little on a busy machine: its load is recorded. Prints a table and writes bench/results/simplify.json.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, homedir, loadavg, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { decodeModel, encodeModel, evaluateWith, simplifyModel, type Feeds, type Tensor } from "@lathe/core";
import { benchmark, ortRuntime } from "@lathe/ort";
import { modelFiles } from "../packages/core/test/onnx/model-files.ts";
import { realFeeds } from "../packages/core/test/passes/real-feeds.ts";

const repo = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const runtime = ortRuntime({ placement: "inline" });
const folder = mkdtempSync(join(tmpdir(), "simplify-"));

type Simplify = (bytes: Uint8Array) => Promise<Uint8Array>;

const ours = (opset?: number): Simplify => async (bytes) => {
  const model = decodeModel(bytes);
  const evaluate = evaluateWith(runtime);
  await simplifyModel(model, opset === undefined ? {} : { opset }, { evaluate });
  await evaluate.dispose();
  return encodeModel(model);
};

/** ONNX Runtime writes the model as it would run it. */
async function ortBasic(bytes: Uint8Array): Promise<Uint8Array> {
  const { InferenceSession } = await import("onnxruntime-node");
  const path = join(folder, "basic.onnx");
  const session = await InferenceSession.create(bytes, { graphOptimizationLevel: "basic", optimizedModelFilePath: path, logSeverityLevel: 3 });
  await session.release();
  return readFileSync(path);
}

async function onnxsim(): Promise<Simplify | undefined> {
  const file = join(process.env["LATHE_PEERS_NPM"] ?? join(homedir(), ".cache/lathe-peers/npm"), "node_modules/onnxsim/index.mjs");
  if (!existsSync(file)) return undefined;
  const { simplify } = (await import(pathToFileURL(file).href)) as { simplify: (model: Uint8Array) => Promise<{ model: Uint8Array }> };
  return async (bytes) => quietly(async () => (await simplify(bytes)).model);
}

/** Runs with standard output thrown away: the peer prints a table of its own. */
async function quietly<T>(run: () => Promise<T>): Promise<T> {
  const { write } = process.stdout;
  const { log } = console;
  process.stdout.write = () => true;
  console.log = () => {};
  try {
    return await run();
  } finally {
    process.stdout.write = write;
    console.log = log;
  }
}

/** The milliseconds come from inside the script: starting Python does not count. */
function onnxscript(): ((bytes: Uint8Array) => { bytes: Uint8Array; ms: number }) | undefined {
  const python = process.env["LATHE_PEERS_PYTHON"] ?? join(homedir(), ".cache/lathe-peers/bin/python");
  if (!existsSync(python)) return undefined;
  return (bytes) => {
    const [source, target] = [join(folder, "in.onnx"), join(folder, "out.onnx")];
    writeFileSync(source, bytes);
    const printed = execFileSync(python, ["-W", "ignore", repo("bench/peers/simplify.py"), source, target], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return { bytes: readFileSync(target), ms: (JSON.parse(printed.trim().split("\n").at(-1)!) as { ms: number }).ms };
  };
}

const nodesIn = (bytes: Uint8Array): number => [...decodeModel(bytes).graph.allNodes()].length;
const round = (x: number, digits: number): number => Number(x.toPrecision(digits));

interface Made {
  readonly bytes: Uint8Array;
  readonly ms: number;
}

async function timed(simplify: Simplify, bytes: Uint8Array): Promise<Made> {
  const start = performance.now();
  const made = await simplify(bytes);
  return { bytes: made, ms: performance.now() - start };
}

/** What each tool makes of a model; a tool that fails says why instead. */
async function make(bytes: Uint8Array): Promise<Map<string, Made | string>> {
  const made = new Map<string, Made | string>([["original", { bytes, ms: 0 }]]);
  const wasm = await onnxsim();
  const python = onnxscript();
  const tools: [string, (() => Promise<Made>) | undefined][] = [
    ["lathe", () => timed(ours(), bytes)],
    ["lathe, opset 21", () => timed(ours(21), bytes)],
    ["onnxruntime basic", () => timed(ortBasic, bytes)],
    ["onnxsim 0.7.3 (npm)", wasm && (() => timed(wasm, bytes))],
    ["onnxscript 0.7.2", python && (async () => python(bytes))],
  ];
  for (const [name, tool] of tools) if (tool) made.set(name, await tool().catch((error: unknown) => String(error).split("\n")[0]!.slice(0, 120)));
  return made;
}

async function outputsOf(bytes: Uint8Array, feeds: Feeds): Promise<Record<string, Tensor>> {
  const session = await runtime.load(bytes, { optimization: "disabled", threads: 1 });
  const outputs = await session.run(feeds);
  await session.dispose();
  return outputs;
}

async function largestError(original: Uint8Array, changed: Uint8Array, feeds: Feeds): Promise<number> {
  const [expected, received] = [await outputsOf(original, feeds), await outputsOf(changed, feeds)];
  let worst = 0;
  for (const [name, tensor] of Object.entries(expected)) {
    const [a, b] = [tensor.toFloat64(), received[name]!.toFloat64()];
    const scale = a.reduce((top, x) => Math.max(top, Math.abs(x)), 0.01);
    worst = a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!) / scale), worst);
  }
  return worst;
}

const extra = process.env["LATHE_BENCH_MODELS"];
const files = [...modelFiles, ...(extra ? readdirSync(extra).filter((f) => f.endsWith(".onnx")).map((f) => [f, join(extra, f)] as const) : [])];
const rows: Record<string, unknown>[] = [];
for (const [name, path] of new Map(files)) {
  if (!existsSync(path)) continue;
  const bytes = readFileSync(path);
  const feeds = realFeeds(basename(path), decodeModel(bytes));
  const made = await make(bytes);
  const good = [...made].filter((entry): entry is [string, Made] => typeof entry[1] !== "string");
  const { timings } = await benchmark(Object.fromEntries(good.map(([tool, m]) => [tool, m.bytes])), feeds, { runtime, threads: 1, rounds: 15 });
  for (const [tool, result] of made) {
    if (typeof result === "string") {
      rows.push({ model: name, tool, failed: result });
      continue;
    }
    const timing = timings.find((t) => t.name === tool)!;
    rows.push({
      model: name, tool, nodes: nodesIn(result.bytes), kB: Math.round(result.bytes.length / 1024), "simplify ms": Math.round(result.ms),
      "relative error": round(await largestError(bytes, result.bytes, feeds), 2), "run ms": round(timing.median, 3), vs: round(timing.speedup, 3),
    });
  }
}
rmSync(folder, { recursive: true });
console.table(rows);
mkdirSync(repo("bench/results"), { recursive: true });
writeFileSync(repo("bench/results/simplify.json"), `${JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, loadAverage: loadavg()[0], rows }, null, 1)}\n`);
