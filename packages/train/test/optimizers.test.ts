/** Optimizers, losses and schedules against their formulas, written out in plain JavaScript. */
import { describe, expect, it } from "vitest";
import { Model, Tensor, tensorType, type Feeds } from "@lathe/core";
import {
  Trainer, adam, adamW, binaryCrossEntropy, combine, constant, cosine, cosineDistance, crossEntropy, distillation, gradient, linear, meanAbsoluteError, meanSquaredError, oneCycle, polynomial, rmsProp, sgd,
  stepDecay, trainingStep, warmup, type Loss, type Optimizer,
} from "@lathe/train";
import { runtime } from "./harness.ts";

/** y = w * x with w [2, 2]; with the loss mean(y^2) and x = 1 the gradient is w / 2. */
function line(): Model {
  const model = new Model({ opset: 21, irVersion: 10 });
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", [2, 2]));
  const w = graph.addInitializer("w", Tensor.from("float32", [2, 2], start));
  const y = graph.add({ opType: "Mul", inputs: [x, w], outputs: ["y"] }).out;
  y.type = tensorType("float32", [2, 2]);
  graph.addOutput(y);
  return model;
}

const start = [1, -2, 0.5, 3];
const feeds: Feeds = { x: Tensor.from("float32", [2, 2], [1, 1, 1, 1]), target: Tensor.from("float32", [2, 2], [0, 0, 0, 0]) };
const LR = 0.1;

type Slots = { m?: number; v?: number };
/** One element: weight, gradient, its state and the step number give the new weight. */
type Rule = (w: number, g: number, s: Slots, t: number) => number;

const rules: readonly (readonly [string, Optimizer, Rule])[] = [
  ["sgd", sgd(), (w, g) => w - LR * g],
  ["sgd with weight decay", sgd({ weightDecay: 0.1 }), (w, g) => w - LR * (g + 0.1 * w)],
  ["momentum", sgd({ momentum: 0.9 }), (w, g, s) => w - LR * (s.m = 0.9 * (s.m ?? 0) + g)],
  ["Nesterov", sgd({ momentum: 0.9, nesterov: true }), (w, g, s) => w - LR * (g + 0.9 * (s.m = 0.9 * (s.m ?? 0) + g))],
  ["Adam", adam(), (w, g, s, t) => {
    s.m = 0.9 * (s.m ?? 0) + 0.1 * g;
    s.v = 0.999 * (s.v ?? 0) + 0.001 * g * g;
    return w - (LR * s.m) / (1 - 0.9 ** t) / (Math.sqrt(s.v / (1 - 0.999 ** t)) + 1e-8);
  }],
  ["AdamW", adamW({ weightDecay: 0.2 }), (w, g, s, t) => {
    s.m = 0.9 * (s.m ?? 0) + 0.1 * g;
    s.v = 0.999 * (s.v ?? 0) + 0.001 * g * g;
    return w * (1 - LR * 0.2) - (LR * s.m) / (1 - 0.9 ** t) / (Math.sqrt(s.v / (1 - 0.999 ** t)) + 1e-8);
  }],
  ["RMSprop", rmsProp(), (w, g, s) => w - (LR * g) / (Math.sqrt((s.v = 0.99 * (s.v ?? 0) + 0.01 * g * g)) + 1e-8)],
  ["RMSprop with momentum", rmsProp({ momentum: 0.8 }), (w, g, s) => {
    s.v = 0.99 * (s.v ?? 0) + 0.01 * g * g;
    return w - LR * (s.m = 0.8 * (s.m ?? 0) + g / (Math.sqrt(s.v) + 1e-8));
  }],
];

describe("optimizers", () => {
  it.each(rules)("%s", async (_name, optimizer, rule) => {
    const trainer = await Trainer.create(trainingStep(line(), { loss: meanSquaredError(), optimizer }), optimizer, runtime);
    const slots: Slots[] = start.map(() => ({}));
    let expected = start;
    for (let t = 1; t <= 5; t++) {
      expected = expected.map((w, i) => rule(w, w / 2, slots[i]!, t));
      await trainer.step(feeds, LR);
    }
    const actual = trainer.weights().get("w")!.toFloat32();
    expected.forEach((w, i) => expect(actual[i]).toBeCloseTo(w, 5));
    await trainer.dispose();
  });

  it("clips by the norm of all gradients", async () => {
    const optimizer = sgd();
    const trainer = await Trainer.create(trainingStep(line(), { loss: meanSquaredError(), optimizer, clipNorm: 0.5 }), optimizer, runtime);
    await trainer.step(feeds, LR);
    const norm = Math.hypot(...start.map((w) => w / 2));
    trainer.weights().get("w")!.toFloat32().forEach((w, i) => expect(w).toBeCloseTo(start[i]! - (LR * (start[i]! / 2) * 0.5) / norm, 5));
    await trainer.dispose();
  });

  it("moves a parameter at its own rate", async () => {
    const optimizer = sgd();
    const trainer = await Trainer.create(trainingStep(line(), { loss: meanSquaredError(), optimizer, rate: () => 0.25 }), optimizer, runtime);
    await trainer.step(feeds, LR);
    trainer.weights().get("w")!.toFloat32().forEach((w, i) => expect(w).toBeCloseTo(start[i]! - (LR * start[i]!) / 8, 6));
    await trainer.dispose();
  });
});

/** The loss of y [2, 3] alone. */
async function lossOf(loss: Loss, y: readonly number[], more: Feeds): Promise<number> {
  const model = new Model({ opset: 21, irVersion: 10 });
  const x = model.graph.addInput("x", tensorType("float32", [2, 3]));
  model.graph.addOutput(model.graph.add({ opType: "Identity", inputs: [x], outputs: ["y"] }).out);
  const made = gradient(model, { loss, wrt: ["x"] });
  const session = await runtime.load(made.model);
  const out = await session.run({ x: Tensor.from("float32", [2, 3], y), ...more });
  await session.dispose();
  return out[made.loss]!.toFloat32()[0]!;
}

const y = [0.2, -1, 0.7, 1.5, 0.1, -0.3];
const t = [0, 1, 1, 1, 0, 0];
const target = { target: Tensor.from("float32", [2, 3], t) };
const rowsOf = (v: readonly number[]): number[][] => [v.slice(0, 3), v.slice(3)];
const mean = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
const softmax = (v: readonly number[], temperature = 1): number[] => {
  const e = v.map((x) => Math.exp(x / temperature));
  return e.map((x) => x / e.reduce((a, b) => a + b, 0));
};
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, x, i) => s + x * b[i]!, 0);

describe("losses", () => {
  const labels = { labels: Tensor.int64([2, 0]) };
  it("cross-entropy", async () => expect(await lossOf(crossEntropy(), y, labels)).toBeCloseTo(mean([-Math.log(softmax(y.slice(0, 3))[2]!), -Math.log(softmax(y.slice(3))[0]!)]), 5));

  it("cross-entropy with smoothed labels", async () => {
    const expected = mean(rowsOf(y).map((row, n) => -dot(softmax(row).map(Math.log), row.map((_, k) => 0.1 / 3 + (k === [2, 0][n] ? 0.9 : 0)))));
    expect(await lossOf(crossEntropy({ labelSmoothing: 0.1 }), y, labels)).toBeCloseTo(expected, 5);
  });

  it("squared error", async () => expect(await lossOf(meanSquaredError(), y, target)).toBeCloseTo(mean(y.map((v, i) => (v - t[i]!) ** 2)), 5));
  it("absolute error", async () => expect(await lossOf(meanAbsoluteError(), y, target)).toBeCloseTo(mean(y.map((v, i) => Math.abs(v - t[i]!))), 5));
  it("binary cross-entropy", async () => {
    const p = y.map((v) => 1 / (1 + Math.exp(-v)));
    expect(await lossOf(binaryCrossEntropy(), y, target)).toBeCloseTo(mean(p.map((v, i) => -(t[i]! * Math.log(v) + (1 - t[i]!) * Math.log(1 - v)))), 5);
  });
  it("cosine distance", async () => expect(await lossOf(cosineDistance(), y, target)).toBeCloseTo(1 - mean(rowsOf(y).map((row, n) => dot(row, rowsOf(t)[n]!) / Math.hypot(...row) / Math.hypot(...rowsOf(t)[n]!))), 5));

  it("distillation: T^2 KL(teacher || student), mean over the batch", async () => {
    const teacher = [1, 0, -1, 0.5, 0.5, 2];
    const kl = rowsOf(y).map((row, n) => {
      const [p, q] = [softmax(rowsOf(teacher)[n]!, 3), softmax(row, 3)];
      return dot(p, p.map((v, k) => Math.log(v / q[k]!)));
    });
    expect(await lossOf(distillation({ temperature: 3 }), y, { teacher_logits: Tensor.from("float32", [2, 3], teacher) })).toBeCloseTo(9 * mean(kl), 5);
  });

  it("one loss for each of two sets of labels", async () => {
    const parts = [await lossOf(crossEntropy(), y, labels), await lossOf(crossEntropy({ labels: "others" }), y, { others: Tensor.int64([1, 1]) })];
    const both = combine([[1, crossEntropy()], [1, crossEntropy({ labels: "others" })]]);
    expect(await lossOf(both, y, { ...labels, others: Tensor.int64([1, 1]) })).toBeCloseTo(parts[0]! + parts[1]!, 5);
  });

  it("sums with weights", async () => {
    const parts = [await lossOf(meanSquaredError(), y, target), await lossOf(meanAbsoluteError(), y, target)];
    expect(await lossOf(combine([[0.25, meanSquaredError()], [2, meanAbsoluteError()]]), y, target)).toBeCloseTo(0.25 * parts[0]! + 2 * parts[1]!, 5);
  });
});

describe("schedules over 100 steps", () => {
  it.each([
    ["constant", constant(0.1), [0.1, 0.1, 0.1]],
    ["cosine", cosine(0.1, 0.02), [0.1, 0.06, 0.02]],
    ["linear", linear(0.1), [0.1, 0.05, 0]],
    ["polynomial", polynomial(0.1), [0.1, 0.025, 0]],
    ["step decay", stepDecay(0.1, 40), [0.1, 0.01, 0.001]],
    ["warm-up", warmup(10, constant(0.1)), [0.01, 0.1, 0.1]],
  ] as const)("%s", (_name, schedule, expected) => [0, 50, 100].forEach((step, i) => expect(schedule(step, 100)).toBeCloseTo(expected[i]!, 9)));

  it("one cycle rises to its peak and falls to nearly nothing", () => {
    const rates = Array.from({ length: 100 }, (_, i) => oneCycle(0.1)(i, 100));
    expect(Math.max(...rates)).toBeCloseTo(0.1, 9);
    expect(rates.indexOf(Math.max(...rates))).toBe(29);
    expect(rates[0]).toBeCloseTo(0.004, 9);
    expect(rates[99]).toBeCloseTo(4e-7, 9);
  });
});
