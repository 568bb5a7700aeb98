/** Static quantization inside If, Loop and Scan: what is observed there, what is written, and what stays float with a reason. */
import { describe, expect, it } from "vitest";
import { Graph, Model, Tensor, Value, attr, dataset, decodeModel, encodeModel, pipeline, random, standardOps, tensorType, verify, type Feeds } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { calibrate, chooseScheme, outputSqnr, planStatic, quantizeStatic, rangesOf, reference, staticQuantize } from "@lathe/quantize";
import { readModel } from "./models.ts";

const runtime = ortRuntime();
const values = (seed: string, dims: number[]): Tensor => {
  const r = random(seed);
  return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => r.normal()));
};
const start = (): Model => new Model({ opset: 17, irVersion: 8 });

/** x -> MatMul -> If (MatMul -> Relu | MatMul -> Sigmoid); both branches read the product from outside and call their result "out". */
function choice(): Model {
  const model = start();
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", ["N", 6]));
  const which = graph.addInput("which", tensorType("bool", []));
  const t = graph.add({ opType: "MatMul", name: "shared", inputs: [x, graph.addInitializer("w", values("w", [6, 6]))], outputs: ["t"] }).out;
  const branch = (name: string, then: string): Graph => {
    const body = new Graph(name);
    const product = body.add({ opType: "MatMul", name: "product", inputs: [t, body.addInitializer("own", values(name, [6, 4]))], outputs: ["p"] }).out;
    const out = body.add({ opType: then, name: "last", inputs: [product], outputs: [new Value("out", tensorType("float32", ["N", 4]))] }).out;
    body.addOutput(out);
    return body;
  };
  const y = graph.add({ opType: "If", name: "choice", inputs: [which], outputs: ["y"], attributes: { then_branch: attr.graph(branch("yes", "Relu")), else_branch: attr.graph(branch("no", "Sigmoid")) } }).out;
  y.type = tensorType("float32", ["N", 4]);
  graph.addOutput(y);
  return model;
}

/** h = h @ w, as often as `steps` says. */
function repeated(): Model {
  const model = start();
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", [2, 5]));
  const steps = graph.addInput("steps", tensorType("int64", []));
  const go = graph.addInitializer("go", Tensor.from("bool", [], [true]));
  const w = graph.addInitializer("w", values("loop", [5, 5]));
  const body = new Graph("body");
  body.addInput("i", tensorType("int64", []));
  const on = body.addInput("on", tensorType("bool", []));
  const h = body.addInput("h", tensorType("float32", [2, 5]));
  const next = body.add({ opType: "MatMul", name: "step", inputs: [h, w], outputs: ["next"] }).out;
  next.type = tensorType("float32", [2, 5]);
  body.addOutput(body.add({ opType: "Identity", inputs: [on], outputs: [new Value("still", tensorType("bool", []))] }).out);
  body.addOutput(next);
  const y = graph.add({ opType: "Loop", name: "loop", inputs: [steps, go, x], outputs: ["y"], attributes: { body: attr.graph(body) } }).out;
  y.type = tensorType("float32", [2, 5]);
  graph.addOutput(y);
  return model;
}

/** y[t] = x[t] @ w over the first axis, by Scan. */
function scanned(): Model {
  const model = start();
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", ["T", 3, 5]));
  const body = new Graph("body");
  const row = body.addInput("row", tensorType("float32", [3, 5]));
  const out = body.add({ opType: "MatMul", name: "each", inputs: [row, body.addInitializer("w", values("scan", [5, 4]))], outputs: [new Value("each_out", tensorType("float32", [3, 4]))] }).out;
  body.addOutput(out);
  const y = graph.add({ opType: "Scan", name: "scan", inputs: [x], outputs: ["y"], attributes: { body: attr.graph(body), num_scan_inputs: attr.int(1) } }).out;
  y.type = tensorType("float32", ["T", 3, 4]);
  graph.addOutput(y);
  return model;
}

/** The same backwards, with the attributes that name each of Scan's results. */
function scannedBack(): Model {
  const model = scanned();
  const scan = model.graph.firstNode!;
  for (const [name, list] of [["scan_input_directions", [1]], ["scan_output_directions", [1]], ["scan_output_axes", [0]]] as const) scan.setAttribute(name, attr.ints(list));
  return model;
}

const taken = (which: boolean, seed = 0): Feeds => ({ x: values(`x${seed}`, [3, 6]), which: Tensor.from("bool", [], [which]) });
const stepped = (steps: number): Feeds => ({ x: values(`s${steps}`, [2, 5]), steps: Tensor.int64([steps], []) });
const rowsOf = (count: number): Feeds => ({ x: values(`rows${count}`, [count, 3, 5]) });

const ops = (model: Model, inside: boolean): string[] => [...model.graph.allNodes()].filter((n) => (n.graph !== model.graph) === inside).map((n) => n.opType);
const sound = (model: Model): void => expect(verify(model, { ops: standardOps }).filter((issue) => issue.severity === "error")).toEqual([]);

describe.each([
  ["If", choice, [taken(true), taken(false, 1), taken(true, 2)]],
  ["Loop", repeated, [stepped(2), stepped(0), stepped(1)]],
  ["Scan", scanned, [rowsOf(2), rowsOf(4)]],
  ["Scan backwards", scannedBack, [rowsOf(2), rowsOf(4)]],
] as const)("the body of %s", (_, make, data) => {
  it.each(["minmax", "moving-average", "entropy", "mse"] as const)("is quantized with what was observed in it (%s), and runs near the float model", async (method) => {
    const { model, unreached } = await quantizeStatic(make(), { bodies: true, simplify: false, method }, { runtime, data: [...data] });
    sound(model);
    expect(unreached).toEqual([]);
    expect(ops(model, true)).toContain("DequantizeLinear");
    const known = await reference(make(), runtime, [...data], 9);
    expect(await outputSqnr(decodeModel(encodeModel(model)), runtime, known)).toBeGreaterThan(method === "entropy" ? 5 : 20);
  });

  it("is quantized as integer operators as well", async () => {
    const { model } = await quantizeStatic(make(), { bodies: true, simplify: false, format: "qoperator" }, { runtime, data: [...data] });
    sound(model);
    expect(ops(model, true)).toContain("QLinearMatMul");
    expect(await outputSqnr(model, runtime, await reference(make(), runtime, [...data], 9))).toBeGreaterThan(25);
  });

  it("stays as it is unless asked for", async () => {
    const plain = make();
    const before = ops(plain, true);
    const result = quantizeStatic(plain, { simplify: false }, { runtime, data: [...data] });
    if (ops(plain, false).includes("MatMul")) expect(ops((await result).model, true)).toEqual(before);
    else await expect(result).rejects.toMatchObject({ code: "QUANT_NOTHING_TO_DO", message: expect.stringContaining("bodies") });
  });
});

describe("ranges in bodies", () => {
  it("are those of the steps that a loop took", async () => {
    const plan = planStatic(repeated(), { bodies: true, simplify: false });
    const ranges = rangesOf(await calibrate(plan, { runtime, data: [stepped(3)] }), plan);
    let h = stepped(3)["x"]!.toFloat32();
    const w = values("loop", [5, 5]).toFloat32();
    let [min, max] = [0, 0];
    for (let step = 0; step < 3; step++) {
      h = Float32Array.from({ length: 10 }, (_, i) => [0, 1, 2, 3, 4].reduce((sum, k) => sum + h[Math.floor(i / 5) * 5 + k]! * w[k * 5 + (i % 5)]!, 0));
      [min, max] = [Math.min(min, ...h), Math.max(max, ...h)];
    }
    expect(ranges.get("next")!.min).toBeCloseTo(min, 4);
    expect(ranges.get("next")!.max).toBeCloseTo(max, 4);
  });

  it("tell branches of an If apart that use the same names", async () => {
    const plan = planStatic(choice(), { bodies: true, simplify: false });
    const names = [...(await calibrate(plan, { runtime, data: [taken(true), taken(false)] })).tensors.keys()];
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.startsWith("out"))).toHaveLength(2);
  });
});

describe("a branch that no sample takes", () => {
  it("stays float, and a warning names its nodes", async () => {
    const run = pipeline(staticQuantize({ bodies: true, simplify: false })).run(choice(), { data: dataset([taken(true), taken(true, 1)]), runtime });
    const { model, report } = await run.result;
    const [step] = report.data.steps;
    expect(step!.warnings.map((w) => [w.code, w.node])).toEqual([["QUANT_UNREACHED", "product_1"], ["QUANT_UNREACHED", "last_1"]]);
    const untaken = [...model.graph.allGraphs()].find((graph) => graph.name === "no")!;
    // It reads the tensor from outside, which is quantized; its own weight and results are not.
    expect([...untaken.nodes].map((n) => n.opType)).toEqual(["DequantizeLinear", "MatMul", "Sigmoid"]);
    expect([...untaken.initializers].map((v) => v.dtype)).toEqual(["float32"]);
    expect(await outputSqnr(model, runtime, await reference(choice(), runtime, [taken(false)], 1))).toBeGreaterThan(25);
  });

  it("stays float in the scheme that measuring chooses, too", async () => {
    const time = async (candidates: object) => new Map(Object.keys(candidates).map((name) => [name, name === "static" ? 1 : 9] as const));
    const { model, chosen } = await chooseScheme(choice(), { target: "x64-vnni", static: { bodies: true, simplify: false } }, { runtime, data: [taken(true), taken(true, 1)], time });
    expect(chosen.name).toBe("static");
    expect(await outputSqnr(model, runtime, await reference(choice(), runtime, [taken(false)], 1))).toBeGreaterThan(25);
  });
});

describe.each(["silero_vad_v5", "silero_vad_v6", "silero_vad_legacy"])("%s, whose layers stand in an If", (name) => {
  it("is quantized at the sample rate of the data, and follows the float model", async () => {
    const float = decodeModel(readModel(name));
    const legacy = name.endsWith("legacy");
    const zeros = (dims: number[]): Tensor => Tensor.from("float32", dims, new Float32Array(dims.reduce((p, d) => p * d, 1)));
    // A tone whose loudness changes, in noise.
    const sound = (seed: number): Tensor => {
      const r = random(`sound ${seed}`);
      const length = legacy ? 512 : 576;
      return Tensor.from("float32", [1, length], Float32Array.from({ length }, (_, i) => 0.3 * Math.sin(i * 0.05 * (1 + seed)) * Math.sin(i * 0.01) + 0.02 * r.normal()));
    };
    const state: Feeds = legacy ? { h: zeros([2, 1, 64]), c: zeros([2, 1, 64]) } : { state: zeros([2, 1, 128]) };
    const data = [1, 2, 3, 4].map((seed): Feeds => ({ input: sound(seed), sr: Tensor.int64([16_000], []), ...state }));
    const { model, report, unreached } = await quantizeStatic(float, { bodies: true, opTypes: ["Conv", "MatMul", "Gemm"] }, { runtime, data });
    expect(report.weights).toBeGreaterThan(3);
    expect(unreached.length).toBeGreaterThan(0);
    const [before, after] = await Promise.all([float, model].map(async (each) => {
      const session = await runtime.load(each);
      const found = await Promise.all(data.map(async (feeds) => (await session.run(feeds))["output"]!.toFloat32()[0]!));
      await session.dispose();
      return found;
    }));
    before!.forEach((probability, i) => expect(Math.abs(probability - after![i]!)).toBeLessThan(legacy ? 0.15 : 0.05));
  });
});
