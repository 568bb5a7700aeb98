/**
 * Time and memory of the tools themselves, whole process from start to written file: ours (a program that imports the built packages, and
 * the built command) and ONNX Runtime's Python tool on the same models and samples, taking turns.
 *
 *   npm run build && LATHE_PEER_PYTHON=... npx tsx --conditions=@lathe/source bench/quantize-tool.ts [model ...] [memory] [long]
 *
 * Prints tables and writes bench/results/quantize-tool.json. Without arguments everything: about ten minutes. `memory`: peaks file to file
 * of dynamic and weight-only quantization; `long`: entropy and percentile over 500 samples.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeModel, type Feeds } from "@lathe/core";
import { saveModel } from "@lathe/core/node";
import { encoder, quantizeCases, type QuantizeCase } from "./lib/quantize-models.ts";
import { runCommand, runProgram, scratch, writeProgram } from "./lib/quantize-process.ts";
import { runPeer, writeSamples, type ProcessFigures } from "./lib/quantize-peer.ts";

type Row = Record<string, string | number | undefined>;

const SETTINGS = ["dynamic s8", "static u8s8 per channel", "static entropy", "static entropy, searched", "weights q4"] as const;
const SAMPLES = 8;
const LONG = 500;
const TURNS = 3;
/** Models of each kind; the others say the same. */
const MODELS = ["fashion-mobilenet", "fashion-vit", "ch_PP-OCRv4_rec_infer", "ch_PP-OCRv4_det_infer", "mlsd_320x320_tiny", "resnet50-shaped", "transformer-12x384"];
/** The search of the Python tool takes seconds a tensor: small models only. */
const SEARCHED = ["fashion-mobilenet", "fashion-vit"];
const WEIGHTS = ["transformer-12x384"];

const folder = scratch();
const program = writeProgram(folder);
const at = (name: string): string => join(folder, name);
const wanted = process.argv.slice(2);
const asked = (name: string): boolean => (wanted.length > 0 ? wanted.includes(name) : true);
const round = (x: number, digits = 2): number => Number(x.toFixed(digits));
const megabytes = (file: string): number => statSync(file).size / 2 ** 20;

try {
  const nothing = best([1, 2, 3].map(() => runProgram(program, ["", "", "nothing"])))!;
  console.log("nothing but the imports:", nothing);
  const rows: Row[] = [];
  for (const each of quantizeCases()) if (MODELS.includes(each.name) && asked(each.name)) rows.push(...(await speed(each)));
  const memory = asked("memory") ? await memoryRows(nothing) : [];
  const long = asked("long") ? await longRows() : [];
  for (const table of [rows, memory, long]) if (table.length > 0) console.table(table);
  write({ node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg()[0]!.toFixed(1), samples: SAMPLES, nothing: figures(nothing) }, { rows, memory, long });
} finally {
  rmSync(folder, { recursive: true });
}

async function speed({ name, model, feeds }: QuantizeCase): Promise<Row[]> {
  const source = at("float.onnx");
  writeFileSync(source, encodeModel(model()));
  await writeSamples(at("samples.npz"), feeds(SAMPLES));
  const settings = SETTINGS.filter((s) => (s === "static entropy, searched" ? SEARCHED.includes(name) : s === "weights q4" ? WEIGHTS.includes(name) : true));
  return settings.map((setting) => compare(name, source, setting));
}

function compare(model: string, source: string, setting: string): Row {
  const ours: ProcessFigures[] = [];
  const theirs: ProcessFigures[] = [];
  let error: string | undefined;
  for (let turn = 0; turn < (setting.endsWith("searched") ? 1 : TURNS); turn++) {
    ours.push(runProgram(program, [source, at("ours.onnx"), setting, at("samples.npz")]));
    const made = runPeer(source, at("theirs.onnx"), setting, at("samples.npz"));
    if ("error" in made) error = made.error;
    else theirs.push(made);
  }
  if (error) console.error(`${model}, ${setting}: ${error}`);
  const [a, b] = [best(ours)!, best(theirs)];
  return {
    model, setting, "ours s": round(a.wallMs / 1000), "peer s": b && round(b.wallMs / 1000), ratio: b && round(b.wallMs / a.wallMs),
    "ours cpu s": round(a.cpuMs / 1000), "peer cpu s": b && round(b.cpuMs / 1000), "cpu ratio": b && round(b.cpuMs / a.cpuMs),
    "ours MB": Math.round(a.peakMb), "peer MB": b && Math.round(b.peakMb), "peer error": error,
  };
}

/** Peaks from file to file. `over nothing` leaves out what a process takes that only imports the packages. */
async function memoryRows(nothing: ProcessFigures): Promise<Row[]> {
  const models: readonly (readonly [string, () => ReturnType<QuantizeCase["model"]>])[] = [
    ["transformer-12x768, synthetic", () => encoder(12, 768)],
    ...quantizeCases().filter((c) => ["resnet50-shaped", "ch_PP-OCRv4_rec_infer"].includes(c.name)).map((c) => [c.name, c.model] as const),
  ];
  const rows: Row[] = [];
  for (const [name, model] of models) {
    const source = at("float.onnx");
    await saveModel(model(), source);
    const size = megabytes(source);
    for (const [setting, technique] of [["dynamic s8", "quantize-dynamic"], ["weights q4", "quantize-weights"]] as const) {
      if (setting === "weights q4" && !name.startsWith("transformer")) continue;
      const ours = runProgram(program, [source, at("ours.onnx"), setting]);
      const command = runCommand([technique, source, "-o", at("command.onnx"), "-q"]);
      const peer = runPeer(source, at("theirs.onnx"), setting, at("samples.npz"));
      rows.push({
        model: name, setting, "model MB": round(size, 1), "ours MB": Math.round(ours.peakMb), "ours / model": round(ours.peakMb / size),
        "over nothing / model": round((ours.peakMb - nothing.peakMb) / size), "command MB": command && Math.round(command.peakMb),
        "peer MB": "error" in peer ? undefined : Math.round(peer.peakMb), "peer / model": "error" in peer ? undefined : round(peer.peakMb / size),
        "ours s": round(ours.wallMs / 1000), "peer s": "error" in peer ? undefined : round(peer.wallMs / 1000),
      });
    }
  }
  return rows;
}

/** Histograms over many samples: the peak is that of few. */
async function longRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, model, feeds } of quantizeCases()) {
    if (name !== "ch_PP-OCRv4_det_infer" && name !== "fashion-mobilenet") continue;
    const source = at("float.onnx");
    writeFileSync(source, encodeModel(model()));
    for (const setting of ["static entropy, searched", "static percentile"]) {
      for (const count of [SAMPLES, LONG]) {
        const samples: readonly Feeds[] = feeds(SAMPLES);
        await writeSamples(at("samples.npz"), samples);
        // The same few samples again and again: files of 500 would measure the reading of them.
        const { peakMb, wallMs } = runProgram(program, [source, at("ours.onnx"), setting, at("samples.npz"), String(count)]);
        rows.push({ model: name, setting, samples: count, "model MB": round(megabytes(source), 1), "ours s": round(wallMs / 1000), "ours MB": Math.round(peakMb) });
      }
    }
  }
  return rows;
}

function figures({ wallMs, cpuMs, peakMb }: ProcessFigures): Row {
  return { ms: Math.round(wallMs), "cpu ms": Math.round(cpuMs), MB: Math.round(peakMb) };
}

/** Least of the turns: the machine's other work only adds. */
function best(all: readonly ProcessFigures[]): ProcessFigures | undefined {
  const least = (of: (f: ProcessFigures) => number): number => Math.min(...all.map(of));
  return all.length === 0 ? undefined : { wallMs: least((f) => f.wallMs), cpuMs: least((f) => f.cpuMs), peakMb: least((f) => f.peakMb) };
}

/** Rows that were not measured this time stay. */
function write(machine: object, tables: Readonly<Record<string, Row[]>>): void {
  const results = fileURLToPath(new URL("results/quantize-tool.json", import.meta.url));
  mkdirSync(fileURLToPath(new URL("results", import.meta.url)), { recursive: true });
  const before = existsSync(results) ? (JSON.parse(readFileSync(results, "utf8")) as Record<string, Row[] | undefined>) : {};
  const key = (row: Row): string => [row["model"], row["setting"], row["samples"]].join(" ");
  const merged = Object.entries(tables).map(([name, rows]) => {
    const fresh = new Set(rows.map(key));
    return [name, [...(before[name] ?? []).filter((row) => !fresh.has(key(row))), ...rows]];
  });
  writeFileSync(results, `${JSON.stringify({ ...machine, ...(Object.fromEntries(merged) as object) }, null, 1)}\n`);
}
