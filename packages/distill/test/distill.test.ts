import { describe, expect, it } from "vitest";
import { Tensor, dataset, random, type Model } from "@lathe/core";
import { TeacherCache, attentionTransfer, correlation, decoupled, distill, distilBertTerms, hint, layerMap, initializeFrom, resNetTerms, sharedTensors, softTargets, standardTerms, task, taughtData, tinyBertTerms } from "@lathe/distill";
import { ModelBuilder, crossEntropy, evaluate, fit, resnet20, sgd, tensorData, type FitEvent } from "@lathe/train";
import { encoder, imageEncoder, network, places, placesData } from "./networks.ts";
import { runtime } from "./harness.ts";

const weights = (model: Model): Record<string, number[]> => Object.fromEntries([...model.graph.initializers].map((v) => [v.name, v.tensor!.toNumbers()]));
const teach = async (): Promise<Model> => (await fit({ model: network(32), data: tensorData(places(240)), epochs: 15, schedule: 0.02, runtime, optimizer: sgd({ momentum: 0.9 }) }).result).model;

describe("distill", () => {
  it("teaches a student that never sees a label", async () => {
    const teacher = await teach();
    const unlabelled = tensorData({ input: places(240).input });
    const student = network(8, { seed: 2 });
    const run = distill({ teacher, student, data: unlabelled, epochs: 25, schedule: 0.02, optimizer: sgd({ momentum: 0.9 }), runtime, terms: [softTargets({ temperature: 2 })] });
    const { model } = await run.result;
    const test = placesData(300);
    const [of, before] = [await evaluate(model, test, { runtime }), await evaluate(student, test, { runtime })];
    expect(before["accuracy"]).toBeLessThan(0.6);
    expect(of["accuracy"]).toBeGreaterThan((await evaluate(teacher, test, { runtime }))["accuracy"]! - 0.03);
  });

  it("shows each term of each step, and leaves both models alone", async () => {
    const [teacher, student] = [network(16), network(8)];
    const before = [weights(teacher), weights(student)];
    const events: FitEvent[] = [];
    const terms = [...standardTerms(), hint({ student: "features", teacher: "features", weight: 0.5 })];
    const { model } = await distill({ teacher, student, data: tensorData(places(64)), epochs: 2, runtime, terms, onEvent: (e) => events.push(e) }).result;
    expect([weights(teacher), weights(student)]).toEqual(before);
    const steps = events.filter((e) => e.type === "step");
    expect(steps).toHaveLength(4);
    for (const { loss, metrics } of steps) {
      expect(Object.keys(metrics)).toEqual(["soft targets", "task", "hint"]);
      expect(loss).toBeCloseTo(0.9 * metrics["soft targets"]! + 0.1 * metrics["task"]! + 0.5 * metrics["hint"]!, 4);
    }
    // The projection between the widths was trained, and is gone.
    expect(Object.keys(weights(model)).sort()).toEqual(Object.keys(before[1]!).sort());
  });

  it("trains the projection: a wider teacher's features are met better than without", async () => {
    const teacher = await teach();
    const events: FitEvent[] = [];
    await distill({ teacher, student: network(8), data: tensorData(places(240)), epochs: 20, schedule: 0.05, optimizer: sgd({ momentum: 0.9 }), runtime, terms: [hint({ student: "features", teacher: "features" })], onEvent: (e) => events.push(e) }).result;
    const losses = events.flatMap((e) => (e.type === "epoch" ? [e.loss] : []));
    expect(losses.at(-1)).toBeLessThan(0.3 * losses[0]!);
  });

  it("asks the teacher once about each example", async () => {
    const teacher = network(16);
    const source = tensorData(places(50));
    const taught = await taughtData(source, teacher, { runtime, tensors: ["logits", "features"] });
    const order = [[0, 1, 2], [2, 3], [3, 2, 1, 0], [49]];
    for (const indices of order) {
      const batch = await taught.data.batch(indices, random(0));
      const session = await runtime.load(teacher);
      const truth = await session.run({ input: batch["input"]! });
      expect(batch["teacher/logits"]!.dims).toEqual([indices.length, 6]);
      batch["teacher/logits"]!.toNumbers().forEach((v, i) => expect(v).toBeCloseTo(truth["logits"]!.toNumbers()[i]!, 5));
      expect(batch["teacher/features"]!.dims).toEqual([indices.length, 16]);
      await session.dispose();
    }
    expect(taught.cache.misses).toBe(5);
    expect(taught.cache.hits).toBe(5);
    await taught.dispose();
  });

  it("waits for the second time over the data before it gives up looking", async () => {
    const count = 4_200;
    const taught = await taughtData(tensorData(places(count)), network(16), { runtime, tensors: ["logits"] });
    const all = Array.from({ length: count }, (_, i) => i);
    for (const half of [all.slice(0, 4_150), all.slice(4_150), all]) await taught.data.batch(half, random(0));
    expect([taught.cache.hits, taught.cache.misses]).toEqual([count, count]);
    await taught.dispose();
  });

  it("counts what small answers take beside their values", () => {
    const cache = new TeacherCache(2 ** 20);
    for (let i = 0; i < 4_000; i++) cache.keep(`key ${i}`, [Tensor.from("float32", [1, 2], [i, i])]);
    const kept = Array.from({ length: 4_000 }, (_, i) => cache.find(`key ${i}`)).filter((row) => row !== undefined).length;
    expect(kept).toBeGreaterThan(500);
    expect(kept).toBeLessThan(1_000);
  });

  it("does not confuse an example with its augmented self", async () => {
    const teacher = network(16);
    const doubled = tensorData(places(8), (batch, r) => ({ ...batch, input: Tensor.from("float32", batch["input"]!.dims, batch["input"]!.toNumbers().map((v) => v * (1 + r.float()))) }));
    const taught = await taughtData(doubled, teacher, { runtime, tensors: ["logits"] });
    const [a, b] = [await taught.data.batch([0], random(1)), await taught.data.batch([0], random(2))];
    expect(a["teacher/logits"]!.toNumbers()).not.toEqual(b["teacher/logits"]!.toNumbers());
    expect(taught.cache.hits).toBe(0);
    await taught.dispose();
  });

  it("forgets what was used longest ago when memory is short", async () => {
    const taught = await taughtData(tensorData(places(8)), network(16), { runtime, tensors: ["logits"], cacheBytes: 3 * (6 * 4 + 1024 + 256) });
    for (const i of [0, 1, 2, 0, 3, 1, 0]) await taught.data.batch([i], random(0));
    // 0 was used again before 3 came, so 1 made room.
    expect([taught.cache.hits, taught.cache.misses]).toEqual([2, 5]);
    await taught.dispose();
  });

  it("takes the teacher's tensors from the data when they are there", async () => {
    const data = tensorData({ ...places(32), "teacher/logits": Tensor.from("float32", [32, 6], new Array<number>(192).fill(0.5)) });
    const taught = await taughtData(data, network(16), { runtime, tensors: ["logits"] });
    expect((await taught.data.batch([0], random(0)))["teacher/logits"]!.toNumbers()).toEqual(new Array(6).fill(0.5));
    await taught.dispose();
  });

  it("reads the teacher's inputs under other names", async () => {
    const b = new ModelBuilder({ name: "other", random: random(3).float });
    const teacher = b.output(b.linear(b.input("points", ["B", 2]), "fc", 2, 6), "scores", ["B", 6]);
    const options = { teacher, student: network(8), data: tensorData(places(32)), epochs: 1, runtime };
    await expect(distill(options).result).rejects.toThrow(/DISTILL_TEACHER_INPUT.*points.*input, labels/s);
    await expect(distill({ ...options, teacherInputs: { points: "input" } }).result).resolves.toBeDefined();
  });

  it("gives the same bytes for the same seed", async () => {
    const once = async (): Promise<unknown> => weights((await distill({ teacher: network(16), student: network(8), data: tensorData(places(48)), epochs: 2, runtime, seed: 5, terms: [...standardTerms(), decoupled({ weight: 0.1 }), correlation()] }).result).model);
    expect(await once()).toEqual(await once());
  });

  it("stops within a step", async () => {
    const abort = new AbortController();
    const run = distill({ teacher: network(16), student: network(8), data: tensorData(places(64)), epochs: 100, runtime, signal: abort.signal, onEvent: (e) => e.type === "step" && e.step === 3 && abort.abort() });
    await expect(run.result).rejects.toThrow(/abort/i);
  });
});

describe("refusals", () => {
  const base = { teacher: network(16), student: network(8), data: tensorData(places(32)), epochs: 1, runtime };
  for (const [what, options, message] of [
    ["a tensor that the teacher lacks", { terms: [hint({ student: "features", teacher: "feature" })] }, /DISTILL_NO_TENSOR.*teacher.*"feature".*Did you mean "features"/],
    ["a tensor that the student lacks", { terms: [hint({ student: "nowhere", teacher: "features" })] }, /DISTILL_NO_TENSOR.*student.*"nowhere"/],
    ["other classes", { teacher: network(16, { classes: 5 }) }, /DISTILL_SHAPE.*\[N, 6\].*\[N, 5\].*same classes/],
    ["maps that are none", { terms: [attentionTransfer({ student: "features", teacher: "features" })] }, /DISTILL_SHAPE.*attention transfer/],
    ["no term", { terms: [] }, /DISTILL_OPTION.*terms/],
    ["a negative weight", { terms: [softTargets({ weight: -1 })] }, /DISTILL_OPTION.*weight of "soft targets"/],
  ] as const) {
    it(what, async () => {
      await expect(distill({ ...base, ...options }).result).rejects.toThrow(message);
    });
  }

  it("options out of range, where they are given", () => {
    expect(() => softTargets({ temperature: 0 })).toThrow(/DISTILL_OPTION.*temperature/);
    expect(() => softTargets({ divergence: 1 })).toThrow(/DISTILL_OPTION.*divergence/);
  });

  it("a teacher of fixed batch that other batches come to", async () => {
    const b = new ModelBuilder({ name: "fixed", random: random(3).float });
    const teacher = b.output(b.linear(b.input("input", [4, 2]), "fc", 2, 6), "scores", [4, 6]);
    await expect(distill({ ...base, teacher, batchSize: 8 }).result).rejects.toThrow(/DISTILL_BATCH.*4.*8/);
    await expect(distill({ ...base, teacher, batchSize: 4 }).result).resolves.toBeDefined();
  });
});

describe("students", () => {
  it.each([
    ["spread", 6, 12, [0, 2, 4, 7, 9, 11]], ["uniform", 4, 12, [2, 5, 8, 11]], ["first", 2, 5, [0, 1]], ["last", 2, 5, [3, 4]], ["spread", 1, 4, [0]],
  ] as const)("%s layers: %i of %i", (kind, student, teacher, expected) => {
    expect(layerMap(student, teacher, kind)).toEqual(expected);
  });

  it("refuses more layers than the teacher has", () => {
    expect(() => layerMap(3, 2)).toThrow(/DISTILL_OPTION/);
  });

  it("begin with the teacher's layers", () => {
    const [student, teacher] = [encoder(2, 1), encoder(4, 2)];
    const { model, copied, kept } = initializeFrom(student, teacher, { pattern: "layer{}.", layers: "uniform" });
    expect(kept).toEqual([]);
    expect(copied["layer1.attention.query.weight"]).toBe("layer3.attention.query.weight");
    const [got, source] = [weights(model), weights(teacher)];
    for (const [to, from] of Object.entries(copied)) expect(got[to]).toEqual(source[from]);
    expect(weights(student)).toEqual(weights(encoder(2, 1)));
  });

  it("count layers by the number that the pattern means, whatever other numbers stand before it", () => {
    const named = (model: Model): Model => {
      for (const value of model.graph.initializers) value.name = `net1.${value.name}`;
      return model;
    };
    const { copied, kept } = initializeFrom(named(encoder(2, 1)), named(encoder(4, 2)), { pattern: "net1.layer{}.", layers: "uniform" });
    expect(kept).toEqual([]);
    expect(copied["net1.layer1.attention.query.weight"]).toBe("net1.layer3.attention.query.weight");
  });

  it("keep what the teacher has in another shape", () => {
    const { copied, kept } = initializeFrom(network(8), network(16, { seed: 2 }));
    expect(Object.keys(copied)).toEqual(["fc3.bias"]);
    expect(kept).toContain("fc1.weight");
  });

  it("name a pattern that fits nothing", () => {
    expect(() => initializeFrom(encoder(2), encoder(4), { pattern: "block{}." })).toThrow(/DISTILL_NO_LAYERS.*student.*block\{\}/);
    expect(() => initializeFrom(encoder(2), encoder(4), { pattern: "layer{}.", layers: [0, 9] })).toThrow(/DISTILL_OPTION.*0 to 3.*9/);
  });
});

describe("recipes", () => {
  const tokens = (count: number) => {
    const r = random("tokens");
    const ids = Array.from({ length: count * 6 }, () => Math.floor(r.float() * 50));
    return dataset({ input_ids: Tensor.int64(ids, [count, 6]), attention_mask: Tensor.int64(ids.map(() => 1), [count, 6]), labels: Tensor.int64(Array.from({ length: count }, (_, i) => (ids[i * 6]! < 25 ? 0 : 1))) });
  };
  const nameOf = (model: Model, opType: string, index: number): string => [...model.graph.nodes].filter((n) => n.opType === opType)[index]!.out.name;
  const decreases = async (options: Parameters<typeof distill>[0]): Promise<void> => {
    const { history } = await distill({ ...options, runtime }).result;
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
  };

  it("BERT: DistilBERT's three losses", async () => {
    const [teacher, fresh] = [encoder(4, 2), encoder(2, 1)];
    const { model: student } = initializeFrom(fresh, teacher, { pattern: "layer{}." });
    const hidden = [[nameOf(student, "LayerNormalization", 4), nameOf(teacher, "LayerNormalization", 8)]] as const;
    await decreases({ teacher, student, data: tokens(48), epochs: 6, schedule: 2e-3, terms: distilBertTerms({ hidden }) });
  });

  it("BERT: TinyBERT's two stages", async () => {
    const [teacher, student] = [encoder(4, 2), encoder(2, 1)];
    const scores = (model: Model, layer: number): string => [...model.graph.nodes].filter((n) => n.opType === "Softmax")[layer]!.input(0)!.name;
    const map = layerMap(2, 4, "uniform");
    const { inside, answers } = tinyBertTerms({
      attention: map.map((t, s) => [scores(student, s), scores(teacher, t)]),
      hidden: [[nameOf(student, "LayerNormalization", 0), nameOf(teacher, "LayerNormalization", 0)], ...map.map((t, s) => [nameOf(student, "LayerNormalization", 2 + 2 * s), nameOf(teacher, "LayerNormalization", 2 + 2 * t)] as const)],
    });
    await decreases({ teacher, student, data: tokens(48), epochs: 6, schedule: 2e-3, terms: inside });
    await decreases({ teacher, student, data: tokens(48), epochs: 6, schedule: 2e-3, terms: answers });
  });

  const images = (count: number, size: number, classes: number) => {
    const r = random("images");
    return dataset({ input: Tensor.from("float32", [count, 1, size, size], Array.from({ length: count * size * size }, () => r.float())), labels: Tensor.int64(Array.from({ length: count }, (_, i) => i % classes)) });
  };

  it("ResNet: attention transfer at shared stages of a narrower net", async () => {
    const make = (width: number, seed: number): Model => resnet20({ random: random(seed).float, width, channels: 1, size: 8, classes: 3 });
    const [teacher, student] = [make(8, 1), make(4, 2)];
    const stages = sharedTensors(student, teacher, ["Relu"]).slice(-2).map((name) => [name, name] as const);
    await decreases({ teacher, student, data: images(24, 8, 3), epochs: 4, schedule: 1e-2, terms: resNetTerms({ stages }) });
    await decreases({ teacher, student, data: images(24, 8, 3), epochs: 4, schedule: 1e-2, terms: resNetTerms({ stages, features: "hint" }) });
  });

  it("ViT: hidden states of another width", async () => {
    const [teacher, student] = [imageEncoder(4, 16, 2), imageEncoder(2, 8, 1)];
    const last = (model: Model, layers: number): string => nameOf(model, "LayerNormalization", 2 * layers);
    await decreases({ teacher, student, data: images(24, 8, 3), epochs: 4, schedule: 1e-2, terms: [softTargets(), task(crossEntropy()), hint({ student: last(student, 2), teacher: last(teacher, 4) })] });
  });
});
