/** The loop: learning, events, validation, early stopping, aborts, checkpoints and exact resume. */
import { describe, expect, it } from "vitest";
import { Tensor, dataset, random, type Model } from "@lathe/core";
import {
  ModelBuilder, accuracy, adamW, crossEntropy, cosine, encodeTensors, evaluate, fit, flip, lenet, memoryCheckpoint, meanSquaredError, rootMeanSquaredError, rows, sgd, shift, tensorData, warmup,
  type FitEvent, type FitOptions, type TrainingData,
} from "@lathe/train";
import { runtime } from "./harness.ts";

/** Two spirals: points [N, 2] with labels 0 and 1. */
function spirals(count: number, seed: number): TrainingData {
  const r = random(seed);
  const points = new Float32Array(2 * count);
  const labels = Array.from({ length: count }, (_, i) => {
    const [t, label] = [r.float() * 3 + 0.5, i % 2];
    points[2 * i] = (t * Math.cos(2 * t + label * Math.PI)) / 2 + r.normal() * 0.05;
    points[2 * i + 1] = (t * Math.sin(2 * t + label * Math.PI)) / 2 + r.normal() * 0.05;
    return label;
  });
  return tensorData({ input: Tensor.from("float32", [count, 2], points), labels: Tensor.int64(labels) });
}

/** 2 -> 32 -> 32 -> 2 with Dropout or BatchNormalization in between. */
function network(extra?: "dropout" | "batchNorm"): Model {
  const b = new ModelBuilder({ name: "net", random: random("net").float });
  let x = b.relu(b.linear(b.input("input", ["N", 2]), "fc1", 2, 32));
  if (extra === "dropout") x = b.node("Dropout", [x, b.scalar("ratio", 0.2)]);
  if (extra === "batchNorm") x = b.batchNorm(x, "bn", 32);
  x = b.relu(b.linear(x, "fc2", 32, 32));
  return b.output(b.linear(x, "fc3", 32, 2), "logits", ["N", 2]);
}

const base = (more: Partial<FitOptions> = {}): FitOptions => ({ model: network(), data: spirals(256, 1), epochs: 3, batchSize: 32, schedule: 0.01, seed: 7, runtime, ...more });
const bytesOf = async (options: FitOptions): Promise<string> => Buffer.from(encodeTensors({ tensors: (await fit(options).result).weights, metadata: {} })).toString("base64");

async function events(options: FitOptions): Promise<FitEvent[]> {
  const all: FitEvent[] = [];
  await fit({ ...options, onEvent: (e) => all.push(e) }).result;
  return all;
}

describe("fit", () => {
  it("learns two spirals", async () => {
    const test = spirals(200, 2);
    const { model, history } = await fit(base({ epochs: 30, schedule: warmup(10, cosine(0.02)), validate: { data: test } })).result;
    expect((await evaluate(model, test, { runtime }))["accuracy"]).toBeGreaterThan(0.97);
    expect(history).toHaveLength(30);
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss / 5);
  });

  it("leaves the given model alone and gives one of the same inputs and outputs", async () => {
    const options = base({ epochs: 1 });
    const before = [...options.model.graph.initializers].map((v) => v.tensor!.toFloat32()[0]);
    const { model } = await fit(options).result;
    expect([...options.model.graph.initializers].map((v) => v.tensor!.toFloat32()[0])).toEqual(before);
    expect(model.graph.inputs.map((v) => v.name)).toEqual(["input"]);
    expect(model.graph.outputs.map((v) => v.name)).toEqual(["logits"]);
    expect(model.graph.nodeCount).toBe(options.model.graph.nodeCount);
  });

  it("tells of its start, each step, each epoch and the end", async () => {
    const all = await events(base({ metrics: { loss_again: crossEntropy() } }));
    expect(all[0]).toMatchObject({ type: "start", parameters: 6, elements: 2 * 32 + 32 + 32 * 32 + 32 + 64 + 2, stepsPerEpoch: 8, totalSteps: 24, resumedAt: 0 });
    expect((all[0] as { memoryBytes: number }).memoryBytes).toBeGreaterThan(4 * 3 * 1100);
    const steps = all.filter((e) => e.type === "step");
    expect(steps.map((e) => e.step)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    for (const e of steps) expect(e.metrics["loss_again"]).toBeCloseTo(e.loss, 5);
    expect(steps.at(-1)!.etaMs).toBe(0);
    expect(all.filter((e) => e.type === "epoch").map((e) => e.epoch)).toEqual([0, 1, 2]);
    expect(all.at(-1)).toEqual({ type: "end", steps: 24, stopped: "done" });
  });

  it("can be iterated while it runs, and later again from the first event on", async () => {
    const run = fit(base({ epochs: 1 }));
    const types: string[] = [];
    for await (const event of run) types.push(event.type);
    await run.result;
    expect(types[0]).toBe("start");
    expect(types.at(-1)).toBe("end");
    for await (const event of run) {
      expect(event.type).toBe("start");
      break;
    }
  });

  it("trains on a dataset of single examples too", async () => {
    const columns = dataset({ input: Tensor.from("float32", [8, 2], Array.from({ length: 16 }, (_, i) => i / 16)), labels: Tensor.int64([0, 1, 0, 1, 0, 1, 0, 1]) });
    const [single, batched] = await Promise.all([bytesOf(base({ data: columns, epochs: 1, batchSize: 4 })), bytesOf(base({ data: columns.batch(3), epochs: 1, batchSize: 4 }))]);
    expect(single).toBe(batched);
  });

  it("trains regressions", async () => {
    const b = new ModelBuilder({ name: "line", random: random("line").float });
    const model = b.output(b.linear(b.input("input", ["N", 1]), "fc", 1, 1), "y", ["N", 1]);
    const x = Float32Array.from({ length: 64 }, (_, i) => i / 32 - 1);
    const data = tensorData({ input: Tensor.from("float32", [64, 1], x), target: Tensor.from("float32", [64, 1], x.map((v) => 3 * v - 1)) });
    const { weights, history } = await fit(base({ model, data, loss: meanSquaredError(), optimizer: sgd({ momentum: 0.9 }), schedule: 0.1, epochs: 40, batchSize: 16, validate: { data, metrics: [rootMeanSquaredError()] } })).result;
    expect(weights.get("fc.weight")!.toFloat32()[0]).toBeCloseTo(3, 2);
    expect(weights.get("fc.bias")!.toFloat32()[0]).toBeCloseTo(-1, 2);
    expect(history.at(-1)!.scores["rmse"]).toBeLessThan(0.01);
  });

  it("ends early when validation no longer improves, and keeps the best epoch's weights", async () => {
    const noise = tensorData({ input: Tensor.from("float32", [64, 2], new Float32Array(128)), labels: Tensor.int64(Array.from({ length: 64 }, (_, i) => i % 2)) });
    const { history, stopped, epoch } = await fit(base({ epochs: 50, validate: { data: noise }, earlyStopping: { patience: 3 } })).result;
    expect(stopped).toBe("early");
    expect(history.length).toBeLessThan(50);
    expect(epoch).toBe(history.findLastIndex((r) => r.best));
    expect(history.length - 1 - epoch).toBe(3);
  });

  it("stops within one step when aborted", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const run = fit(base({ epochs: 1000, signal: controller.signal, onEvent: (e) => {
      if (e.type !== "step") return;
      seen.push(e.step);
      if (e.step === 5) controller.abort(new Error("enough"));
    } }));
    await expect(run.result).rejects.toThrow("enough");
    expect(seen.at(-1)).toBe(5);
  });

  it("names the step and the node when the loss is not finite", async () => {
    const data = tensorData({ input: Tensor.from("float32", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]), labels: Tensor.int64([0, 1, 0, 1]) });
    const b = new ModelBuilder({ name: "bad", random: random("bad").float });
    const h = b.linear(b.input("input", ["N", 2]), "fc", 2, 2);
    const model = b.output(b.node("Log", [b.node("Neg", [b.node("Abs", [h])])]), "logits", ["N", 2]);
    await expect(fit(base({ model, data })).result).rejects.toThrow(/TRAIN_NOT_FINITE.*step 0.*Log \(node "Log_0"\)/);
  });

  it("refuses options that mean nothing", async () => {
    await expect(fit(base({ epochs: 0 })).result).rejects.toThrow(/TRAIN_OPTION.*epochs/);
    await expect(fit(base({ earlyStopping: { patience: 1 } })).result).rejects.toThrow(/TRAIN_OPTION.*earlyStopping/);
  });

  it("keeps to the batch of a model that has a fixed one", async () => {
    const model = network();
    model.graph.inputs[0]!.type = { kind: "tensor", dtype: "float32", shape: [12, 2] };
    model.graph.outputs[0]!.type = { kind: "tensor", dtype: "float32", shape: [12, 2] };
    const { data, schedule, seed } = base();
    expect((await fit({ model, data, schedule, seed, runtime, epochs: 1 }).result).steps).toBe(Math.floor(256 / 12));
    await expect(fit(base({ model, batchSize: 16 })).result).rejects.toThrow(/TRAIN_OPTION.*batchSize must be 12/);
  });

  it("trains nothing that is frozen", async () => {
    const options = base({ epochs: 1, trainable: (name) => name.startsWith("fc3") });
    const { model, weights } = await fit(options).result;
    expect([...weights.keys()].sort()).toEqual(["fc3.bias", "fc3.weight"]);
    expect(model.graph.value("fc1.weight")!.tensor).toBe(options.model.graph.value("fc1.weight")!.tensor);
  });
});

describe("the same bytes", () => {
  const variants: readonly (readonly [string, () => Partial<FitOptions>])[] = [
    ["plain", () => ({})],
    ["momentum", () => ({ optimizer: sgd({ momentum: 0.9, nesterov: true, weightDecay: 1e-4 }) })],
    ["dropout", () => ({ model: network("dropout") })],
    ["batch statistics", () => ({ model: network("batchNorm") })],
    ["moving averages", () => ({ ema: 0.9 })],
    ["accumulation and clipping", () => ({ accumulate: 2, clipNorm: 0.5, optimizer: adamW({ weightDecay: 0.1 }) })],
    ["validation", () => ({ validate: { data: spirals(64, 3) } })],
  ];

  it.each(variants)("%s: from the same seed, and after an interruption anywhere", async (_name, make) => {
    const whole = await bytesOf(base(make()));
    expect(await bytesOf(base(make()))).toBe(whole);
    // Eight steps an epoch; checkpoints after every third step and every epoch.
    for (const [stopAt, resumedAt] of [[4, 3], [9, 9], [14, 12]] as const) {
      const store = memoryCheckpoint();
      const controller = new AbortController();
      const first = fit(base({ ...make(), checkpoint: { store, everySteps: 3 }, signal: controller.signal, onEvent: (e) => e.type === "step" && e.step === stopAt && controller.abort() }));
      await expect(first.result).rejects.toThrow();
      const starts: number[] = [];
      expect(await bytesOf(base({ ...make(), checkpoint: { store }, onEvent: (e) => e.type === "start" && starts.push(e.resumedAt) }))).toBe(whole);
      expect(starts).toEqual([resumedAt]);
    }
  });

  it("another seed gives other bytes", async () => {
    expect(await bytesOf(base())).not.toBe(await bytesOf(base({ seed: 8 })));
  });

  it("a checkpoint of another run is refused", async () => {
    const store = memoryCheckpoint();
    await fit(base({ epochs: 1, checkpoint: { store } })).result;
    await expect(fit(base({ epochs: 1, checkpoint: { store }, batchSize: 16 })).result).rejects.toThrow(/TRAIN_CHECKPOINT.*batches of 32.*batches of 16/);
  });
});

describe("accumulation", () => {
  it("of two halves equals one whole batch", async () => {
    const half = await fit(base({ accumulate: 2, batchSize: 16, shuffle: false, optimizer: sgd({ momentum: 0.9 }) })).result;
    const whole = await fit(base({ batchSize: 32, shuffle: false, optimizer: sgd({ momentum: 0.9 }) })).result;
    for (const [name, tensor] of whole.weights) {
      const other = half.weights.get(name)!.toFloat32();
      tensor.toFloat32().forEach((v, i) => expect(other[i]).toBeCloseTo(v, 4));
    }
  });
});

describe("augmentation", () => {
  const image = Tensor.from("float32", [1, 1, 2, 3], [1, 2, 3, 4, 5, 6]);
  const drawn = (value: number) => ({ ...random(0), float: () => value, int: () => value });

  it("flips left and right", () => {
    expect([...flip()({ input: image }, drawn(0.9))["input"]!.toFloat32()]).toEqual([3, 2, 1, 6, 5, 4]);
    expect(flip()({ input: image }, drawn(0.1))["input"]!.toFloat32()).toEqual(image.toFloat32());
  });

  it("shifts, filling with zeros", () => {
    expect([...shift(1)({ input: image }, drawn(2))["input"]!.toFloat32()]).toEqual([0, 0, 0, 0, 1, 2]);
    expect([...shift(1)({ input: image }, drawn(0))["input"]!.toFloat32()]).toEqual([5, 6, 0, 0, 0, 0]);
  });
});

describe("evaluate", () => {
  it("counts right answers, also among the k best", async () => {
    const logits = { logits: Tensor.from("float32", [3, 3], [1, 2, 3, 3, 2, 1, 2, 3, 1]) };
    const labels = { labels: Tensor.int64([2, 1, 0]) };
    const count = (k: number): number => {
      const counter = accuracy({ k }).start();
      counter.add(logits, labels);
      return counter.value();
    };
    expect([count(1), count(2), count(3)]).toEqual([1 / 3, 1, 1]);
  });

  it("picks rows of packed tensors", () => {
    expect([...rows(Tensor.int64([1, 2, 3, 4, 5, 6], [3, 2]), [2, 0]).toNumbers()]).toEqual([5, 6, 1, 2]);
  });

  it("runs a model of images in batches", async () => {
    const model = lenet({ random: random("lenet").float });
    const data = tensorData({ input: Tensor.from("float32", [5, 1, 28, 28], new Float32Array(5 * 784)), labels: Tensor.int64([0, 1, 2, 3, 4]) });
    expect((await evaluate(model, data, { runtime, batchSize: 2 }))["accuracy"]).toBeCloseTo(0.2);
  });
});
