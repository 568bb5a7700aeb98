import { describe, expect, it } from "vitest";
import { Tensor, attr, dataset, random, type Model } from "@lathe/core";
import { attentionTransfer, correlation, decoupled, distill, distilBertTerms, hint, layerMap, initializeFrom, resNetTerms, sharedTensors, similarity, softTargets, standardTerms, task, tinyBertTerms } from "@lathe/distill";
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

  it("matches scores whose first axis is time, [T, N, classes], and features whose first axis is the batch", async () => {
    const make = (batch: number | string, hidden: number): Model => {
      const b = new ModelBuilder({ name: "times", random: random(hidden).float });
      const inside = b.relu(b.node("MatMul", [b.input("input", [batch, 5, 2]), b.normal("first", [2, hidden], 1)]));
      inside.name = "inside";
      const times = b.node("Transpose", [inside], { perm: attr.ints([1, 0, 2]) });
      return b.output(b.node("MatMul", [times, b.normal("second", [hidden, 3], 1)]), "scores", [5, batch, 3]);
    };
    const r = random("times");
    const data = tensorData({ input: Tensor.from("float32", [32, 5, 2], Array.from({ length: 320 }, () => r.normal())) });
    const terms = [softTargets({ temperature: 1 }), hint({ student: "inside", teacher: "inside", weight: 0.1 })];
    const { history } = await distill({ teacher: make("M", 16), student: make(8, 8), data, epochs: 12, schedule: 0.02, runtime, terms }).result;
    expect(history.at(-1)!.loss).toBeLessThan(0.5 * history[0]!.loss);
  });

  it("reads the teacher's inputs under other names", async () => {
    const b = new ModelBuilder({ name: "other", random: random(3).float });
    const teacher = b.output(b.linear(b.input("points", ["B", 2]), "fc", 2, 6), "scores", ["B", 6]);
    const options = { teacher, student: network(8), data: tensorData(places(32)), epochs: 1, runtime };
    await expect(distill(options).result).rejects.toThrow(/TRAIN_TEACHER_INPUT.*points.*input, labels/s);
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
  it.each([["correlation", correlation()], ["similarity", similarity({ student: "scores", teacher: "scores" })]] as const)("%s of scores whose first axis is time: it is over examples", async (_, term) => {
    const b = new ModelBuilder({ name: "times", random: random(1).float });
    const times = b.node("Transpose", [b.input("input", ["N", 5, 2])], { perm: attr.ints([1, 0, 2]) });
    const model = b.output(b.node("MatMul", [times, b.normal("w", [2, 3], 1)]), "scores", [5, "N", 3]);
    const data = tensorData({ input: Tensor.from("float32", [4, 5, 2], new Float32Array(40)) });
    await expect(distill({ teacher: model, student: model, data, epochs: 1, runtime, terms: [term] }).result).rejects.toThrow(/DISTILL_SHAPE.*the batch as the first axis/);
  });

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
    await expect(distill({ ...base, teacher, batchSize: 8 }).result).rejects.toThrow(/TRAIN_TEACHER_BATCH.*4.*8/);
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
