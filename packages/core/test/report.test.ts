/** Reports: JSON data, text, markdown, one HTML file; and how models show themselves. */
import { defineTechnique, format, iterate, Model, pipeline, Report, stats, tensorType, textTable, type ReportData, type RunOptions } from "@lathe/core";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { scale, tinyModel } from "./helpers-technique.ts";

const talker = defineTechnique({
  name: "talker", summary: "", options: z.object({ note: z.string().default("a|b") }),
  apply(_, __, ctx) {
    ctx.warn({ code: "ODD", message: "An odd node was left alone.", node: "relu" });
    const points = [0, 1, 2, 3].map((i) => [i * 100, 1 / (i + 1)] as const);
    return { metrics: { sqnr: Infinity, rounds: 3 }, details: { curves: [{ title: "loss", x: "step", y: "loss", series: [{ name: "training", points }] }], list: [1, 2] } };
  },
});

const jupyter = Symbol.for("Jupyter.display");

/** A real run with what differs between runs (times, place) set to fixed values. */
async function sample(options: RunOptions<never> = {}): Promise<Report> {
  const { report } = await pipeline(iterate({ times: 1 }, scale({ by: 0 })), talker()).run(tinyModel(), { seed: 4, bindings: { N: 8 }, ...options }).result;
  const still = (steps: ReportData["steps"]): ReportData["steps"] => steps.map((step) => ({ ...step, elapsedMs: 12.5, steps: still(step.steps) }));
  return new Report({ ...report.data, elapsedMs: 30, environment: { engine: "Node.js", date: "2026-01-01" }, steps: still(report.data.steps) });
}

const full = async (): Promise<Report> =>
  (await sample()).with({
    title: "tiny: scaled & <checked>",
    accuracy: [{ name: "original", scores: { "top-1": 0.9175 }, samples: 2000 }, { name: "small", scores: { "top-1": 0.91 }, samples: 2000 }],
    benchmark: { timings: [{ name: "original", median: 1.92, p5: 1.8, p95: 2.3, speedup: 1 }, { name: "small", median: 1.01, speedup: 1.9 }] },
    tables: [{ title: "Lines", columns: ["text", "errors"], rows: [["Hallo", 1], ["你好", 0.25]] }],
    notes: ["Shared machine."],
    environment: { cpu: "test" },
  });

describe("the data", () => {
  test("is plain JSON that survives a round trip, also with infinities in metrics", async () => {
    const { data } = await full();
    expect(JSON.parse(JSON.stringify(data))).toEqual(data);
    expect(data.steps[1]!.metrics).toEqual({ sqnr: "Infinity", rounds: 3 });
    expect(JSON.stringify(new Report(data))).toBe(JSON.stringify(data));
  });
  test("holds statistics before and after, with the symbols that the run was given", async () => {
    const { data } = await sample();
    expect(data.before).toEqual(JSON.parse(JSON.stringify(stats(tinyModel(), { bindings: { N: 8 } }))));
    expect([data.before.sparsity, data.after.sparsity]).toEqual([expect.closeTo(1 / 12), 1]);
    expect(data.after.macs).toBe(96);
    expect(data.title).toBe("iterate → talker");
  });
  test("a binding that the model lacks does no harm", async () => {
    expect((await sample({ bindings: { N: 2, T: 5 } })).data.after.bindings).toEqual({ N: 2 });
  });
  test("with adds to lists and replaces the title; the report itself stays", async () => {
    const report = await sample();
    const more = report.with({ notes: ["one"] }).with({ notes: ["two"], title: "x" });
    expect([more.data.notes, more.data.title, report.data.notes]).toEqual([["one", "two"], "x", undefined]);
  });
  test("says where it ran", async () => {
    const { report } = await pipeline(scale()).run(tinyModel()).result;
    expect(report.data.environment).toMatchObject({ engine: `Node.js ${process.versions.node}`, platform: `${process.platform} ${process.arch}` });
  });
});

describe("renderers", () => {
  test("text", async () => {
    await expect((await full()).toText()).toMatchFileSnapshot("fixtures/report.txt");
  });
  test("text in colour differs only by escape codes", async () => {
    const report = await full();
    const coloured = report.toText({ color: true });
    expect(coloured).toContain("\u001b[33m! Step 2 talker");
    // oxlint-disable-next-line no-control-regex
    expect(coloured.replace(/\u001b\[\d+m/g, "")).toBe(report.toText());
  });
  test("markdown", async () => {
    await expect((await full()).toMarkdown()).toMatchFileSnapshot("fixtures/report.md");
  });
  test("HTML", async () => {
    await expect((await full()).toHtml()).toMatchFileSnapshot("fixtures/report.html");
  });
  test("the HTML file needs nothing from outside and runs no script", async () => {
    const html = (await full()).toHtml();
    expect(html).not.toMatch(/<script|<link|<img|src=|url\(|@import|https?:/);
    expect(html).toContain("default-src 'none'");
  });
  test("every element of the HTML is closed, and every chart is named", async () => {
    const html = (await full()).toHtml();
    const open: string[] = [];
    for (const [, slash, tag, self] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/g)) {
      if (self === "/" || tag === "meta") continue;
      if (slash === "") open.push(tag!);
      else expect(open.pop()).toBe(tag);
    }
    expect(open).toEqual([]);
    const charts = html.match(/<svg [^>]*>/g)!;
    expect(charts.length).toBeGreaterThanOrEqual(4);
    for (const chart of charts) expect(chart).toMatch(/role="img" aria-label="[^"]{10,}"/);
  });
  test("names from a model cannot become markup", async () => {
    const model = tinyModel();
    model.graph.node("product")!.name = `<script>alert("1")</script>|x`;
    model.producerName = "<b>";
    const { report } = await pipeline(scale()).run(model).result;
    const html = report.toHtml() + JSON.stringify(report[jupyter as never]);
    expect(html).not.toContain("<script");
    expect(report.toMarkdown()).toContain("\\|x");
    expect((model as unknown as Record<symbol, () => Record<string, string>>)[jupyter]!()["text/html"]).not.toContain("<b></");
  });
  test("what is not known is said, not drawn as zero", async () => {
    const model = new Model();
    const x = model.graph.addInput("x", tensorType("float32", ["N", "T", 4]));
    model.graph.addOutput(model.graph.add({ opType: "Relu", name: "r", inputs: [x], outputs: ["y"] }).out);
    const same = defineTechnique({ name: "same", summary: "", options: z.object({}), apply: () => undefined });
    const text = (await pipeline(same()).run(model).result).report.toText();
    expect(text).toMatch(/multiply-accumulates\s+≥ 0/);
    expect(text).toContain("! Sizes without a value: T; the work of 1 layers is not counted.");
  });
});

describe("consoles and notebooks", () => {
  test("a model in a few lines", () => {
    const model = tinyModel();
    model.producerName = "test";
    expect(inspect(model)).toBe("Model test, ir 10, ai.onnx 21\n  2 nodes, 12 parameters, 48 B\n  in  x: float32[N,4]\n  out y: float32[N,3]\n  MatMul 1, Relu 1");
  });
  test("notebooks get HTML and text of models and reports", async () => {
    const bundle = (value: object): Record<string, string> => (value as Record<symbol, () => Record<string, string>>)[jupyter]!();
    expect(bundle(tinyModel())).toMatchObject({ "text/html": expect.stringContaining("<td>float32[N,4]</td>"), "text/plain": expect.stringContaining("2 nodes") });
    const report = await sample();
    expect(Object.keys(bundle(report))).toEqual(["text/html", "text/markdown", "text/plain"]);
    // Styles of a cell must not reach the rest of the notebook.
    const rules = bundle(report)["text/html"]!.match(/<style>(.*?)<\/style>/s)![1]!;
    for (const [, selectors] of rules.replace(/@media[^{]*\{/g, "").matchAll(/(?:^|\})\s*([^{}]+)\{/g)) {
      for (const selector of selectors!.split(",")) expect(selector.trim()).toMatch(/^\.lathe/);
    }
    expect(inspect(report)).toContain("MODEL");
  });
});

describe("numbers as people read them", () => {
  test.each([
    [format.bytes(0), "0 B"], [format.bytes(999), "999 B"], [format.bytes(161_224), "161 kB"], [format.bytes(999_600), "1.00 MB"], [format.bytes(10_761_252), "10.8 MB"],
    [format.amount(6_091_392), "6.09 M"], [format.amount(12), "12"], [format.integer(1234567), "1,234,567"],
    [format.decimal(0.00123456), "0.00123"], [format.decimal(1234.5), "1,235"], [format.decimal(-0.5), "−0.5"], [format.decimal(NaN), "not a number"], [format.decimal(1e-9), "1.00e−9"],
    [format.duration(0.42), "0.420 ms"], [format.duration(12.345), "12.3 ms"], [format.duration(4200), "4.20 s"], [format.duration(125_000), "2 min 5 s"],
    [format.percent(0.1234), "12.3 %"], [format.change(100, 26), "−74.0 %"], [format.change(100, 103.1), "+3.1 %"], [format.change(0, 1), "new"], [format.change(5, 5), "same"],
    [format.pointsChange(0.1, 0.05), "−5.0 points"], [format.change(10_000, 10_001), "about the same"], [format.pointsChange(0.1, 0.1001), "about the same"],
  ])("%s", (shown, expected) => {
    expect(shown).toBe(expected);
  });
  test("columns line up, also under wide letters and combining marks", () => {
    expect(textTable({ columns: [{ title: "text" }, { title: "n", right: true }], rows: [["你好", "1"], ["e\u0301x", "10"]] })).toEqual(["text   n", "────  ──", "你好   1", "e\u0301x    10"]);
  });
});

describe("distributions that a technique gives", () => {
  const one = (title: string) => ({ title, note: "9.8 dB", low: -2, high: 6, counts: [1, 0, 40, 900, 30, 0, 2, 1], range: { min: -1, max: 4, step: 0.5 }, levels: 11, clipped: 0.004 });
  const drawing = (count: number) => defineTechnique({
    name: "drawing", summary: "", options: z.object({}),
    apply: () => ({ details: { kept: 1, distributions: [...Array.from({ length: count }, (_, i) => one(i === 0 ? "a<b" : `t${i}`)), { title: "broken" }] } }),
  });
  const run = async (count: number): Promise<Report> => (await pipeline(drawing(count)()).run(tinyModel()).result).report;

  test("are drawn with range, levels and clipped parts, and said in words", async () => {
    const html = (await run(2)).toHtml();
    expect(html.match(/<svg role="img" aria-label="[^"]*Heights are logarithmic\."/g)).toHaveLength(2);
    expect(html).toContain('aria-label="a&#60;b, 9.8 dB: values from −2 to 6; quantized from −1 to 4 in 11 levels; 0.4 % of the values are clipped. Heights are logarithmic."');
    expect(html).toContain('<rect class="beyond" x="0" y="0" width="50" height="78"/><rect class="beyond" x="300" y="0" width="100" height="78"/>');
    expect(html.match(/M[\d.]+ 78v6/g)).toHaveLength(22);
    expect(html).not.toMatch(/broken|a<b/);
  });
  test("are a table in text, and are not printed again among the details", async () => {
    const report = await run(2);
    expect(report.toText()).toMatch(/t1 +9\.8 dB +−2 to 6 +−1 to 4 +0\.4 %/);
    expect(report.toHtml()).toMatch(/<pre>\{\s*&#34;kept&#34;: 1\s*\}<\/pre>/);
  });
  test("are capped, which is said", async () => {
    const html = (await run(3000)).toHtml();
    expect(html).toContain("The first 60 of 3000 tensors are shown.");
    expect(html.length).toBeLessThan(300_000);
  });
});
