/** Connectionist temporal classification: by its definition, against PyTorch's, and trained. */
import { describe, expect, it } from "vitest";
import { Model, Tensor, random, tensorType, type Feeds } from "@lathe/core";
import { ModelBuilder, adam, characterErrors, ctc, fit, gradient, greedySequences, tensorData, type CtcOptions, type SequenceOptions } from "@lathe/train";
import { floats, readFixture, relativeError, runtime, type GoldenArray } from "./harness.ts";

/** Logits [N, T, C] (or time first) as an input. */
function bare(timeFirst = false): Model {
  const model = new Model({ opset: 21, irVersion: 10 });
  const x = model.graph.addInput("x", tensorType("float32", timeFirst ? ["T", "N", "C"] : ["N", "T", "C"]));
  const y = model.graph.add({ opType: "Identity", inputs: [x], outputs: ["y"] }).out;
  y.type = x.type;
  model.graph.addOutput(y);
  return model;
}

async function lossAndGradient(feeds: Feeds, options: CtcOptions): Promise<{ loss: number; dx: Float32Array }> {
  const made = gradient(bare(options.timeFirst), { loss: ctc(options), wrt: ["x"] });
  const session = await runtime.load(made.model);
  const out = await session.run(feeds);
  await session.dispose();
  return { loss: out[made.loss]!.toFloat32()[0]!, dx: out[made.gradients.get("x")!]!.toFloat32() };
}

const softmax = (row: readonly number[]): number[] => {
  const e = row.map(Math.exp);
  return e.map((v) => v / e.reduce((a, b) => a + b, 0));
};

/** What a path of classes says: runs of the same class count once, blanks not at all. */
const collapsed = (path: readonly number[], blank = 0): number[] => path.filter((c, i) => c !== blank && c !== path[i - 1]);

/** p(labels) as the sum over all paths that say them. */
function probability(rows: readonly (readonly number[])[], labels: readonly number[]): number {
  const classes = rows[0]!.length;
  let sum = 0;
  for (let code = 0; code < classes ** rows.length; code++) {
    const path = rows.map((_, t) => Math.floor(code / classes ** t) % classes);
    if (collapsed(path).join() === labels.join()) sum += path.reduce((p, c, t) => p * rows[t]![c]!, 1);
  }
  return sum;
}

interface Golden {
  readonly blank: number;
  readonly reduction: "mean" | "sum";
  readonly zeroInfinity: boolean;
  readonly labels: readonly (readonly number[])[];
  readonly labelLengths: readonly number[];
  readonly inputLengths: readonly number[] | null;
  readonly logits: GoldenArray;
  readonly loss: number;
  readonly gradient: GoldenArray;
}

describe("ctc", () => {
  it.each([[[1]], [[1, 2]], [[1, 1]], [[2, 1, 2]], [[]]])("is -log of the sum over all paths that say %j", async (labels) => {
    const r = random(`paths ${labels.join()}`);
    const logits = Array.from({ length: 4 }, () => Array.from({ length: 3 }, () => r.normal()));
    const padded = [...labels, 0, 0, 0, 0].slice(0, 4);
    const feeds = { x: Tensor.from("float32", [1, 4, 3], logits.flat()), labels: Tensor.int64(padded, [1, 4]), label_lengths: Tensor.int64([labels.length]) };
    expect((await lossAndGradient(feeds, { reduction: "sum" })).loss).toBeCloseTo(-Math.log(probability(logits.map(softmax), labels)), 4);
  });

  it.each(readFixture<Golden[]>("ctc").map((g, i) => [i, g] as const))("equals PyTorch's loss and gradient, case %i", async (_i, g) => {
    const { blank, reduction, zeroInfinity, inputLengths } = g;
    const feeds = {
      x: Tensor.from("float32", g.logits.shape, floats(g.logits)), labels: Tensor.int64(g.labels.flat(), [g.labels.length, g.labels[0]!.length]), label_lengths: Tensor.int64(g.labelLengths),
      ...(inputLengths ? { steps: Tensor.int64(inputLengths) } : {}),
    };
    const { loss, dx } = await lossAndGradient(feeds, { blank, reduction, zeroInfinity, ...(inputLengths ? { inputLengths: "steps" } : {}) });
    expect(loss / g.loss).toBeCloseTo(1, 5);
    expect(relativeError(dx, floats(g.gradient))).toBeLessThan(5e-5);
  });

  it("takes logits with time first", async () => {
    const r = random("time first");
    const [steps, batch, classes] = [5, 2, 4];
    const x = Array.from({ length: steps * batch * classes }, () => r.normal());
    const swapped = Array.from({ length: x.length }, (_, i) => x[(Math.floor(i / classes) % steps) * batch * classes + Math.floor(i / classes / steps) * classes + (i % classes)]!);
    const rest = { labels: Tensor.int64([1, 2, 3, 0], [2, 2]), label_lengths: Tensor.int64([2, 1]) };
    const first = await lossAndGradient({ x: Tensor.from("float32", [steps, batch, classes], x), ...rest }, { timeFirst: true });
    const last = await lossAndGradient({ x: Tensor.from("float32", [batch, steps, classes], swapped), ...rest }, {});
    expect(first.loss).toBeCloseTo(last.loss, 5);
  });

  it("is infinite when the labels do not fit", async () => {
    const feeds = { x: Tensor.from("float32", [1, 2, 3], [0, 0, 0, 0, 0, 0]), labels: Tensor.int64([1, 1], [1, 2]), label_lengths: Tensor.int64([2]) };
    expect((await lossAndGradient(feeds, {})).loss).toBe(Infinity);
    const zero = await lossAndGradient(feeds, { zeroInfinity: true });
    expect([zero.loss, ...zero.dx]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("a recogniser", () => {
  it("learns to read marks in a strip without being told where they are", async () => {
    const r = random("strips");
    const [count, steps, marks] = [96, 12, 3];
    const labels = new Array<number>(count * marks).fill(0);
    const lengths: number[] = [];
    const image = new Float32Array(count * 4 * steps);
    for (let n = 0; n < count; n++) {
      const places = r.shuffle(Array.from({ length: steps / 2 }, (_, i) => 2 * i)).slice(0, 1 + r.int(marks)).sort((a, b) => a - b);
      lengths.push(places.length);
      places.forEach((place, k) => {
        const label = 1 + r.int(3);
        labels[n * marks + k] = label;
        image[(n * 4 + label) * steps + place] = 1;
      });
    }
    const b = new ModelBuilder({ name: "reader", random: random("reader").float });
    const x = b.transpose(b.input("image", ["N", 4, steps]), [0, 2, 1]);
    const model = b.output(b.dense(b.relu(b.dense(x, "fc1", 4, 16)), "fc2", 16, 4), "logits", ["N", steps, 4]);
    const data = tensorData({ image: Tensor.from("float32", [count, 4, steps], image), labels: Tensor.int64(labels, [count, marks]), label_lengths: Tensor.int64(lengths) });
    const run = fit({ model, data, loss: ctc(), optimizer: adam(), schedule: 0.03, epochs: 36, batchSize: 16, runtime, validate: { data, metrics: [characterErrors()] } });
    expect((await run.result).history.at(-1)!.scores["characterErrors"]).toBe(0);
  });

  it("reads the best class of each step, without repeats and blanks", () => {
    const best = [0, 2, 2, 0, 2, 1, 1, 0];
    const scores = Tensor.from("float32", [1, best.length, 3], best.flatMap((c) => [0, 1, 2].map((k) => (k === c ? 1 : 0))));
    expect(greedySequences(scores)).toEqual([[2, 2, 1]]);
  });

  it("reads and judges scores [T, N, classes] as [N, T, classes]", () => {
    const best = [[1, 0, 1, 2], [2, 2, 0, 1]];
    const one = (c: number): number[] => [0, 1, 2].map((k) => (k === c ? 1 : 0));
    const scores = Tensor.from("float32", [4, 2, 3], [0, 1, 2, 3].flatMap((t) => best.flatMap((row) => one(row[t]!))));
    expect(greedySequences(scores, { timeFirst: true })).toEqual([[1, 1, 2], [2, 1]]);
    const counter = characterErrors({ timeFirst: true }).start();
    counter.add({ scores }, { labels: Tensor.int64([1, 1, 2, 2, 2, 0], [2, 3]), label_lengths: Tensor.int64([3, 2]) });
    expect(counter.value()).toBeCloseTo(1 / 5, 12);
  });

  it("names the output or the labels that are missing", () => {
    const scores = Tensor.from("float32", [1, 1, 2], [0, 1]);
    const add = (options: SequenceOptions, outputs: Feeds, batch: Feeds) => () => characterErrors(options).start().add(outputs, batch);
    const truth = { labels: Tensor.int64([1], [1, 1]), label_lengths: Tensor.int64([1]) };
    expect(add({}, { a: scores, b: scores }, truth)).toThrow(/TRAIN_NO_VALUE.*"logits".*a, b/);
    expect(add({ scores: "c" }, { a: scores }, truth)).toThrow(/TRAIN_NO_VALUE.*"c"/);
    expect(add({}, { a: scores }, { labels: truth.labels })).toThrow(/TRAIN_MISSING_INPUT.*"label_lengths"/);
  });
});
