/**
 * Large models through the codec, against plain reading and writing of the same bytes.
 *
 *   npx tsx --conditions=@lathe/source bench/codec.ts
 *
 * Writes about 8 GB below LATHE_BENCH_DIR (default: the system's temporary folder) and removes it. Each row runs in a process of
 * its own, so that its peak memory is its own. Sizes can be lowered with LATHE_BENCH_MB (default 1024; the external model is three
 * times that). Prints a table and writes bench/results/codec.json.
 */
import { execFileSync } from "node:child_process";
import { closeSync, fstatSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Graph, inferShapes, Model, Tensor, tensorType, type TensorStorage, type Value } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { peakMb } from "./lib/peak-memory.mjs";

const MB = 2 ** 20;
const CHUNK = 4 * MB;
const ROUNDS = 7;
const megabytes = Number(process.env["LATHE_BENCH_MB"] ?? 1024);

/** Repeats one block of noise: content that costs nothing to make and no memory to hold. */
function noise(byteLength: number): TensorStorage & { chunks(size: number): Iterable<Uint8Array> } {
  const block = Float32Array.from({ length: CHUNK / 4 }, (_, i) => Math.sin(i * 12.9898) * 0.05);
  const bytes = new Uint8Array(block.buffer);
  function* chunks(): Generator<Uint8Array> {
    for (let at = 0; at < byteLength; at += CHUNK) yield bytes.subarray(0, Math.min(CHUNK, byteLength - at));
  }
  return { kind: "lazy", byteLength, chunks, bytes: () => Buffer.concat([...chunks()]) };
}

/** A chain of MatMul and Relu with square weights of `width` floats a side. */
function chain(layers: number, width: number): Model {
  const graph = new Graph("chain");
  let value: Value = graph.addInput("x", tensorType("float32", ["N", width]));
  for (let i = 0; i < layers; i++) {
    const weight = graph.addInitializer(`w${i}`, new Tensor("float32", [width, width], noise(width * width * 4)));
    value = graph.add({ opType: "MatMul", name: `matmul${i}`, inputs: [value, weight] }).out;
    value = graph.add({ opType: "Relu", name: `relu${i}`, inputs: [value] }).out;
  }
  value.name = "y";
  graph.addOutput(value);
  return new Model({ graph });
}

/** Parameters, bytes and share of zeros: the last reads every weight. */
function weightStats(model: Model): { parameters: number; bytes: number; zeros: number } {
  let [parameters, bytes, zeros] = [0, 0, 0];
  for (const graph of model.graph.allGraphs()) {
    for (const { tensor } of graph.initializers) {
      parameters += tensor!.size;
      bytes += tensor!.byteLength;
      for (const word of tensor!.data() as Float32Array) if (word === 0) zeros++;
    }
  }
  return { parameters, bytes, zeros };
}

function readPlain(path: string): Uint8Array {
  const fd = openSync(path, "r");
  const out = new Uint8Array(fstatSync(fd).size);
  for (let at = 0; at < out.length; ) at += readSync(fd, out, at, Math.min(CHUNK, out.length - at), at);
  closeSync(fd);
  return out;
}

/** Like `saveModel`, off the main thread and in pieces of one MiB: on a busy machine the two ways are scheduled differently. */
async function writePlain(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, "w");
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at, Math.min(MB, bytes.length - at))).bytesWritten;
  await handle.sync();
  await handle.close();
}

const whole = { readWholeUpTo: Infinity };

/** What is timed. `prepare` is not. */
const tasks: Readonly<Record<string, (dir: string) => Promise<() => unknown>>> = {
  "make a model of one file": async (dir) => () => saveModel(chain(megabytes / 16, 2048), join(dir, "one.onnx"), { externalData: false }),
  "make a model with external data": async (dir) => () => saveModel(chain((3 * megabytes) / 256, 8192), join(dir, "three.onnx"), { externalData: true }),
  "make one file beyond 2 GB": async (dir) => () => saveModel(chain((3 * megabytes) / 256, 8192), join(dir, "large.onnx"), { externalData: false }),
  nothing: async () => () => undefined,
  "read the file": async (dir) => () => readPlain(join(dir, "one.onnx")),
  "load + infer": async (dir) => async () => inferShapes(await loadModel(join(dir, "one.onnx"))),
  "load whole + infer": async (dir) => async () => inferShapes(await loadModel(join(dir, "one.onnx"), whole)),
  "read the file + count zeros": async (dir) => () => {
    const bytes = readPlain(join(dir, "one.onnx"));
    let zeros = 0;
    for (const word of new Float32Array(bytes.buffer, 0, Math.floor(bytes.length / 4))) if (word === 0) zeros++;
    return zeros;
  },
  "load + infer + count zeros": async (dir) => async () => {
    const model = await loadModel(join(dir, "one.onnx"));
    inferShapes(model);
    return weightStats(model);
  },
  "write the file": async (dir) => {
    const bytes = readPlain(join(dir, "one.onnx"));
    return () => writePlain(join(dir, "plain.onnx"), bytes);
  },
  "save from memory": async (dir) => {
    const model = await loadModel(join(dir, "one.onnx"), whole);
    return () => saveModel(model, join(dir, "saved.onnx"), { externalData: false });
  },
  "save once more": async (dir) => async () => saveModel(await loadModel(join(dir, "one.onnx"), whole), join(dir, "copy.onnx"), { externalData: false }),
  "save from the file": async (dir) => {
    const model = await loadModel(join(dir, "one.onnx"));
    return () => saveModel(model, join(dir, "saved.onnx"), { externalData: false });
  },
  "one file beyond 2 GB: load, save again": async (dir) => async () => {
    await saveModel(await loadModel(join(dir, "large.onnx")), join(dir, "large-copy.onnx"), { externalData: false });
  },
  "external: load, save again": async (dir) => async () => {
    const model = await loadModel(join(dir, "three.onnx"));
    inferShapes(model);
    await saveModel(model, join(dir, "copy.onnx"), { externalData: true });
  },
};

/** What the timed writers leave behind. */
const outputs = ["plain.onnx", "saved.onnx"];

interface Row {
  readonly task: string;
  /** Fastest and median run. */
  readonly ms: number;
  readonly medianMs: number;
  readonly peakMB: number;
}

async function runTask(task: string, dir: string): Promise<Omit<Row, "task" | "medianMs">> {
  const action = await tasks[task]!(dir);
  const start = performance.now();
  await action();
  const ms = performance.now() - start;
  // Each writer starts without the file: replacing a large one costs time of its own.
  for (const name of outputs) rmSync(join(dir, name), { force: true });
  return { ms, peakMB: peakMb() };
}

function inChild(task: string, dir: string): Omit<Row, "medianMs"> {
  const output = execFileSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), task, dir], { encoding: "utf8" });
  return { task, ...(JSON.parse(output.trim().split("\n").at(-1)!) as { ms: number; peakMB: number }) };
}

/**
 * Rounds with the tasks in turn, each round beginning with another one: a task that runs first after a pause pays for fresh pages.
 * Ratios use the fastest run, because everything that disturbs a run on a shared machine makes it slower.
 */
function measure(names: readonly string[], dir: string, rounds: number): Row[] {
  const rows = Array.from({ length: rounds }, (_, r) => names.map((_name, i) => inChild(names[(i + r) % names.length]!, dir))).flat();
  return names.map((task) => {
    const own = rows.filter((row) => row.task === task);
    const times = own.map((row) => row.ms).toSorted((a, b) => a - b);
    return { task, ms: times[0]!, medianMs: times[Math.floor(times.length / 2)]!, peakMB: Math.max(...own.map((row) => row.peakMB)) };
  });
}

/** True when two files hold the same bytes. */
function sameFile(a: string, b: string): boolean {
  const [fa, fb] = [openSync(a, "r"), openSync(b, "r")];
  const [ba, bb] = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)];
  for (;;) {
    const [na, nb] = [readSync(fa, ba), readSync(fb, bb)];
    if (na !== nb || !ba.subarray(0, na).equals(bb.subarray(0, nb))) return false;
    if (na === 0) return true;
  }
}

function main(): void {
  const dir = mkdtempSync(join(process.env["LATHE_BENCH_DIR"] ?? tmpdir(), "lathe-codec-"));
  try {
    inChild("make a model of one file", dir);
    const base = measure(["nothing"], dir, 1);
    const reading = measure(["read the file", "load + infer", "load whole + infer", "read the file + count zeros", "load + infer + count zeros"], dir, ROUNDS);
    const writing = measure(["write the file", "save from memory", "save from the file"], dir, ROUNDS);
    inChild("save once more", dir);
    const stable = sameFile(join(dir, "one.onnx"), join(dir, "copy.onnx"));
    const fileMB = statSync(join(dir, "one.onnx")).size / MB;
    for (const name of ["one.onnx", "copy.onnx"]) rmSync(join(dir, name));

    inChild("make a model with external data", dir);
    const external = measure(["external: load, save again"], dir, 1);
    const same = sameFile(join(dir, "three.onnx.data"), join(dir, "copy.onnx.data"));
    const externalMB = statSync(join(dir, "three.onnx.data")).size / MB;

    for (const name of ["three.onnx.data", "copy.onnx.data"]) rmSync(join(dir, name));

    inChild("make one file beyond 2 GB", dir);
    const large = measure(["one file beyond 2 GB: load, save again"], dir, 1);
    const sameLarge = sameFile(join(dir, "large.onnx"), join(dir, "large-copy.onnx"));

    const rows = [...base, ...reading, ...writing, ...external, ...large];
    const ms = (task: string): number => rows.find((row) => row.task === task)!.ms;
    const ratios = {
      "load + infer / read the file": ms("load + infer") / ms("read the file"),
      "load whole + infer / read the file": ms("load whole + infer") / ms("read the file"),
      "with counting zeros": ms("load + infer + count zeros") / ms("read the file + count zeros"),
      "save from memory / write the file": ms("save from memory") / ms("write the file"),
      "save from the file / write the file": ms("save from the file") / ms("write the file"),
      "peak memory / file, load whole": rows.find((row) => row.task === "load whole + infer")!.peakMB / fileMB,
    };
    process.stdout.write(`model of ${fileMB.toFixed(0)} MB, external data of ${externalMB.toFixed(0)} MB, Node ${process.version}, ${cpus()[0]!.model} x${cpus().length}\n\n`);
    for (const row of rows) process.stdout.write(`${row.task.padEnd(40)} ${row.ms.toFixed(0).padStart(7)} ms  median ${row.medianMs.toFixed(0).padStart(6)} ms  peak ${row.peakMB.toFixed(0).padStart(5)} MB\n`);
    process.stdout.write("\n");
    for (const [name, ratio] of Object.entries(ratios)) process.stdout.write(`${name.padEnd(40)} ${ratio.toFixed(2)}\n`);
    process.stdout.write(`saved file equals the original: ${stable}; external data copied exactly: ${same}; large file copied exactly: ${sameLarge}\n`);
    const results = fileURLToPath(new URL("results", import.meta.url));
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, "codec.json"), `${JSON.stringify({ node: process.version, cpu: cpus()[0]!.model, fileMB, externalMB, rows, ratios, stable, same, sameLarge }, null, 2)}\n`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const [task, dir] = process.argv.slice(2);
if (task !== undefined && dir !== undefined) process.stdout.write(`${JSON.stringify(await runTask(task, dir))}\n`);
else main();
