/** Removal of residual blocks. */
import { describe, expect, it } from "vitest";
import { attr, dataset, inferShapes, pipeline, random, standardOps, stats, Tensor, tensorType, Model } from "@lathe/core";
import { compare, ortRuntime, randomFeeds } from "@lathe/ort";
import { bert, lenet, mobileNetV2, ModelBuilder, resnet20, vit } from "@lathe/train";
import { blockInfluence, blocksOf, prepare, pruneBlocks, removeBranches, residualBranches, zeroBranches } from "@lathe/prune";

const uniform = (seed: number) => {
  const source = random(seed);
  return () => source.float();
};
const runtime = ortRuntime();
const models: Readonly<Record<string, { make: () => Model; branches: number; parameters?: number }>> = {
  "resnet-20": { make: () => resnet20({ random: uniform(1) }), branches: 7 },
  "mobilenet v2": { make: () => mobileNetV2({ random: uniform(2), size: 32, classes: 10 }), branches: 10 },
  vit: { make: () => vit({ random: uniform(3), layers: 2, hidden: 32, heads: 2 }), branches: 4 },
  bert: { make: () => bert({ random: uniform(4), tokens: 8, vocabulary: 50, layers: 2 }), branches: 4 },
};
const feedsFor = (model: Model) => randomFeeds(model, { seed: 1, bindings: { N: 2 }, ranges: { input_ids: [0, 49], attention_mask: [1, 1] } });

async function ready(model: Model): Promise<Model> {
  await prepare(model, standardOps);
  return model;
}

/** x + f(x) on [N, 8], `f` built by the caller. */
function residual(build: (b: ModelBuilder, x: ReturnType<ModelBuilder["input"]>) => ReturnType<ModelBuilder["input"]>): Model {
  const b = new ModelBuilder({ name: "residual", random: uniform(5) });
  const x = b.relu(b.linear(b.input("x", ["N", 8]), "stem", 8, 8));
  return b.output(b.linear(build(b, x), "head", 8, 4), "y", ["N", 4]);
}

describe("residual branches", () => {
  it.each(Object.entries(models))("of %s are found, and a model without them is the original with zeros for what they add", async (_, { make, branches: count }) => {
    const original = await ready(make());
    const found = residualBranches(original.graph);
    expect(found).toHaveLength(count);
    const chosen = new Set(found.filter((__, i) => i % 2 === 0).map((b) => b.name));
    const [zeroed, model] = [original.clone(), original.clone()];
    zeroBranches(zeroed, residualBranches(zeroed.graph).filter((b) => chosen.has(b.name)));
    await removeBranches(model, residualBranches(model.graph).filter((b) => chosen.has(b.name)));
    inferShapes(model);
    const gone = found.filter((b) => chosen.has(b.name)).reduce((sum, b) => sum + b.parameters, 0);
    // Scalars that several branches share go as well, when no branch is left to read them.
    expect(stats(original).parameters - stats(model).parameters - gone).toBeGreaterThanOrEqual(0);
    expect(stats(original).parameters - stats(model).parameters - gone).toBeLessThan(50);
    const { tensors } = await compare(zeroed, model, [feedsFor(model)], { runtime });
    for (const [output, difference] of Object.entries(tensors)) expect([output, difference.maxAbs < 1e-5]).toEqual([output, true]);
  });

  it("are not what an activation function adds to its own input", async () => {
    // tanh-Gelu: x + 0.0447 x³ has the form of a residual sum, without weights.
    const model = residual((b, x) => b.node("Add", [x, b.node("Mul", [x, b.node("Mul", [x, x])])]));
    expect(residualBranches((await ready(model)).graph)).toEqual([]);
  });

  it("are not sums of two projections, nor sums that broadcast the stream", async () => {
    const two = residual((b, x) => b.node("Add", [b.linear(x, "left", 8, 8), b.linear(x, "right", 8, 8)]));
    expect(residualBranches((await ready(two)).graph)).toEqual([]);
    const wide = residual((b, x) => {
      const mean = b.node("ReduceMean", [x], { axes: attr.ints([0]), keepdims: attr.int(1) });
      return b.node("Add", [mean, b.linear(b.node("Add", [mean, x]), "branch", 8, 8)]);
    });
    expect(residualBranches((await ready(wide)).graph)).toEqual([]);
  });

  it("may start from the same place of one stream (parallel attention and MLP)", async () => {
    const model = residual((b, x) => b.node("Add", [b.node("Add", [x, b.linear(x, "attention", 8, 8)]), b.linear(x, "mlp", 8, 8)]));
    const found = residualBranches((await ready(model)).graph);
    expect(found.map((b) => b.parameters)).toEqual([72, 72]);
    expect(blocksOf(found, 2).map((b) => b.branches.length)).toEqual([2]);
  });

  it("leave a node behind where their sum is an output of the model", async () => {
    const b = new ModelBuilder({ name: "ends", random: uniform(6) });
    const x = b.input("x", ["N", 8]);
    const model = await ready(b.output(b.node("Add", [x, b.linear(x, "branch", 8, 8)]), "y", ["N", 8]));
    await removeBranches(model, residualBranches(model.graph));
    expect([...model.graph.nodes].map((n) => n.op)).toEqual(["Identity"]);
    const session = await runtime.load(model);
    const values = Float32Array.from({ length: 8 }, (_, i) => i);
    expect((await session.run({ x: Tensor.from("float32", [1, 8], values) }))["y"]!.toFloat32()).toEqual(values);
    await session.dispose();
  });
});

describe("block influence", () => {
  it("is 1 - cos of what goes in and what comes out", async () => {
    const model = new Model({ opset: 17 });
    const { graph } = model;
    const x = graph.addInput("x", tensorType("float32", [2, 2]));
    // The branch turns (a, b) into (-b, a): at right angles, so the sum is at 45 degrees.
    const turned = graph.add({ opType: "MatMul", inputs: [x, graph.addInitializer("w", Tensor.from("float32", [2, 2], [0, 1, -1, 0]))], outputs: ["turned"] }).out;
    graph.addOutput(graph.add({ opType: "Add", inputs: [x, turned], outputs: ["y"] }).out);
    inferShapes(model);
    const blocks = blocksOf(residualBranches(graph), 1);
    const [influence] = await blockInfluence(model, blocks, { runtime, batches: [{ x: Tensor.from("float32", [2, 2], [1, 2, -3, 0.5]) }] });
    expect(influence).toBeCloseTo(1 - Math.SQRT1_2, 6);
  });
});

describe("prune-blocks", () => {
  const model = vit({ random: uniform(7), layers: 4, hidden: 32, heads: 2 });
  const data = dataset([0, 1].map((seed) => randomFeeds(model, { seed, unbound: 2 })));

  it("takes the layers of least influence", async () => {
    const { model: small, report } = await pipeline(pruneBlocks({ ratio: 0.5, branches: 2 })).run(model, { data, runtime }).result;
    const { metrics, details } = report.data.steps[0]!;
    expect(metrics).toMatchObject({ blocks: 4, removedBlocks: 2 });
    const { blocks } = details as unknown as { blocks: readonly { influence: number; removed: boolean }[] };
    const [gone, kept] = [blocks.filter((b) => b.removed), blocks.filter((b) => !b.removed)];
    expect(Math.max(...gone.map((b) => b.influence))).toBeLessThanOrEqual(Math.min(...kept.map((b) => b.influence)));
    expect(stats(model).parameters - stats(small).parameters).toBe(metrics["removedParameters"]);
  });

  it("takes those that are named without data, and keeps those that are excluded", async () => {
    const names = blocksOf(residualBranches((await ready(model.clone())).graph), 1).map((b) => b.name);
    const { report } = await pipeline(pruneBlocks({ blocks: [names[2]!] })).run(model).result;
    expect(report.data.steps[0]!.metrics["removedBlocks"]).toBe(1);
    const { report: other } = await pipeline(pruneBlocks({ ratio: 0.9, exclude: names.slice(1) })).run(model, { data, runtime }).result;
    expect(other.data.steps[0]!.metrics["removedBlocks"]).toBe(1);
  });

  it("says what is missing", async () => {
    await expect(pipeline(pruneBlocks({ blocks: ["nope"] })).run(model).result).rejects.toThrow(/PRUNE_UNKNOWN_BLOCK.*nope/);
    await expect(pipeline(pruneBlocks({})).run(lenet({ random: uniform(8) })).result).rejects.toThrow(/PRUNE_NO_BLOCKS/);
    await expect(pipeline(pruneBlocks({})).run(model).result).rejects.toThrow(/SERVICE_MISSING/);
  });
});
