/** What data is good for: importance, refit, statistics, masks in training. */
import { describe, expect, it } from "vitest";
import { attr, dataset, inferShapes, pipeline, random, standardOps, stats, Tensor, type Feeds, type Model, type Tensor as T } from "@lathe/core";
import { compare, ortRuntime, randomTensor } from "@lathe/ort";
import {
  clusterWeights, compressedSizes, cut, cutCopy, dataCriterion, dependencyGraph, estimateBatchNorm, kMeans, maskFeeds, permuteForPattern, polynomialDecay, prepare, pruneChannels, pruneOneShot,
  pruneWeights, refit, sparseFit, updatesAt, weightsOf, withMaskInputs, type DependencyGraph,
} from "@lathe/prune";
import { adamW, ModelBuilder, tensorData } from "@lathe/train";

const runtime = ortRuntime();
const uniform = (seed: number) => random(seed).float;

/** Two convolutions with a Relu between them, and a linear head. */
function small(seed = 1, hidden = 12): Model {
  const b = new ModelBuilder({ name: "small", random: uniform(seed) });
  const x = b.input("input", ["N", 3, 8, 8]);
  const y = b.relu(b.batchNorm(b.conv(x, "a", 3, hidden), "bn", hidden));
  const z = b.relu(b.conv(y, "b", hidden, 8, { bias: true }));
  const flat = b.node("Flatten", [b.globalAveragePool(z)], { axis: attr.int(1) });
  return b.output(b.linear(flat, "head", 8, 4), "logits", ["N", 4]);
}

const batches = (count: number, size: number, seed: number): Feeds[] => Array.from({ length: count }, (_, i) => ({ input: randomTensor("float32", [size, 3, 8, 8], random(`${seed}/${i}`)) }));

async function ready(model: Model): Promise<{ model: Model; graph: DependencyGraph }> {
  await prepare(model, standardOps);
  return { model, graph: dependencyGraph(model) };
}

const edit = (model: Model, name: string, f: (data: Float32Array) => void): void => {
  const value = model.graph.value(name)!;
  const data = value.tensor!.toFloat32().slice();
  f(data);
  model.graph.setInitializer(value, Tensor.from("float32", value.tensor!.dims, data));
};

describe("refit", () => {
  it("gives the original back when what was cut is a copy of what stays", async () => {
    const { model, graph } = await ready(small());
    // Channels 6..11 of the first layer repeat channels 0..5.
    edit(model, "a.weight", (w) => w.copyWithin(w.length / 2, 0, w.length / 2));
    const group = graph.groups.find((g) => g.units.length === 12)!;
    const original = model.clone();
    const kept = cut(model, graph, new Map([[group, new Set(group.units.slice(6))]]));
    inferShapes(model);
    const check = batches(1, 4, 9);
    const error = async (): Promise<number> => (await compare(original, model, check, { runtime })).tensors["logits"]!.maxAbs;
    const before = await error();
    const layers = await refit(model, original, kept, { runtime, batches: batches(6, 8, 1), random: random(1), strength: 1e-6 });
    expect(layers.map((l) => l.layer).length).toBe(2);
    expect(layers[0]!.after).toBeLessThan(1e-3);
    expect(await error()).toBeLessThan(before / 100);
  });

  it.each([0.3, 0.6])("brings the outputs nearer on new samples after %f of all channels went", async (ratio) => {
    const { model } = await ready(small(3, 24));
    const services = { runtime, data: dataset(batches(6, 8, 2)) };
    const run = async (refitted: boolean): Promise<Model> => (await pipeline(pruneChannels({ ratio, scope: "group", refit: refitted })).run(model, services).result).model;
    const meanError = async (made: Model): Promise<number> => (await compare(model, made, batches(2, 8, 50), { runtime })).tensors["logits"]!.meanAbs;
    expect(await meanError(await run(true))).toBeLessThan((await meanError(await run(false))) * 0.8);
  });

  it.each([["of one size", [8, 8, 8]], ["of different sizes", [8, 3, 5]]] as const)("gives the same whether what was computed is kept or computed again, with batches %s", async (_, sizes) => {
    const b = new ModelBuilder({ name: "residual", random: uniform(4) });
    const stem = b.relu(b.conv(b.input("input", ["N", 3, 8, 8]), "stem", 3, 16, { bias: true }));
    const branch = b.conv(b.relu(b.conv(stem, "a", 16, 24)), "b", 24, 16);
    const sum = b.relu(b.node("Add", [stem, branch]));
    const { model, graph } = await ready(b.output(b.linear(b.node("Flatten", [b.globalAveragePool(sum)], { axis: attr.int(1) }), "head", 16, 4), "logits", ["N", 4]));
    const samples = sizes.map((size, i) => ({ ...batches(1, size, i)[0]!, labels: Tensor.int64([1]) }));
    const selection = new Map(graph.groups.map((g) => [g, new Set(g.units.slice(0, g.units.length / 2))] as const));
    const refitted = async (maxBytes: number): Promise<Float32Array[]> => {
      const { model: copy, kept } = cutCopy(model, graph, selection);
      const layers = await refit(copy, model, kept, { runtime, batches: samples, random: random(1), maxBytes });
      expect(layers.every((l) => l.after < l.before)).toBe(true);
      return ["a.weight", "b.weight", "head.weight", "head.bias"].map((name) => copy.graph.value(name)!.tensor!.toFloat32());
    };
    const [keeping, again] = [await refitted(2 ** 29), await refitted(0)];
    keeping.forEach((data, i) => data.forEach((x, at) => expect(again[i]![at]).toBeCloseTo(x, 4)));
  });

  it("leaves the weights of a depthwise channel whose input is always zero", async () => {
    const b = new ModelBuilder({ name: "depthwise", random: uniform(2) });
    const x = b.input("input", ["N", 3, 8, 8]);
    const y = b.conv(b.relu(b.batchNorm(b.conv(x, "a", 3, 12), "bn", 12)), "b", 12, 12, { group: 12 });
    const { model, graph } = await ready(b.output(b.conv(y, "c", 12, 4), "logits", ["N", 4, 8, 8]));
    for (const parameter of ["bn.weight", "bn.bias"]) edit(model, parameter, (w) => (w[0] = 0));
    const group = graph.groups.find((g) => g.units.length === 12)!;
    const original = model.clone();
    const kept = cut(model, graph, new Map([[group, new Set(group.units.slice(8))]]));
    inferShapes(model);
    const layers = await refit(model, original, kept, { runtime, batches: batches(4, 4, 1), random: random(1) });
    expect(layers.at(-1)!.after).toBeLessThan(layers.at(-1)!.before);
    const taps = (m: Model): number[] => [...m.graph.value("b.weight")!.tensor!.toFloat32().slice(0, 9)];
    expect(taps(model)).toEqual(taps(original));
  });

  it("measures statistics of BatchNormalization again", async () => {
    const { model } = await ready(small());
    const data = batches(4, 16, 3);
    const original = model.clone();
    edit(model, "a.weight", (w) => w.forEach((x, i) => (w[i] = 3 * x)));
    expect(await estimateBatchNorm(model, data, { runtime, ops: standardOps })).toBe(1);
    const reference = original.clone();
    await estimateBatchNorm(reference, data, { runtime, ops: standardOps });
    // A scale in front of a normalisation does not matter once its statistics are right.
    expect((await compare(reference, model, data, { runtime })).tensors["logits"]!.maxAbs).toBeLessThan(1e-3);
  });
});

describe("importance from data", () => {
  const labelled = batches(3, 8, 4).map((feeds) => ({ ...feeds, labels: Tensor.int64([0, 1, 2, 3, 0, 1, 2, 3]) }));
  const scoresOf = async (name: "taylor" | "fisher" | "activation" | "apoz"): Promise<Float64Array> => {
    const { model, graph } = await ready(small());
    // Channel 5 sends nothing on: its normalisation gives 0.
    for (const parameter of ["bn.weight", "bn.bias"]) edit(model, parameter, (w) => (w[5] = 0));
    const group = graph.groups.find((g) => g.units.length === 12)!;
    const judge = await dataCriterion(name, model, graph.groups, { runtime, batches: labelled, reduction: "sum" });
    return judge(group, random(1));
  };

  it.each(["taylor", "fisher", "activation", "apoz"] as const)("%s finds the channel that does nothing", async (name) => {
    const scores = await scoresOf(name);
    expect(scores.indexOf(Math.min(...scores))).toBe(5);
    expect(scores[5]).toBe(0);
  });

  it("asks for labels", async () => {
    const run = pipeline(pruneChannels({ criterion: "taylor" })).run(small(), { runtime, data: dataset(batches(1, 2, 1)) });
    await expect(run.result).rejects.toThrow(/PRUNE_NO_LABELS.*labels.*input/);
  });
});

describe("single weights", () => {
  it("SparseGPT stays nearer to the original than magnitude at the same sparsity", async () => {
    const model = small(7, 16);
    const services = { runtime, data: dataset(batches(6, 8, 5)) };
    const error = async (made: Model): Promise<number> => (await compare(model, made, batches(2, 8, 60), { runtime })).tensors["logits"]!.meanAbs;
    const { model: oneShot, report } = await pipeline(pruneOneShot({ sparsity: 0.6 })).run(model, services).result;
    const { model: magnitude } = await pipeline(pruneWeights({ sparsity: 0.6, scope: "tensor" })).run(model).result;
    expect(report.data.steps[0]!.metrics["sparsity"]).toBeCloseTo(0.6, 1);
    expect(await error(oneShot)).toBeLessThan(await error(magnitude));
  });

  it("2:4 holds along the channels of every tap", async () => {
    const { model } = await pipeline(pruneOneShot({ pattern: "2:4" })).run(small(), { runtime, data: dataset(batches(2, 4, 5)) }).result;
    const { dims } = model.graph.value("b.weight")!.tensor!;
    const data = model.graph.value("b.weight")!.tensor!.toFloat32();
    const [outputs = 0, channels = 0] = dims;
    for (let o = 0; o < outputs; o++) for (let tap = 0; tap < 9; tap++) for (let c = 0; c < channels; c += 4) {
      const zeros = [0, 1, 2, 3].filter((i) => data[(o * channels + c + i) * 9 + tap] === 0).length;
      expect(zeros).toBeGreaterThanOrEqual(2);
    }
  });

  it("a permutation keeps the results and more of the weight", async () => {
    const { model, graph } = await ready(small(11, 32));
    const original = model.clone();
    const { groups, gain } = permuteForPattern(model, graph, { n: 2, m: 4 });
    expect(groups).toBeGreaterThan(0);
    expect(gain).toBeGreaterThan(1);
    expect((await compare(original, model, batches(1, 4, 1), { runtime })).tensors["logits"]!.maxAbs).toBeLessThan(1e-5);
  });

  it("masks as inputs try a sparsity without another model", async () => {
    const { model } = await ready(small());
    const weights = weightsOf(model);
    const soft = withMaskInputs(model, weights);
    const [feeds] = batches(1, 2, 1) as [Feeds];
    const masks = weights.map((w) => Uint8Array.from({ length: w.tensor.size }, (_, i) => i % 2));
    const session = await runtime.load(soft);
    const { logits } = await session.run({ ...feeds, ...maskFeeds(weights, masks) });
    await session.dispose();
    weights.forEach((w, i) => edit(model, w.value.name, (data) => data.forEach((x, at) => (data[at] = x * masks[i]![at]!))));
    const plain = await runtime.load(model);
    const expected = (await plain.run(feeds))["logits"] as T;
    await plain.dispose();
    expect(Math.max(...logits!.toFloat32().map((x, i) => Math.abs(x - expected.toFloat32()[i]!)))).toBeLessThan(1e-5);
  });

  it("training under a schedule ends with the wanted zeros, through Adam, and learns", async () => {
    const model = small(5);
    const size = 64;
    const images = randomTensor("float32", [size, 3, 8, 8], random(8));
    // The label is the sign pattern of two pixels: learnable.
    const pixels = images.toFloat32();
    const labels = Tensor.int64(Array.from({ length: size }, (_, i) => (pixels[i * 192]! > 0 ? 1 : 0) + (pixels[i * 192 + 100]! > 0 ? 2 : 0)));
    const losses: number[] = [];
    const { model: sparse, sparsity, steps } = await sparseFit({
      model, data: tensorData({ input: images, labels }), runtime, epochs: 20, batchSize: 32, optimizer: adamW(), schedule: 0.01,
      sparsity: polynomialDecay({ initial: 0, final: 0.75, begin: 0, end: 20 }), updates: updatesAt({ begin: 0, end: 20, frequency: 5 }), onStep: ({ loss }) => losses.push(loss),
    });
    expect([steps, Number(sparsity.toFixed(2))]).toEqual([40, 0.75]);
    const zeros = weightsOf(sparse).flatMap((w) => Array.from(w.tensor.toFloat32())).filter((x) => x === 0).length;
    expect(zeros / weightsOf(sparse).reduce((sum, w) => sum + w.tensor.size, 0)).toBeCloseTo(0.75, 2);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    expect(sparse.graph.inputs.map((v) => v.name)).toEqual(["input"]);
  });
});

describe("storage", () => {
  it("pays with sparsity", async () => {
    const { model } = await pipeline(pruneWeights({ sparsity: 0.9 })).run(small(1, 64)).result;
    const sizes = await compressedSizes(model);
    expect(sizes.raw).toBe(stats(model).bytes);
    expect(sizes.container).toBeLessThan(sizes.gzip);
    expect(sizes.gzip).toBeLessThan(sizes.raw / 2);
  });

  it.each(["linear", "density", "random", "plus-plus"] as const)("clusters from a %s start keep zeros and come nearer than a plain grid", (start) => {
    const source = random(3);
    const data = Float32Array.from({ length: 2000 }, (_, i) => (i % 3 === 0 ? 0 : source.normal()));
    const { centroids, indices } = kMeans(data, 16, start, true, random(1));
    expect(centroids.length).toBeLessThanOrEqual(16);
    data.forEach((x, i) => expect(centroids[indices[i]!] === 0).toBe(x === 0));
    const step = (Math.max(...data) - Math.min(...data)) / 15;
    const error = data.reduce((sum, x, i) => sum + (x - centroids[indices[i]!]!) ** 2, 0);
    const grid = data.reduce((sum, x) => sum + (x === 0 ? 0 : (step * step) / 12), 0);
    expect(error).toBeLessThan(grid);
  });

  it("the gather form runs and takes a quarter of the bytes", async () => {
    const model = small(1, 64);
    const run = async (form: "values" | "gather"): Promise<Model> => (await pipeline(clusterWeights({ clusters: 16, form })).run(model).result).model;
    const [values, gather] = [await run("values"), await run("gather")];
    expect((await compare(values, gather, batches(1, 2, 1), { runtime })).tensors["logits"]!.maxAbs).toBeLessThan(1e-6);
    expect(stats(gather).bytes).toBeLessThan(stats(values).bytes * 0.4);
  });
});

it("a layer to be left out that is not there is refused by name", async () => {
  const run = pipeline(pruneOneShot({ exclude: ["nope"] })).run(small(), { runtime, data: dataset(batches(1, 2, 1)) });
  await expect(run.result).rejects.toThrow(/PRUNE_UNKNOWN_LAYER.*nope/);
});

it("a model without float32 kernels is refused by name", async () => {
  const model = small();
  for (const value of [...model.graph.initializers]) model.graph.setInitializer(value, value.tensor!.cast("float16"));
  await expect(pipeline(pruneWeights()).run(model).result).rejects.toThrow(/PRUNE_NO_WEIGHTS|float/);
});
