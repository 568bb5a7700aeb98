/**
 * Writes the measured tables of docs/packages/quantize.md and quantize-weight-only.md from bench/results.
 *   npx tsx --conditions=@lathe/source bench/quantize-docs.ts
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

type Row = Readonly<Record<string, string | number | undefined>>;

const pages = ["quantize.md", "quantize-weight-only.md"].map((name) => fileURLToPath(new URL(`../docs/packages/${name}`, import.meta.url)));
function read<T>(name: string): T | undefined {
  const path = fileURLToPath(new URL(`results/${name}.json`, import.meta.url));
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : undefined;
}
const results = (name: string): ({ rows: Row[] } & Row) | undefined => read(`quantize-${name}`);

function table(columns: readonly string[], rows: readonly Row[]): string {
  const cells = (row: Row): string => `| ${columns.map((c) => row[c] ?? "").join(" | ")} |`;
  return [`| ${columns.join(" | ")} |`, `| ${columns.map(() => "---").join(" | ")} |`, ...rows.map(cells)].join("\n");
}

interface Aware {
  readonly images: number;
  readonly epochs: number;
  readonly float: number;
  readonly rows: readonly { readonly weights: string; readonly static: number; readonly trained: number }[];
  readonly kernels: { readonly equal: number; readonly withinOneStep: number; readonly logits: number };
}

const sections: Readonly<Record<string, () => string | 0 | undefined>> = {
  aware() {
    const found = read<Aware>("quantize-aware");
    if (!found) return undefined;
    const share = (x: number): string => `${(100 * x).toFixed(2)} %`;
    const rows = found.rows.map((row) => ({ weights: row.weights, static: share(row.static), trained: share(row.trained) }));
    const { equal, withinOneStep, logits } = found.kernels;
    const kernels = `Of ${logits.toLocaleString("en")} logits of the network trained with 8-bit weights, ONNX Runtime's fused integer kernels give ${share(equal)} exactly as trained and ${share(withinOneStep)} to one step of the output's scale.`;
    return `The Fashion-MNIST network of the fixtures, trained on ${found.images} images for ${found.epochs} epochs with the float model as teacher, top-1 on 2,000 others (float: ${share(found.float)}; \`bench/quantize-aware.ts\`). ${kernels}\n\n${table(["weights", "static", "trained"], rows)}`;
  },
  speed() {
    const found = results("speed");
    const columns = ["model", "float ms", "ours ms", "ours", "speedup", "best peer", "peer speedup", "vs peer"];
    return found && `**Speed of the result** (processor time of one thread, ${found.cpu}, models taking turns; \`bench/quantize-speed.ts\`). "ours" is the scheme that \`autoQuantize\` chose, "best peer" the fastest of seven settings of ONNX Runtime's Python tool, "vs peer" its time / ours.\n\n${table(columns, found.rows)}`;
  },
  planner() {
    const found = results("planner");
    const columns = ["model", "target", "chosen", "fastest", "ms float", "ms chosen", "speedup", "regret %", "recipe regret %"];
    return found && `**The planner's choices**, natively and in WebAssembly (${found.browser}, one thread, processor time; \`bench/quantize-planner.ts\`). \`autoQuantize\` times its schemes and chooses; then all are timed again: "regret" is by how much the chosen one is slower than the fastest of this second measurement, "recipe regret" the same of the target's static recipe, which measures nothing.\n\n${table(columns, found.rows)}`;
  },
  accuracy() {
    const found = results("accuracy");
    const columns = ["model", "tool", "setting", "accuracy %", "points lost", "float nodes"];
    return found && `**Accuracy** on ${found.images} Fashion-MNIST test images, ${found.calibration} calibration images (\`bench/quantize-accuracy.ts\`). The searches are judged by the same test images.\n\n${table(columns, found.rows)}`;
  },
  tool() {
    const found = read<Row & { rows: Row[]; nothing?: Row }>("quantize-tool");
    const columns = ["model", "setting", "ours s", "peer s", "ratio", "cpu ratio", "ours MB", "peer MB"];
    const nothing = found?.nothing ? ` A process that only imports the built packages takes ${found.nothing["cpu ms"]} ms of processor time and ${found.nothing["MB"]} MB: no run can be faster or smaller.` : "";
    return found && `**Time and memory of the tool**, whole process, ${found.samples} calibration samples (\`bench/quantize-tool.ts\`; load average of the machine ${found.load}). "ratio" is the Python tool's time / ours, "cpu ratio" the same of processor time. "static entropy" starts from 128 bins as the tool does, which leaves one candidate; "searched" from 2,048, in both.${nothing}\n\n${table(columns, found.rows)}`;
  },
  memory() {
    const rows = read<{ memory?: Row[] }>("quantize-tool")?.memory;
    const columns = ["model", "setting", "model MB", "ours MB", "ours / model", "over nothing / model", "command MB", "peer MB", "peer / model"];
    return rows?.length && `**Peak memory from file to file**, whole process. "over nothing" leaves out what a process takes that only imports the packages; "command" is \`lathe\`.\n\n${table(columns, rows)}`;
  },
  long() {
    const rows = read<{ long?: Row[] }>("quantize-tool")?.long;
    return rows?.length && `**Histograms over many samples**: memory does not grow with their number.\n\n${table(["model", "setting", "samples", "model MB", "ours s", "ours MB"], rows)}`;
  },
  weights() {
    const found = read<{ results: { task: string; millionWeightsPerSecond: number }[]; peer?: Readonly<Record<string, { millionWeightsPerSecond: number }>> }>("weight-only");
    const rows = found?.results.map(({ task, millionWeightsPerSecond }) => ({ task, Lathe: millionWeightsPerSecond, "ONNX Runtime's tool": found.peer?.[task]?.millionWeightsPerSecond }));
    return rows && table(["task", "Lathe", "ONNX Runtime's tool"], rows);
  },
  package() {
    const found = read<{ modelBytes: number; rows: Row[] }>("large-package");
    const rows = found?.rows.map((row) => ({ dtype: row["dtype"], "file GB": gigabytes(row["bytes"]), "peak MB": row["peakMB"], "processor s": Math.round(Number(row["cpuSeconds"])), "peak MB, run in Node": row["nodePeakMB"], "peak MB, run in WASM": row["webPeakMB"] }));
    return rows && `A float32 transformer of ${gigabytes(found!.modelBytes)} GB in external data, each dtype in a process of its own (\`bench/large-package.ts\`; the time includes the copy of the float32 model; every file was also run beside the float32 one, in onnxruntime-node and in onnxruntime-web):\n\n${table(["dtype", "file GB", "peak MB", "processor s", "peak MB, run in Node", "peak MB, run in WASM"], rows)}`;
  },
};

function gigabytes(bytes: string | number | undefined): string {
  return (Number(bytes) / 1e9).toFixed(2);
}

for (const page of pages) {
  let text = readFileSync(page, "utf8");
  for (const [name, make] of Object.entries(sections)) {
    const made = make();
    if (made) text = text.replace(new RegExp(`<!-- begin ${name} -->[\\s\\S]*?<!-- end ${name} -->`), () => `<!-- begin ${name} -->\n${made}\n<!-- end ${name} -->`);
  }
  writeFileSync(page, text);
}
