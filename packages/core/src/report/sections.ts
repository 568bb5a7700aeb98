/** The content of a report in order, once for all renderers. */
import type { LayerStats, ModelStats } from "../stats.ts";
import type { StepRecord } from "../technique/run-step.ts";
import type { Json } from "../technique/contract.ts";
import type { Curve, Distribution, ReportData } from "./data.ts";
import * as format from "./format.ts";
import { column, numbers, type Table } from "./table.ts";

export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

export type Block =
  /** The figures that matter most, drawn large; text renderers leave them to the tables. */
  | { readonly kind: "figures"; readonly figures: readonly Figure[] }
  | { readonly kind: "table"; readonly table: Table }
  | { readonly kind: "note"; readonly text: string; readonly tone: "plain" | "warning" }
  | { readonly kind: "bars"; readonly chart: BarChart }
  | { readonly kind: "lines"; readonly curve: Curve }
  /** Histograms, which only HTML draws. */
  | { readonly kind: "distributions"; readonly pictures: readonly Distribution[] }
  /** Long content that only HTML shows, folded. */
  | { readonly kind: "folded"; readonly title: string; readonly table?: Table; readonly json?: Json };

export interface Figure {
  readonly label: string;
  readonly value: string;
  readonly note: string;
}

/** Horizontal bars, one group per label, one bar per series. */
export interface BarChart {
  readonly title: string;
  readonly series: readonly string[];
  readonly groups: readonly { readonly label: string; readonly values: readonly (number | undefined)[] }[];
  readonly format: (value: number) => string;
}

const table = (value: Table): Block => ({ kind: "table", table: value });
const note = (text: string, tone: "plain" | "warning" = "plain"): Block => ({ kind: "note", text, tone });

/** Layers in charts and short tables. */
const TOP = 15;

export function sectionsOf(data: ReportData): readonly Section[] {
  const sections: Section[] = [
    { title: "Model", blocks: modelBlocks(data) },
    { title: "Accuracy", blocks: accuracyBlocks(data) },
    { title: "Speed", blocks: speedBlocks(data) },
    ...(data.tables ?? []).map(({ title, columns, rows }) => ({ title, blocks: [table(extraTable(columns, rows))] })),
    { title: "Curves", blocks: [...(data.curves ?? []), ...data.steps.flatMap(curvesOf)].map((curve): Block => ({ kind: "lines", curve })) },
    { title: "Distributions", blocks: data.steps.flatMap(distributionBlocks) },
    { title: "Steps", blocks: stepBlocks(data.steps) },
    { title: "Layers", blocks: layerBlocks(data) },
    { title: "Operators", blocks: [table(histogram(data.before, data.after))] },
    { title: "Environment", blocks: [table({ columns: [column("what"), column("value")], rows: [...Object.entries(data.environment), ["seed", String(data.seed)], ["time", format.duration(data.elapsedMs)]] })] },
  ];
  return sections.filter((section) => section.blocks.length > 0);
}

function modelBlocks(data: ReportData): Block[] {
  const { before, after, notes = [] } = data;
  const figure = (name: string, of: (s: ModelStats) => number | undefined, show: (n: number) => string, changed = format.change): string[] | undefined => {
    const [a, b] = [of(before), of(after)];
    return a === undefined || b === undefined ? undefined : [name, show(a), show(b), changed(a, b)];
  };
  const atLeast = (show: (n: number) => string, isBound: boolean) => (n: number): string => `${isBound ? "≥ " : ""}${show(n)}`;
  const someUnknown = before.unknown.length + after.unknown.length > 0;
  const someUnsized = before.activations.unsized + after.activations.unsized > 0;
  const rows = [
    figure("size of weights", (s) => s.bytes, format.bytes),
    figure("parameters", (s) => s.parameters, format.integer),
    figure("nodes", (s) => s.nodes, format.integer),
    figure("multiply-accumulates", (s) => s.macs, atLeast(format.amount, someUnknown)),
    figure("other element operations", (s) => s.elementOps, atLeast(format.amount, someUnknown)),
    figure("peak of activations", (s) => s.activations.peakBytes, atLeast(format.bytes, someUnsized)),
    figure("zeros in weights", (s) => s.sparsity, format.percent, format.pointsChange),
  ].filter((row) => row !== undefined);
  const dtypes = [...new Set([...Object.keys(before.bytesByDtype), ...Object.keys(after.bytesByDtype)])] as (keyof ModelStats["bytesByDtype"])[];
  const shown = (n: number | undefined): string => (n === undefined ? "" : format.bytes(n));
  return [
    { kind: "figures", figures: headline(data) },
    table({ columns: [column("figure"), numbers("before"), numbers("after"), numbers("change")], rows }),
    table({ columns: [column("weights stored as"), numbers("before"), numbers("after")], rows: dtypes.map((t) => [t, shown(before.bytesByDtype[t]), shown(after.bytesByDtype[t])]) }),
    ...portNotes(before, after),
    ...notes.map((text) => note(text)),
  ];
}

function headline({ before, after, accuracy = [], benchmark }: ReportData): Figure[] {
  const figures: Figure[] = [{ label: "weights", value: format.bytes(after.bytes), note: format.change(before.bytes, after.bytes) }];
  if (after.macs > 0) figures.push({ label: "multiply-accumulates", value: format.amount(after.macs), note: format.change(before.macs, after.macs) });
  const last = benchmark?.timings.at(-1);
  if (last?.speedup !== undefined) figures.push({ label: `speed, ${last.name}`, value: `${last.speedup.toFixed(2)} ×`, note: `${format.duration(last.median)} per run` });
  const [first, final] = [accuracy[0], accuracy.at(-1)];
  const [metric, score] = Object.entries(final?.scores ?? {})[0] ?? [];
  const reference = metric === undefined ? undefined : first?.scores[metric];
  if (metric !== undefined && score !== undefined && reference !== undefined) figures.push({ label: metric, value: score.toFixed(4), note: `from ${reference.toFixed(4)}` });
  return figures;
}

function portNotes(before: ModelStats, after: ModelStats): Block[] {
  const bound = Object.entries(after.bindings).map(([symbol, value]) => `${symbol} = ${value}`);
  const left = after.unknown.length;
  const ports = (list: ModelStats["inputs"]): string => list.map((p) => `${p.name} ${p.type}`).join(", ");
  return [
    note(`Inputs: ${ports(after.inputs)}. Outputs: ${ports(after.outputs)}.`),
    ...(ports(before.inputs) === ports(after.inputs) && ports(before.outputs) === ports(after.outputs) ? [] : [note(`Before: inputs ${ports(before.inputs)}; outputs ${ports(before.outputs)}.`)]),
    ...(bound.length > 0 ? [note(`Work and memory are for ${bound.join(", ")}.`)] : []),
    ...(after.unbound.length > 0 ? [note(`Sizes without a value: ${after.unbound.join(", ")}; the work of ${left} layers is not counted.`, "warning")] : []),
    ...(left > 0 && after.unbound.length === 0 ? [note(`The work of ${left} layers is not known: ${shortList(after.unknown.map((u) => `${u.name} (${u.op}, ${u.reason})`))}.`, "warning")] : []),
  ];
}

const shortList = (items: readonly string[]): string => (items.length > 6 ? `${items.slice(0, 6).join(", ")} and ${items.length - 6} more` : items.join(", "));

function accuracyBlocks({ accuracy = [] }: ReportData): Block[] {
  if (accuracy.length === 0) return [];
  const metrics = [...new Set(accuracy.flatMap((row) => Object.keys(row.scores)))];
  const counted = accuracy.some((row) => row.samples !== undefined);
  const rows = accuracy.map(({ name, scores, samples }) => [
    name, ...metrics.map((m) => (scores[m] === undefined ? "" : scores[m].toFixed(4))), ...(counted ? [samples === undefined ? "" : format.integer(samples)] : []),
  ]);
  return [table({ columns: [column("model"), ...metrics.map(numbers), ...(counted ? [numbers("samples")] : [])], rows })];
}

function speedBlocks({ benchmark }: ReportData): Block[] {
  if (!benchmark || benchmark.timings.length === 0) return [];
  const { timings } = benchmark;
  const time = (ms: number | undefined): string => (ms === undefined ? "" : format.duration(ms));
  const rows = timings.map((t) => [t.name, time(t.median), time(t.p5), time(t.p95), t.speedup === undefined ? "" : `${t.speedup.toFixed(2)} ×`]);
  const chart: BarChart = { title: "Median time per run", series: ["median"], groups: timings.map((t) => ({ label: t.name, values: [t.median] })), format: format.duration };
  return [table({ columns: [column("model"), numbers("median"), numbers("5 %"), numbers("95 %"), numbers("faster")], rows }), { kind: "bars", chart }];
}

function stepBlocks(steps: readonly StepRecord[]): Block[] {
  const flat = flattened(steps, "");
  const rows = flat.map(({ number, step }) => [
    number, step.name, format.duration(step.elapsedMs), format.bytes(step.after.bytes), format.change(step.before.bytes, step.after.bytes),
    Object.entries(step.metrics).map(([key, value]) => `${key} ${typeof value === "number" ? format.decimal(value) : String(value)}`).join(", "),
  ]);
  const warnings = flat.flatMap(({ number, step }) => step.warnings.map((w) => note(`Step ${number} ${step.name}: ${w.message}${w.node === undefined ? "" : ` (${w.node})`} [${w.code}]`, "warning")));
  const folded = flat.flatMap(({ number, step }): Block[] => [
    { kind: "folded", title: `Step ${number} ${step.name}: options`, json: step.options },
    ...(step.details === null ? [] : [{ kind: "folded", title: `Step ${number} ${step.name}: details`, json: shownDetails(step) } as const]),
  ]);
  return [table({ columns: [numbers("step"), column("technique"), numbers("time"), numbers("weights after"), numbers("change"), column("figures")], rows }), ...warnings, ...folded];
}

function flattened(steps: readonly StepRecord[], prefix: string): { number: string; step: StepRecord }[] {
  return steps.flatMap((step, i) => [{ number: `${prefix}${i + 1}`, step }, ...flattened(step.steps, `${prefix}${i + 1}.`)]);
}

function curvesOf(step: StepRecord): readonly Curve[] {
  const own = listedIn(step, "curves").filter(isCurve);
  return [...own.map((curve) => ({ ...curve, title: `${step.name}: ${curve.title}` })), ...step.steps.flatMap(curvesOf)];
}

/** A list that a technique gives among its details, of unknown items. */
function listedIn({ details }: StepRecord, key: "curves" | "distributions"): readonly unknown[] {
  const list = details !== null && typeof details === "object" ? (details as { readonly [key: string]: Json | undefined })[key] : undefined;
  return Array.isArray(list) ? list : [];
}

/** Histograms drawn; each takes about 2 kB. */
const MOST_PICTURES = 60;

function distributionBlocks(step: StepRecord): Block[] {
  const inner = step.steps.flatMap(distributionBlocks);
  const all = listedIn(step, "distributions").filter(isDistribution);
  if (all.length === 0) return inner;
  const drawn = all.slice(0, MOST_PICTURES);
  const range = ({ range: r }: Distribution): string => (r ? `${format.decimal(r.min)} to ${format.decimal(r.max)}` : "");
  const rows = drawn.map((d) => [d.title, d.note ?? "", `${format.decimal(d.low)} to ${format.decimal(d.high)}`, range(d), d.clipped === undefined ? "" : format.percent(d.clipped)]);
  return [
    note(`${step.name}: values before quantization (grey, logarithmic heights), the range that the codes cover (lines) and what is clipped (shaded); the noisiest tensors first.`),
    ...(all.length > drawn.length ? [note(`The first ${drawn.length} of ${all.length} tensors are shown.`)] : []),
    table({ columns: [column("tensor"), numbers("SQNR"), numbers("values"), numbers("range of the codes"), numbers("clipped")], rows }),
    { kind: "distributions", pictures: drawn },
    ...inner,
  ];
}

function isDistribution(value: unknown): value is Distribution {
  const d = value as Partial<Distribution> | null;
  return typeof d === "object" && d !== null && typeof d.title === "string" && typeof d.low === "number" && typeof d.high === "number" && Array.isArray(d.counts) && d.counts.length > 0 && d.counts.every((c) => typeof c === "number");
}

/** What is drawn elsewhere is not printed again. */
function shownDetails({ details }: StepRecord): Json {
  if (details === null || typeof details !== "object" || !("distributions" in details)) return details;
  const { distributions: _, ...rest } = details as { readonly [key: string]: Json | undefined };
  return rest;
}

function isCurve(value: unknown): value is Curve {
  const curve = value as Partial<Curve> | null;
  return typeof curve === "object" && curve !== null && typeof curve.title === "string" && typeof curve.x === "string" && typeof curve.y === "string" && Array.isArray(curve.series);
}

function layerBlocks({ before, after }: ReportData): Block[] {
  const old = new Map(before.layers.map((layer) => [layer.name, layer]));
  const compare = (title: string, of: (l: LayerStats) => number | undefined, show: (n: number) => string): Block[] => {
    const top = [...after.layers].filter((l) => (of(l) ?? 0) > 0).sort((a, b) => of(b)! - of(a)!).slice(0, TOP);
    if (top.length === 0) return [];
    const groups = top.map((layer) => ({ label: `${layer.name} (${layer.op})`, values: [old.has(layer.name) ? of(old.get(layer.name)!) : undefined, of(layer)] }));
    return [{ kind: "bars", chart: { title, series: ["before", "after"], groups, format: show } }];
  };
  const heaviest = [...after.layers].sort((a, b) => (b.macs ?? 0) - (a.macs ?? 0) || b.bytes - a.bytes).slice(0, TOP);
  return [
    table(layerTable(heaviest)),
    ...(after.layers.length > TOP ? [note(`The ${TOP} layers with the most work, of ${after.layers.length}.`)] : []),
    ...compare("Multiply-accumulates by layer", (l) => l.macs, format.amount),
    ...compare("Bytes of weights by layer", (l) => l.bytes, format.bytes),
    ...(after.layers.length > TOP ? [{ kind: "folded", title: `All ${after.layers.length} layers`, table: layerTable(after.layers) } as const] : []),
  ];
}

export function layerTable(layers: readonly LayerStats[]): Table {
  const optional = (n: number | undefined, show: (n: number) => string): string => (n === undefined ? "?" : show(n));
  return {
    columns: [column("layer"), column("operator"), column("output"), numbers("parameters"), numbers("bytes"), numbers("MACs"), numbers("zeros")],
    rows: layers.map((l) => [
      [...l.inside, l.name].join(" > "), l.op, l.outputs[0] ?? "", format.integer(l.parameters), format.bytes(l.bytes), optional(l.macs, format.amount),
      l.sparsity === undefined ? "" : format.percent(l.sparsity),
    ]),
  };
}

function histogram(before: ModelStats, after: ModelStats): Table {
  const ops = [...new Set([...Object.keys(after.histogram), ...Object.keys(before.histogram)])];
  return { columns: [column("operator"), numbers("before"), numbers("after")], rows: ops.map((op) => [op, String(before.histogram[op] ?? 0), String(after.histogram[op] ?? 0)]) };
}

function extraTable(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): Table {
  const isNumeric = (i: number): boolean => rows.length > 0 && rows.every((row) => typeof row[i] === "number");
  return { columns: columns.map((title, i) => (isNumeric(i) ? numbers(title) : column(title))), rows: rows.map((row) => row.map((cell) => (typeof cell === "number" ? format.decimal(cell) : cell))) };
}
