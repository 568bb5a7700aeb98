/** Recovering accuracy: what each tool promises, on small models made to need it. */
import { describe, expect, it } from "vitest";
import { Model, Tensor, attr, random, tensorType, type Feeds } from "@lathe/core";
import { compare, ortRuntime } from "@lathe/ort";
import {
  dequantize, equalizeLayers, mismatchedConcats, nodeSensitivity, outputSqnr, planStatic, quantizeBlocked, quantizeStatic, quantizeWeight, resolveParams, calibrate, rangesOf, reference, searchQuantize, smoothActivations, tailNodes, tensorNoise,
  weightParams, type StaticOptionsInput,
} from "@lathe/quantize";

const runtime = ortRuntime();
const values = (seed: string, dims: readonly number[], scale: (i: number) => number = () => 1): Tensor => {
  const r = random(seed);
  return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, (_, i) => r.normal() * scale(i)));
};

/** Conv -> Relu -> depthwise Conv -> Relu -> Conv, whose channels differ a hundredfold in size. */
function unevenConvs(): Model {
  const model = new Model({ opset: 17, irVersion: 8 });
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", ["N", 3, 8, 8]));
  const spread = (inner: number, by: (c: number) => number) => (i: number): number => by(Math.floor(i / inner));
  const w1 = graph.addInitializer("w1", values("w1", [8, 3, 1, 1], spread(3, (c) => 10 ** (c / 4 - 1))));
  const b1 = graph.addInitializer("b1", values("b1", [8]));
  const w2 = graph.addInitializer("w2", values("w2", [8, 1, 3, 3]));
  const w3 = graph.addInitializer("w3", values("w3", [4, 8, 1, 1], (i) => 10 ** -((i % 8) / 4)));
  const c1 = graph.add({ opType: "Conv", name: "c1", inputs: [x, w1, b1], outputs: ["t1"] }).out;
  const r1 = graph.add({ opType: "Relu", name: "r1", inputs: [c1], outputs: ["t2"] }).out;
  const c2 = graph.add({ opType: "Conv", name: "c2", inputs: [r1, w2], outputs: ["t3"], attributes: { group: attr.int(8), pads: attr.ints([1, 1, 1, 1]) } }).out;
  const r2 = graph.add({ opType: "Relu", name: "r2", inputs: [c2], outputs: ["t4"] }).out;
  const c3 = graph.add({ opType: "Conv", name: "c3", inputs: [r2, w3], outputs: ["y"] }).out;
  c3.type = tensorType("float32", ["N", 4, 8, 8]);
  graph.addOutput(c3);
  return model;
}

/** LayerNormalization -> two MatMuls, and a third behind a plain input; some channels of the activations are outliers. */
function outlierMatMuls(): Model {
  const model = new Model({ opset: 17, irVersion: 8 });
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", ["N", 5, 16]));
  const gamma = graph.addInitializer("gamma", Tensor.from("float32", [16], Float32Array.from({ length: 16 }, (_, i) => (i === 3 ? 60 : 1))));
  const beta = graph.addInitializer("beta", values("beta", [16]));
  const norm = graph.add({ opType: "LayerNormalization", name: "norm", inputs: [x, gamma, beta], outputs: ["n"] }).out;
  const products = ["q", "k"].map((name) => {
    const w = graph.addInitializer(`w${name}`, values(name, [16, 8], (i) => (Math.floor(i / 8) === 3 ? 0.02 : 1)));
    return graph.add({ opType: "MatMul", name, inputs: [norm, w], outputs: [`t${name}`] }).out;
  });
  const sum = graph.add({ opType: "Add", name: "sum", inputs: products, outputs: ["s"] }).out;
  const w = graph.addInitializer("wo", values("o", [8, 4]));
  const y = graph.add({ opType: "MatMul", name: "o", inputs: [sum, w], outputs: ["y"] }).out;
  y.type = tensorType("float32", ["N", 5, 4]);
  graph.addOutput(y);
  return model;
}

const convData: Feeds[] = [0, 1, 2].map((i) => ({ x: values(`x${i}`, [4, 3, 8, 8]) }));
const tokenData: Feeds[] = [0, 1, 2].map((i) => ({ x: values(`t${i}`, [4, 5, 16]) }));

async function quality(model: Model, options: StaticOptionsInput, data: Feeds[]): Promise<number> {
  const { model: quantized } = await quantizeStatic(model, options, { runtime, data });
  return outputSqnr(quantized, runtime, await reference(model, runtime, data, 3));
}

describe("cross-layer equalisation", () => {
  it("keeps the function", async () => {
    const model = unevenConvs();
    const equal = model.clone();
    expect(equalizeLayers(equal.graph)).toBe(2);
    const { tensors } = await compare(model, equal, convData);
    expect(tensors.y!.sqnr).toBeGreaterThan(100);
  });

  it("lets one scale a tensor serve channels of very different size", async () => {
    const plain = await quality(unevenConvs(), { perChannel: false }, convData);
    const equal = await quality(unevenConvs(), { perChannel: false, equalize: true }, convData);
    expect(equal).toBeGreaterThan(plain + 6);
  });
});

describe("SmoothQuant", () => {
  it("keeps the function, and folds the division into the normalization before", async () => {
    const model = outlierMatMuls();
    const smooth = model.clone();
    expect(await smoothActivations(smooth, 0.5, { runtime, data: tokenData })).toEqual({ smoothed: 2, folded: 1 });
    const { tensors } = await compare(model, smooth, tokenData);
    expect(tensors.y!.sqnr).toBeGreaterThan(100);
  });

  it("takes the outliers off the activations", async () => {
    const options: StaticOptionsInput = { opTypes: ["MatMul"], perChannel: false };
    const plain = await quality(outlierMatMuls(), options, tokenData);
    const smooth = await quality(outlierMatMuls(), { ...options, smooth: 0.5 }, tokenData);
    expect(smooth).toBeGreaterThan(plain + 6);
  });
});

describe("bias correction", () => {
  it("lowers the mean error of the outputs that rounding weights to 4 bits causes", async () => {
    const model = unevenConvs();
    const shift = async (correctBias: boolean): Promise<number> => {
      const { model: quantized } = await quantizeStatic(model, { weightType: "int4", correctBias, activationType: "uint16" }, { runtime, data: convData });
      const [a, b] = await Promise.all([model, quantized].map(async (m) => (await runtime.load(m)).run(convData[0]!)));
      const [x, y] = [a!.y!.toFloat32(), b!.y!.toFloat32()];
      let worst = 0;
      for (let c = 0; c < 4; c++) {
        let sum = 0;
        for (let i = 0; i < x.length; i++) if (Math.floor(i / 64) % 4 === c) sum += y[i]! - x[i]!;
        worst = Math.max(worst, Math.abs(sum) / (x.length / 4));
      }
      return worst;
    };
    expect(await shift(true)).toBeLessThan(0.75 * (await shift(false)));
  });
});

describe("sensitivity", () => {
  it("ranks the node first that was made fragile", async () => {
    const model = unevenConvs();
    const plan = planStatic(model.clone(), { perChannel: false, simplify: false });
    const ranges = rangesOf(await calibrate(plan, { runtime, data: convData }, true), plan);
    const ranked = await nodeSensitivity(model, { perChannel: false, simplify: false }, ranges, { runtime, data: convData });
    expect(ranked.map((n) => n.node).toSorted()).toEqual(["c1", "c2", "c3"]);
    expect(ranked[0]!.sqnr).toBeLessThan(ranked[2]!.sqnr);
  });

  it("gives the noise of each tensor, worst first", async () => {
    const model = unevenConvs();
    const { model: quantized } = await quantizeStatic(model, { perChannel: false, simplify: false }, { runtime, data: convData });
    const noise = await tensorNoise(model, quantized, runtime, convData);
    expect(noise.map((n) => n.tensor).toSorted()).toEqual(["t2", "t4", "y"]);
    expect(noise[0]!.sqnr).toBeLessThanOrEqual(noise[2]!.sqnr);
  });
});

describe("accuracy-budget search", () => {
  const services = (model: Model) => ({
    runtime,
    data: convData,
    evaluate: async (candidate: Model) => Math.min(60, await outputSqnr(candidate, runtime, await reference(model, runtime, convData, 3))),
  });

  it("leaves no more nodes in float than the budget asks for", async () => {
    const model = unevenConvs();
    const loose = await searchQuantize(model, { perChannel: false }, { maxDrop: 55 }, services(model));
    const tight = await searchQuantize(model, { perChannel: false }, { maxDrop: 30, maxExcluded: 2 }, services(model));
    expect(loose.excluded).toEqual([]);
    expect(tight.best.drop).toBeLessThanOrEqual(30);
    expect(tight.best.drop).toBeLessThan(loose.best.drop + 1e-9);
  });

  it("says how near it came when nothing fits", async () => {
    const model = unevenConvs();
    await expect(searchQuantize(model, { perChannel: false }, { maxDrop: 0, maxExcluded: 1 }, services(model))).rejects.toMatchObject({ code: "QUANT_BUDGET" });
  });
});

describe("a search with learned rounding", () => {
  it("gives codes that fit the scales of each candidate, which a large bias ties to the ranges of activations", async () => {
    const model = new Model({ opset: 17, irVersion: 8 });
    const { graph } = model;
    const [w, b] = [values("tiny", [4, 3], () => 1e-3), Tensor.from("float32", [3], [1e3, -1e3, 1e3])];
    const y = graph.add({ opType: "Gemm", name: "g", inputs: [graph.addInput("x", tensorType("float32", ["N", 4])), graph.addInitializer("w", w), graph.addInitializer("b", b)], outputs: ["y"] }).out;
    y.type = tensorType("float32", ["N", 3]);
    graph.addOutput(y);
    // One value far out, which percentiles leave out of the range: the scale of the input differs threefold.
    const data: Feeds[] = [{ x: values("x", [64, 4], (i) => (i === 9 ? 60 : 1)) }];
    const found: Model[] = [];
    const evaluate = (candidate: Model): number => (found.push(candidate) === 2 ? 0 : 1);
    await searchQuantize(model, { rounding: "adaround", percentile: 90, floatTail: false, simplify: false }, { maxDrop: 0.1, methods: ["minmax", "percentile"] }, { runtime, data, evaluate });
    const scales = found.slice(1).map((candidate) => {
      const [codes, scale, original] = [candidate.graph.value("w_quantized")!.tensor!.toNumbers(), candidate.graph.value("w_scale")!.tensor!.toNumbers(), w.toFloat32()];
      const step = (i: number): number => scale[i % scale.length]!;
      codes.forEach((q, i) => expect(Math.abs(q * step(i) - original[i]!)).toBeLessThanOrEqual(1.001 * step(i)));
      return scale[0]!;
    });
    expect(scales[1]! / scales[0]!).toBeGreaterThan(2);
  });
});

describe("a search whose evaluation is no number", () => {
  const search = (evaluate: (model: Model) => number) => searchQuantize(unevenConvs(), {}, { maxDrop: 1, methods: ["minmax", "mse"] }, { runtime, data: convData, evaluate });

  it("refuses NaN for the float model", async () => {
    await expect(search(() => NaN)).rejects.toMatchObject({ code: "QUANT_SCORE" });
  });

  it("takes NaN for a candidate as the worst of all, and goes on", async () => {
    let asked = 0;
    const { trials, best } = await search(() => (asked++ === 1 ? NaN : 0.5));
    expect(trials.map((t) => t.drop)).toEqual([Infinity, 0]);
    expect(best.method).toBe("mse");
  });
});

describe("tails", () => {
  /** Two heads in different units, decoded and joined: boxes in pixels, scores below 1. */
  function detector(): Model {
    const model = new Model({ opset: 17, irVersion: 8 });
    const { graph } = model;
    const x = graph.addInput("x", tensorType("float32", [1, 3, 8, 8]));
    const conv = (name: string, from = x) => {
      const w = graph.addInitializer(`w_${name}`, values(name, [4, from === x ? 3 : 4, 1, 1]));
      const { out } = graph.add({ opType: "Conv", name, inputs: [from, w], outputs: [`t_${name}`] });
      return out;
    };
    const body = graph.add({ opType: "Relu", name: "relu", inputs: [conv("body")], outputs: ["r"] }).out;
    const scores = graph.add({ opType: "Sigmoid", name: "sigmoid", inputs: [conv("scores", body)], outputs: ["p"] }).out;
    const stride = graph.addInitializer("stride", Tensor.scalar("float32", 320));
    const boxes = graph.add({ opType: "Mul", name: "decode", inputs: [conv("boxes", body), stride], outputs: ["b"] }).out;
    graph.addOutput(graph.add({ opType: "Concat", name: "join", inputs: [boxes, scores], outputs: ["y"], attributes: { axis: attr.int(1) } }).out);
    graph.outputs[0]!.type = tensorType("float32", [1, 8, 8, 8]);
    return model;
  }

  it("are what no weighted layer reads from", () => {
    expect([...tailNodes(detector().graph)].map((n) => n.name)).toEqual(["sigmoid", "decode", "join"]);
  });

  it("stay float, which saves the scores from the scale of the boxes", async () => {
    const model = detector();
    const data = [{ x: values("image", [1, 3, 8, 8]) }];
    const scoreError = async (floatTail: boolean): Promise<number> => {
      const { model: quantized } = await quantizeStatic(model, { floatTail }, { runtime, data });
      const [a, b] = await Promise.all([model, quantized].map(async (m) => (await runtime.load(m)).run(data[0]!)));
      const [p, q] = [a!.y!, b!.y!].map((t) => t.toFloat32().subarray(4 * 64));
      return Math.max(...p!.map((v, i) => Math.abs(v - q![i]!)));
    };
    expect(await scoreError(false)).toBeGreaterThan(0.4);
    expect(await scoreError(true)).toBeLessThan(0.05);
  });

  it("a Concat of ranges far apart is found from the calibration", async () => {
    const model = detector();
    const plan = planStatic(model.clone(), { simplify: false });
    const seen = await calibrate(plan, { runtime, data: [{ x: values("image", [1, 3, 8, 8]) }] }, true);
    expect([...mismatchedConcats(plan.model.graph, seen.tensors)].map((n) => n.name)).toEqual(["join"]);
  });
});

describe("rounding", () => {
  it.each(["int8", "uint8", "int16", "uint16", "int4", "uint4"] as const)("%s: dequantize(quantize(w)) is within half a step", (dtype) => {
    const w = values(`round ${dtype}`, [6, 40]);
    const params = weightParams(w, { dtype, axis: 0, symmetric: dtype.startsWith("int") });
    const back = dequantize(quantizeWeight(w, params, dtype, 0));
    // The symmetric int4 range is -8..7: the largest value may be clipped by half a step more.
    w.toFloat32().forEach((x, i) => {
      const { scale } = params[Math.floor(i / 40)]!;
      expect(Math.abs(x - back[i]!)).toBeLessThanOrEqual((dtype === "int4" && Math.abs(x) > 7.5 * scale ? 1.001 : 0.501) * scale);
    });
  });
});

describe("rounding to float8", () => {
  it.each([["float8e4m3fn", 2 ** -4, 2 ** -10], ["float8e5m2", 2 ** -3, 2 ** -17]] as const)("%s: dequantize(quantize(w)) is within half a unit in the last place", (dtype, relative, smallest) => {
    const w = values(`round ${dtype}`, [6, 40]);
    const params = weightParams(w, { dtype, axis: 0 });
    const back = dequantize(quantizeWeight(w, params, dtype, 0));
    w.toFloat32().forEach((x, i) => expect(Math.abs(x - back[i]!)).toBeLessThanOrEqual(Math.max(relative * Math.abs(x), smallest * params[Math.floor(i / 40)]!.scale) * 1.001));
  });
});

describe("rounding by blocks", () => {
  it.each(["int8", "uint8", "int4", "uint4"] as const)("%s: dequantize(quantize(w)) is within half a step of each block's scale", (dtype) => {
    const w = values(`blocks ${dtype}`, [64, 5]);
    const made = quantizeBlocked(w, { dtype, axis: 0, blockSize: 16, symmetric: dtype.startsWith("int") }, "w");
    const back = dequantize({ ...made, axis: 0, blockSize: 16 });
    const scales = made.scale.toFloat32();
    const most = { int8: 127.5, int4: 7.5, uint8: Infinity, uint4: Infinity }[dtype];
    w.toFloat32().forEach((x, i) => {
      const scale = scales[Math.floor(Math.floor(i / 5) / 16) * 5 + (i % 5)]!;
      // Beyond the greatest code of a symmetric type a value is clipped, by half a step more at most.
      expect(Math.abs(x - back[i]!)).toBeLessThanOrEqual((Math.abs(x) > most * scale ? 1.001 : 0.501) * scale);
    });
  });
});

describe("rounding of weights from outside (AdaRound and the like)", () => {
  it("is written in place of rounding to nearest", async () => {
    const model = unevenConvs();
    const down = new Map<string, Tensor>();
    const round = async ({ plan }: { plan: Parameters<typeof resolveParams>[0] }, ranges: Parameters<typeof resolveParams>[1]) => {
      for (const [value, { original }] of resolveParams(plan, ranges)) {
        if (value.name !== "w1") continue;
        const codes = Int8Array.from(value.constant!.toFloat32(), (x, i) => Math.floor(x / original.list[Math.floor(i / 3)]!.scale));
        down.set("w1", Tensor.from("int8", value.constant!.dims, codes));
      }
      return down;
    };
    const { model: quantized } = await quantizeStatic(model, { simplify: false }, { runtime, data: convData, round });
    expect(quantized.graph.value("w1_quantized")!.tensor!.toNumbers()).toEqual(down.get("w1")!.toNumbers());
    const wrong = quantizeStatic(model, { simplify: false }, { runtime, data: convData, round: async () => new Map([["w1", Tensor.from("int8", [1], [0])]]) });
    await expect(wrong).rejects.toMatchObject({ code: "QUANT_ROUNDED" });
  });
});
