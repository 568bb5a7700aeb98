/**
 * Speed of weight-only quantization on one 4096 x 4096 float32 weight: millions of weights a second of CPU time, that is per core
 * also where other work disturbs the clock. Fastest of nine rounds (one for the searches).
 *
 *   [LATHE_PEER_PYTHON=...] npx tsx --conditions=@lathe/source bench/weight-only.ts [part of a task's name]
 *
 * With a Python that has onnxruntime its tool runs as well (bench/peers/weight_only.py). Prints tables and, with all tasks, writes
 * bench/results/weight-only.json. A minute, two with the tool.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { Tensor, textTable } from "@lathe/core";
import { quantizeBnb4, quantizeMatrix, quantizeTable, type MatrixView } from "@lathe/quantize";

const SIDE = 4096;
const ROUNDS = 9;
const data = Float32Array.from({ length: SIDE * SIDE }, (_, i) => Math.sin(i * 12.9898) * 0.05 * (1 + (i % 7)));
const single = Tensor.from("float32", [SIDE, SIDE], data);
const half = single.cast("float16");
const view = (tensor: Tensor, transposed = false): MatrixView => ({ tensor, name: "w", k: SIDE, n: SIDE, transposed });

const tasks: Readonly<Record<string, () => unknown>> = {
  "q4 default symmetric": () => quantizeMatrix(view(single), { algorithm: "default", bits: 4, blockSize: 32, symmetric: true }),
  "q4 default symmetric, float16 weight": () => quantizeMatrix(view(half), { algorithm: "default", bits: 4, blockSize: 32, symmetric: true }),
  "q4 default symmetric, stored [n, k]": () => quantizeMatrix(view(single, true), { algorithm: "default", bits: 4, blockSize: 32, symmetric: true }),
  "q4 default asymmetric": () => quantizeMatrix(view(single), { algorithm: "default", bits: 4, blockSize: 32, symmetric: false }),
  "q4 rtn symmetric": () => quantizeMatrix(view(single), { algorithm: "rtn", bits: 4, blockSize: 32, symmetric: true }),
  "q4 rtn asymmetric": () => quantizeMatrix(view(single), { algorithm: "rtn", bits: 4, blockSize: 32, symmetric: false }),
  "q8 default symmetric": () => quantizeMatrix(view(single), { algorithm: "default", bits: 8, blockSize: 32, symmetric: true }),
  "q2 default symmetric": () => quantizeMatrix(view(single), { algorithm: "default", bits: 2, blockSize: 32, symmetric: true }),
  "q4 table (Gather)": () => quantizeTable(view(single, true), { bits: 4, blockSize: 32, symmetric: true }),
  "nf4": () => quantizeBnb4(view(single), "nf4", 64),
  "q4 k-quant": () => quantizeMatrix(view(single), { algorithm: "k-quant", bits: 4, blockSize: 32, symmetric: false }),
  "q4 hqq": () => quantizeMatrix(view(single), { algorithm: "hqq", bits: 4, blockSize: 32, symmetric: false }),
};

const only = process.argv[2];
const results: { task: string; wallMs: number; cpuMs: number; millionWeightsPerSecond: number }[] = [];
for (const [task, run] of Object.entries(tasks)) {
  if (only !== undefined && !task.includes(only)) continue;
  const slow = /quant|hqq/.test(task);
  if (!slow) run();
  const times = Array.from({ length: slow ? 1 : ROUNDS }, () => {
    const begin = performance.now();
    const cpu = process.cpuUsage();
    run();
    return { wall: performance.now() - begin, cpu: process.cpuUsage(cpu).user / 1000 };
  });
  const fastest = (kind: "wall" | "cpu"): number => Math.min(...times.map((t) => t[kind]));
  results.push({ task, wallMs: Math.round(fastest("wall")), cpuMs: Math.round(fastest("cpu")), millionWeightsPerSecond: Math.round(data.length / fastest("cpu") / 1000) });
}
const numbers = (title: string): { title: string; right: true } => ({ title, right: true });
const rows = results.map((r) => [r.task, String(r.wallMs), String(r.cpuMs), String(r.millionWeightsPerSecond)]);
console.log(textTable({ columns: [{ title: "task" }, numbers("wall ms"), numbers("CPU ms"), numbers("M weights/s of CPU time")], rows }).join("\n"));
const file = new URL("results/weight-only.json", import.meta.url);
const python = process.env["LATHE_PEER_PYTHON"];
/** Of the tool, by the names of our tasks; what was measured before where there is no Python now. */
function peer(): unknown {
  if (!python) return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { peer?: unknown }).peer : undefined;
  const said = execFileSync(python, ["-W", "ignore", fileURLToPath(new URL("peers/weight_only.py", import.meta.url))], { encoding: "utf8" });
  // The tool shows its progress in front, ended by carriage returns.
  return JSON.parse(said.slice(said.indexOf('{"q4')));
}
if (only === undefined) writeFileSync(file, `${JSON.stringify({ cpu: cpus()[0]?.model, node: process.version, side: SIDE, results, peer: peer() }, null, 2)}\n`);
