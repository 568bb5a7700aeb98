/** Learned rounding: the objective and its gradient, how near the search comes to the best rounding, and what it is worth on a network. */
import { beforeAll, describe, expect, it } from "vitest";
import { Model, Tensor, attr, dataset, decodeModel, pipeline, random, tensorType } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { calibrate, learnRounding, optimizeRounding, planStatic, quantizeStatic, rangesOf, rectifiedSigmoid, softLoss, staticQuantize, type AdaRoundOptions, type RoundingProblem, type StaticResult } from "@lathe/quantize";
import { accuracy, images } from "./fashion.ts";
import { readModel } from "./models.ts";

const runtime = ortRuntime();
const settings: AdaRoundOptions = { iterations: 100, learningRate: 0.05, regularization: 0.05, warmStart: 0.2, samples: 8, asymmetric: true, maxColumns: 4096 };
const sum = (list: ArrayLike<unknown>, of: (i: number) => number): number => Array.from(list, (_, i) => of(i)).reduce((a, b) => a + b, 0);

/** Correlated inputs, as activations are; some weights have no choice. */
function problemOf(seed: number, rows: number, columns: number, asymmetric: boolean): RoundingProblem {
  const r = random(`adaround ${seed}`);
  const common = Array.from({ length: columns }, () => r.normal());
  const samples = Array.from({ length: 4 * columns }, () => {
    const shared = r.normal();
    return common.map((c) => c * shared + 0.5 * r.normal());
  });
  const noise = samples.map((row) => row.map(() => 0.1 * r.normal()));
  const seen = samples.map((row, s) => row.map((x, k) => x + (asymmetric ? noise[s]![k]! : 0)));
  const moment = (a: number[][], b: number[][]): Float64Array => Float64Array.from({ length: columns ** 2 }, (_, i) => sum(a, (s) => a[s]![Math.floor(i / columns)]! * b[s]![i % columns]!) / a.length);
  const weight = Float64Array.from({ length: rows * columns }, () => 3 * r.normal());
  const [shift, excess] = [moment(noise, seen), moment(noise, noise)];
  const times = (m: Float64Array): Float64Array => weight.map((_, i) => sum(common, (k) => weight[Math.floor(i / columns) * columns + k]! * m[k * columns + (i % columns)]!));
  return {
    rows, columns, weight, lower: weight.map(Math.floor), step: weight.map((_, i) => (i % 7 === 6 ? 0 : 1)), gram: moment(seen, seen),
    ...(asymmetric ? { linear: times(shift), constant: sum(weight, (i) => weight[i]! * times(excess)[i]!) } : {}),
  };
}

const timesGram = ({ columns, gram }: RoundingProblem) => (d: Float64Array): Float64Array =>
  d.map((_, i) => sum({ length: columns }, (k) => d[Math.floor(i / columns) * columns + k]! * gram[k * columns + (i % columns)]!));

/** Error of given bits, from the definition. */
function errorOf(problem: RoundingProblem, bits: ArrayLike<number>): number {
  const { weight, lower, step, linear, constant = 0 } = problem;
  const d = weight.map((w, i) => lower[i]! + step[i]! * bits[i]! - w);
  const dg = timesGram(problem)(d);
  return constant + sum(d, (i) => d[i]! * (dg[i]! + 2 * (linear?.[i] ?? 0)));
}

describe("the objective", () => {
  it.each([0, 1, 2, 3])("has the gradient that finite differences give (%i)", async (seed) => {
    const problem = problemOf(seed, 2, 8, seed % 2 === 1);
    const r = random(`v ${seed}`);
    const v = Float64Array.from({ length: 16 }, () => 1.2 * r.normal());
    const loss = { unit: 0.7, lambda: 0.3, beta: 2 + 3 * seed };
    const { gradient } = await softLoss(problem, v, loss, timesGram(problem));
    const at = async (i: number, by: number): Promise<number> => (await softLoss(problem, v.map((x, j) => (i === j ? x + by : x)), loss, timesGram(problem))).value;
    for (let i = 0; i < v.length; i++) {
      // A weight without a choice has no gradient by definition; its regulariser is not counted either.
      const slope = problem.step[i] === 0 ? 0 : ((await at(i, 1e-5)) - (await at(i, -1e-5))) / 2e-5;
      expect(gradient[i]).toBeCloseTo(slope, 5);
    }
  });

  it("is the mean squared error of the outputs that the quantized network gives for the float one's", () => {
    const problem = problemOf(5, 1, 6, true);
    const r = random("adaround 5");
    const common = Array.from({ length: 6 }, () => r.normal());
    const x = Array.from({ length: 24 }, () => {
      const shared = r.normal();
      return common.map((c) => c * shared + 0.5 * r.normal());
    });
    const seen = x.map((row) => row.map((v) => v + 0.1 * r.normal()));
    const bits = [1, 0, 1, 1, 0, 1];
    const rounded = [...problem.lower].map((low, i) => low + problem.step[i]! * bits[i]!);
    const direct = sum(x, (s) => (sum(rounded, (k) => rounded[k]! * seen[s]![k]!) - sum(rounded, (k) => problem.weight[k]! * x[s]![k]!)) ** 2) / x.length;
    expect(errorOf(problem, bits)).toBeCloseTo(direct, 8);
  });

  it("keeps h within 0 and 1, reached at finite V", () => {
    expect([rectifiedSigmoid(-4), rectifiedSigmoid(0), rectifiedSigmoid(4)]).toEqual([0, expect.closeTo(0.5, 12), 1]);
  });
});

describe("the search", () => {
  it("is never behind rounding to nearest, and closes 95 % of what lies between that and the best of all roundings", async () => {
    let [missed, possible] = [0, 0];
    for (let seed = 0; seed < 20; seed++) {
      const problem = problemOf(seed, 1, 10, seed % 2 === 1);
      const found = await optimizeRounding(problem, { ...settings, iterations: 300 }, timesGram(problem), () => undefined);
      const best = Math.min(...Array.from({ length: 2 ** 10 }, (_, code) => errorOf(problem, Array.from({ length: 10 }, (__, i) => (code >> i) & 1))));
      expect(found.learned).toBeCloseTo(errorOf(problem, found.bits), 8);
      expect(found.learned).toBeLessThanOrEqual(found.nearest + 1e-12);
      // A code above that is not there must not be taken.
      expect(found.bits.filter((_, i) => problem.step[i] === 0)).toEqual(new Uint8Array(1));
      missed += found.learned - best;
      possible += found.nearest - best;
    }
    expect(missed).toBeLessThan(0.05 * possible);
  });
});

describe("the Fashion-MNIST network with 4-bit weights, one scale a tensor", () => {
  const float = decodeModel(readModel("fashion-mobilenet"));
  const data = images("fashion-train-512", 32).slice(0, 3);
  const options = { weightType: "int4", perChannel: false, correctBias: true } as const;
  let learned: StaticResult;
  beforeAll(async () => {
    learned = await quantizeStatic(float, { ...options, rounding: "adaround", adaround: { iterations: 60 } }, { runtime, data });
  });

  it("loses less than a quarter of what rounding to nearest loses", async () => {
    const whole = await accuracy(float, runtime);
    const nearest = await accuracy((await quantizeStatic(float, options, { runtime, data })).model, runtime);
    const after = await accuracy(learned.model, runtime);
    expect(whole - nearest).toBeGreaterThan(0.05);
    expect(whole - after).toBeLessThan((whole - nearest) / 4);
  });

  it("lowers the error of every layer, by moving few weights", () => {
    expect(learned.rounding!.layers).toHaveLength(18);
    for (const { error, moved } of learned.rounding!.layers) {
      expect(error).toBeLessThan(1);
      expect(moved).toBeLessThan(0.5);
    }
    expect(learned.rounding!.nearest).toEqual([]);
  });
});

/** Conv behind Conv, and a weight that two MatMuls share. */
function small(): Model {
  const model = new Model({ opset: 17, irVersion: 8 });
  const { graph } = model;
  const r = random("small");
  const weight = (name: string, dims: number[]) => graph.addInitializer(name, Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => r.normal())));
  const x = graph.addInput("x", tensorType("float32", ["N", 2, 5, 5]));
  const one = graph.add({ opType: "Conv", name: "one", inputs: [x, weight("w1", [4, 2, 3, 3])], outputs: ["a"], attributes: { pads: attr.ints([1, 1, 1, 1]) } }).out;
  const two = graph.add({ opType: "Conv", name: "two", inputs: [one, weight("w2", [4, 2, 1, 1])], outputs: ["b"], attributes: { group: attr.int(2) } }).out;
  const tied = weight("tied", [5, 5]);
  const three = graph.add({ opType: "MatMul", name: "three", inputs: [two, tied], outputs: ["c"] }).out;
  const four = graph.add({ opType: "MatMul", name: "four", inputs: [three, tied], outputs: ["y"] }).out;
  four.type = tensorType("float32", ["N", 4, 5, 5]);
  graph.addOutput(four);
  return model;
}
const data = [0, 1].map((i) => ({ x: Tensor.from("float32", [3, 2, 5, 5], Float32Array.from({ length: 150 }, (_, j) => Math.sin(i * 150 + j))) }));

describe("learned rounding in a pipeline", () => {
  const run = (seed: number, signal?: AbortSignal) =>
    pipeline(staticQuantize({ weightType: "int4", rounding: "adaround", simplify: false, adaround: { iterations: 30 } })).run(small(), { data: dataset(data), runtime, seed, ...(signal ? { signal } : {}) });

  it("reports each layer, and why a weight is rounded to nearest", async () => {
    const { report } = await run(1).result;
    const { rounding } = report.data.steps[0]!.details as { rounding: { layers: { tensor: string; error: number }[]; nearest: { tensor: string; reason: string }[] } };
    expect(rounding.layers.map((l) => l.tensor)).toEqual(["w1", "w2"]);
    expect(rounding.nearest).toEqual([{ tensor: "tied", reason: "several nodes read it" }]);
  });

  it("gives the same weights for the same seed", async () => {
    const codes = async (): Promise<number[]> => (await run(3).result).model.graph.value("w1_quantized")!.tensor!.toNumbers();
    expect(await codes()).toEqual(await codes());
  });

  it("tells of its progress, and stops when aborted", async () => {
    const controller = new AbortController();
    const started = run(1, controller.signal);
    const messages: string[] = [];
    const result = expect(started.result).rejects.toMatchObject({ code: "ABORTED" });
    const read = async (): Promise<void> => {
      for await (const event of started) {
        if (event.type !== "progress" || !event.message?.startsWith("rounding")) continue;
        messages.push(event.message);
        controller.abort();
      }
    };
    await expect(read()).rejects.toMatchObject({ code: "ABORTED" });
    await result;
    expect(messages[0]).toBe("rounding of one");
  });

  it("keeps codes within the type's range, one step from the float weight", async () => {
    const plan = planStatic(small(), { weightType: "uint4", simplify: false });
    const ranges = rangesOf(await calibrate(plan, { runtime, data }), plan);
    const { rounded } = await learnRounding(plan, ranges, settings, { runtime, data, random: random(0) });
    expect([...rounded.keys()]).toEqual(["w1", "w2"]);
    for (const tensor of rounded.values()) expect(tensor.toNumbers().every((q) => q >= 0 && q <= 15)).toBe(true);
  });

  it("refuses an empty calibration set", async () => {
    await expect(quantizeStatic(small(), { rounding: "adaround" }, { runtime, data: [] })).rejects.toMatchObject({ code: "QUANT_CALIBRATION_EMPTY" });
  });
});
