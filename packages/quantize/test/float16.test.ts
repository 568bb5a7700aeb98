/** convert-float16: values as ONNX Runtime's tool makes them, types that fit together, ranges, results. */
import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Graph, Model, Tensor, assertValid, attr, dataset, decodeModel, pipeline, random, standardOps, tensorType, type Feeds } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { compare, ortRuntime, randomFeeds } from "@lathe/ort";
import { convertFloat16, convertToFloat16, encodeHalf, type Float16Input } from "@lathe/quantize";
import { registerConformance, tinyCnn, tinyTransformer } from "@lathe/testkit";
import { bert } from "@lathe/train";
import { golden } from "./golden.ts";
import { randomGraph } from "./random/graphs.ts";
import { countOps, digest, initializersOf, readModel } from "./models.ts";

interface Golden {
  readonly rule: { readonly values: readonly number[]; readonly codes: readonly number[] };
  readonly models: Readonly<Record<string, Weights>>;
  readonly generated: readonly Weights[];
}
type Weights = Readonly<Record<string, readonly [string, readonly number[], number | string]>>;
const peer = golden<Golden>("float16");
const clamped = () => ({ large: 0, small: 0 });
const values = (seed: string, dims: readonly number[], spread = 1): Tensor => {
  const r = random(seed);
  return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => (r.float() * 2 - 1) * spread));
};

describe("values in 16 bits", () => {
  it("are those of ONNX Runtime's tool, also at the ends of the range", () => {
    const single = new Float32Array(Uint32Array.from(peer.rule.values).buffer);
    expect(Array.from(encodeHalf(single, "float16", clamped()))).toEqual(peer.rule.codes);
  });

  it.each(["float16", "bfloat16"] as const)("stay finite, not zero, and of their sign: %s", (dtype) => {
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true, minLength: 1 }), (single) => {
        const back = Tensor.from(dtype, [single.length], encodeHalf(single, dtype, clamped())).toFloat32();
        expect(Array.from(back, (v) => [Number.isFinite(v), Math.sign(v)])).toEqual(Array.from(single, (v) => [Number.isFinite(v), Math.sign(v)]));
      }),
    );
  });

  it("counts what it moves into the range", () => {
    const count = clamped();
    encodeHalf(Float32Array.of(1e9, -1e9, 65504, 1e-9, 0, Infinity), "float16", count);
    expect(count).toEqual({ large: 2, small: 1 });
  });
});

describe("real models", () => {
  it.each(Object.keys(peer.models))("%s has the weights that ONNX Runtime's tool gives it", async (name) => {
    const { model, report } = await convertFloat16(decodeModel(readModel(name)));
    assertValid(model, { ops: standardOps });
    // The tool clamps weights beyond the range, which breaks the model; here the node that reads them stays float32.
    const wide = new Set(report.kept.filter((k) => k.reason.includes("beyond the range")).map((k) => k.node));
    const onPurpose = new Set([...model.graph.allNodes()].filter((node) => wide.has(node.name)).flatMap((node) => node.inputs.map((v) => v?.name)));
    expect(wide.size).toBe(name === "ch_PP-OCRv4_det_infer" ? 1 : 0);
    const ours = new Map([...initializersOf(model.graph)].map(([path, tensor]) => [path.split("/").at(-1)!.replace(/_float32$/, ""), tensor]));
    for (const [label, tensor] of initializersOf(model.graph)) ours.set(label, tensor);
    const differing = Object.entries(peer.models[name]!).filter(([label, theirs]) => {
      const tensor = ours.get(label);
      return tensor !== undefined && !onPurpose.has(label) && JSON.stringify(digest(tensor)) !== JSON.stringify(theirs);
    });
    expect(differing).toEqual([]);
    const found = Object.keys(peer.models[name]!).filter((label) => ours.has(label));
    expect(found.length).toBeGreaterThan(Object.keys(peer.models[name]!).length * 0.85);
  });

  it.each([
    ["fashion-mobilenet", { image: values("a", [2, 1, 28, 28]) }, 40],
    ["mnist-lenet", { image: values("a", [2, 1, 28, 28]) }, 40],
    ["ch_ppocr_mobile_v2.0_cls_infer", { x: values("a", [1, 3, 48, 192]) }, 30],
    ["ch_PP-OCRv4_rec_infer", { x: values("a", [1, 3, 48, 64]) }, 25],
    ["ch_PP-OCRv4_det_infer", { x: values("a", [1, 3, 64, 64]) }, 5],
  ] as const)("%s runs and is near the float32 model", async (name, feeds, least) => {
    const float = decodeModel(readModel(name));
    const { model } = await convertFloat16(float);
    const { tensors } = await compare(float, model, feeds);
    for (const { sqnr } of Object.values(tensors)) expect(sqnr).toBeGreaterThan(least);
  });
});

describe("generated models", () => {
  it.each(peer.generated.map((theirs, seed) => ({ seed, theirs })))("model $seed is sound, runs, and has the weights that ONNX Runtime's tool gives it", async ({ seed, theirs }) => {
    const float = randomGraph(seed);
    const { model: made } = await convertFloat16(float);
    assertValid(made, { ops: standardOps });
    const session = await ortRuntime().load(made);
    await session.dispose();
    const ours = initializersOf(made.graph);
    const differing = Object.entries(theirs).filter(([label, expected]) => {
      // One that only float32 nodes read keeps its name or gets a second one; either way it is as it was.
      const tensor = ours.get(label);
      return tensor !== undefined && JSON.stringify(digest(tensor)) !== JSON.stringify(expected);
    });
    expect(differing).toEqual([]);
    expect(Object.keys(theirs).filter((label) => !ours.has(label))).toEqual([]);
  });
});

function model(build: (graph: Graph) => void, opset = 17): Model {
  const made = new Model({ opset, irVersion: 10 });
  build(made.graph);
  return made;
}
const single = (dims: readonly (number | string)[]) => tensorType("float32", dims);

/** What other converters trip over, in one graph: Cast to float, a shape computed in float, Resize scales, If with captures, CumSum. */
const awkward = (): Model =>
  model((g) => {
    const x = g.addInput("x", single([1, 2, 4, 4]));
    const flag = g.addInput("flag", tensorType("bool", []));
    const n = g.addInput("n", tensorType("int64", [1]));
    const factor = g.add({ opType: "Cast", name: "to_float", inputs: [n], outputs: ["factor"], attributes: { to: attr.int(1) } }).out;
    const scaled = g.add({ opType: "Mul", name: "scale", inputs: [x, factor], outputs: ["scaled"] }).out;
    const scales = g.addInitializer("scales", Tensor.from("float32", [4], [1, 1, 2, 2]));
    const large = g.add({ opType: "Resize", name: "resize", inputs: [scaled, null, scales], outputs: ["large"], attributes: { mode: attr.string("nearest") } }).out;
    const sums = g.add({ opType: "CumSum", name: "sums", inputs: [large, g.addInitializer("axis", Tensor.from("int32", [], [3]))], outputs: ["sums"] }).out;
    const bias = g.addInitializer("bias", values("bias", [1, 2, 1, 1]));
    const branch = (name: string, op: string): Graph => {
      const inner = new Graph(name);
      const y = inner.add({ opType: op, name: `${name}_op`, inputs: [sums, bias], outputs: [`${name}_y`] }).out;
      y.type = single([1, 2, 8, 8]);
      inner.addOutput(y);
      return inner;
    };
    const y = g.add({ opType: "If", name: "if", inputs: [flag], outputs: ["y"], attributes: { then_branch: attr.graph(branch("then", "Add")), else_branch: attr.graph(branch("else", "Max")) } }).out;
    y.type = single([1, 2, 8, 8]);
    g.addOutput(y);
    const filled = g.add({ opType: "ConstantOfShape", name: "zeros", inputs: [n], outputs: ["zeros"] }).out;
    g.addOutput(g.add({ opType: "Add", name: "plus", inputs: [filled, factor], outputs: ["z"] }).out);
    g.outputs[1]!.type = single(["n"]);
  });
const awkwardFeeds = (flag: 0 | 1): Feeds => ({ x: values("x", [1, 2, 4, 4]), flag: Tensor.from("bool", [], [flag]), n: Tensor.int64([3], [1]) });

const sums = (steps: number): Model =>
  model((g) => {
    const x = g.addInput("x", single([4]));
    const body = new Graph("body");
    body.addInput("i", tensorType("int64", []));
    const on = body.addInput("on", tensorType("bool", []));
    const acc = body.addInput("acc", single([4]));
    const next = body.add({ opType: "Add", name: "add", inputs: [acc, x], outputs: ["next"] }).out;
    const rest = body.add({ opType: "Identity", name: "pass", inputs: [on], outputs: ["go"] }).out;
    for (const output of [rest, next, next]) body.addOutput(output);
    next.type = single([4]);
    rest.type = tensorType("bool", []);
    const node = g.add({ opType: "Loop", name: "loop", inputs: [g.addInitializer("steps", Tensor.int64([steps], [])), null, x], outputs: ["last", "all"], attributes: { body: attr.graph(body) } });
    node.out.type = single([4]);
    node.output(1)!.type = single([steps, 4]);
    for (const output of node.outputs) g.addOutput(output!);
  });

describe("types", () => {
  it.each<[string, Model, Feeds, Float16Input]>([
    ["casts, Resize, If (first branch)", awkward(), awkwardFeeds(1), {}],
    ["casts, Resize, If (second branch)", awkward(), awkwardFeeds(0), {}],
    ["the same with no operator kept", awkward(), awkwardFeeds(1), { keepOpTypes: [] }],
    ["Loop with a carried value and a scan output", sums(3), { x: values("x", [4]) }, {}],
  ])("fit together and the model runs: %s", async (_, float, feeds, options) => {
    const { model: made } = await convertFloat16(float, options);
    assertValid(made, { ops: standardOps });
    const { tensors } = await compare(float, made, feeds);
    for (const { sqnr } of Object.values(tensors)) expect(sqnr).toBeGreaterThan(45);
  });

  it.each<[string, Float16Input, string[]]>([
    ["all inputs and outputs float32", {}, ["float32", "float32", "float32"]],
    ["all in 16 bits", { keepIo: false }, ["float16", "float16", "float16"]],
    ["only those named", { keepIoNames: ["x", "z"] }, ["float32", "float16", "float32"]],
  ])("of inputs and outputs are as asked: %s", async (_, options, types) => {
    const { model: made } = await convertFloat16(awkward(), options);
    const names = ["x", "y", "z"].map((name) => [...made.graph.inputs, ...made.graph.outputs].find((v) => v.name === name)?.dtype);
    expect(names).toEqual(types);
    const session = await ortRuntime().load(made);
    expect([...session.inputs, ...session.outputs].filter((v) => "xyz".includes(v.name)).map((v) => v.dtype)).toEqual(types);
    await session.dispose();
  });

  it("of bfloat16 follow the signatures of the opset: what has no bfloat16 stays float32", async () => {
    const { model: made, report } = await convertFloat16(awkward(), { dtype: "bfloat16" });
    assertValid(made, { ops: standardOps });
    expect(report.nodes).toBeGreaterThan(3);
    expect(made.graph.value("bias")!.dtype).toBe("bfloat16");
  });

  it("needs no Cast between nodes that stay float32", async () => {
    const float = model((g) => {
      const x = g.addInput("x", single([4]));
      const a = g.add({ opType: "Exp", name: "a", inputs: [x], outputs: ["a"] }).out;
      g.addOutput(g.add({ opType: "Log", name: "b", inputs: [g.add({ opType: "Relu", name: "r", inputs: [a], outputs: ["r"] }).out], outputs: ["y"] }).out);
      g.outputs[0]!.type = single([4]);
    });
    const { model: made } = await convertFloat16(float, { excludeNodes: ["a", "r"] });
    expect(countOps(made)).toEqual({ Exp: 1, Relu: 1, Log: 1, Cast: 2 });
  });

  it("keeps the float32 copy of a weight for a node that stays float32 (the tool rounds it and casts back)", async () => {
    const float = model((g) => {
      const x = g.addInput("x", single([4]));
      const w = g.addInitializer("w", values("w", [4]));
      const a = g.add({ opType: "Max", name: "kept", inputs: [x, w], outputs: ["a"] }).out;
      g.addOutput(g.add({ opType: "Mul", name: "half", inputs: [a, w], outputs: ["y"] }).out);
      g.outputs[0]!.type = single([4]);
    });
    const { model: made } = await convertFloat16(float);
    expect(made.graph.node("kept")!.input(1)!.tensor!.data()).toEqual(values("w", [4]).data());
    expect(made.graph.node("half")!.input(1)!.dtype).toBe("float16");
  });
});

describe("ranges", () => {
  const overflowing = model((g) => {
    const x = g.addInput("x", single([4]));
    const squared = g.add({ opType: "Mul", name: "square", inputs: [x, x], outputs: ["squared"] }).out;
    const root = g.add({ opType: "Sqrt", name: "root", inputs: [squared], outputs: ["root"] }).out;
    g.addOutput(g.add({ opType: "Relu", name: "last", inputs: [root], outputs: ["y"] }).out);
    g.outputs[0]!.type = single([4]);
  });
  const feeds: Feeds = { x: Tensor.from("float32", [4], [1000, -500, 3, 0.5]) };
  const services = { runtime: ortRuntime(), data: [feeds] };

  it("of a weight keep its node in float32; a mask is clamped", async () => {
    const float = model((g) => {
      const x = g.addInput("x", single([4]));
      const scaled = g.add({ opType: "Div", name: "wide", inputs: [x, g.addInitializer("huge", Tensor.from("float32", [4], [1e6, 1e6, 2, 2]))], outputs: ["s"] }).out;
      g.addOutput(g.add({ opType: "Add", name: "masked", inputs: [scaled, g.addInitializer("mask", Tensor.from("float32", [4], [0, -3.4e38, 0, 0]))], outputs: ["y"] }).out);
      g.outputs[0]!.type = single([4]);
    });
    const { model: made, report } = await convertFloat16(float);
    expect(report).toMatchObject({ kept: [{ node: "wide" }], clampedLarge: 1 });
    expect(made.graph.value("mask")!.tensor!.toNumbers()).toEqual([0, -65504, 0, 0]);
  });

  it("that calibration finds too wide keep the nodes around in float32", async () => {
    const { model: made, report } = await convertFloat16(overflowing, { checkRanges: true }, services);
    expect(report.kept.map((k) => k.node)).toEqual(["square", "root"]);
    const { tensors } = await compare(overflowing, made, feeds);
    expect(tensors["y"]!.sqnr).toBeGreaterThan(60);
    const { model: blind } = await convertFloat16(overflowing);
    // On CPUs ONNX Runtime computes it in float32 all the same; the types say what other engines would do.
    const types = ["squared", "root"].map((name) => [made.graph.value(name)!.dtype, blind.graph.value(name)!.dtype]);
    expect(types).toEqual([["float32", "float16"], ["float32", "float16"]]);
  });
});

describe("a model in a file", () => {
  it("is converted piece by piece while it is written", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lathe-half-"));
    try {
      const r = random("half");
      const float = bert({ random: () => r.float(), vocabulary: 300, tokens: 8, hidden: 32, mlp: 64, layers: 1 });
      await saveModel(float, join(folder, "a.onnx"), { externalData: true });
      const { model: lazy } = await convertFloat16(await loadModel(join(folder, "a.onnx")));
      expect(lazy.graph.value("embeddings.word")!.tensor!.storage.kind).toBe("lazy");
      await saveModel(lazy, join(folder, "b.onnx"), { externalData: true });
      const { model: eager } = await convertFloat16(float);
      const back = await loadModel(join(folder, "b.onnx"));
      for (const value of eager.graph.initializers) expect(Buffer.from(back.graph.value(value.name)!.tensor!.bytes()).equals(value.tensor!.bytes())).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("refusals", () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ["an unknown output", () => convertFloat16(awkward(), { keepIoNames: ["nope"] }), "FLOAT16_IO_NAME"],
    ["an unknown node", () => convertFloat16(awkward(), { excludeNodes: ["nope"] }), "QUANT_UNKNOWN_NAME"],
    ["ranges without data", () => convertFloat16(awkward(), { checkRanges: true }), "FLOAT16_SERVICES"],
    ["nothing to convert", () => convertFloat16(sums(1), { keepOpTypes: ["Add"], excludeNodes: ["add"] }).then(() => convertFloat16(model((g) => {
      const x = g.addInput("x", single([4]));
      g.addOutput(g.add({ opType: "Relu", name: "r", inputs: [x], outputs: ["y"] }).out);
    }), { excludeNodes: ["r"] })), "FLOAT16_NOTHING"],
  ])("%s", async (_, act, code) => {
    await expect(act()).rejects.toMatchObject({ code });
  });
});

const cnn = tinyCnn();
registerConformance(convertToFloat16, {
  examples: [
    { name: "cnn", model: cnn },
    { name: "transformer, bfloat16", model: tinyTransformer(), options: { dtype: "bfloat16" } },
    { name: "ranges", model: cnn, options: { checkRanges: true, keepIo: false }, services: { runtime: ortRuntime(), data: dataset([0, 1].map((seed) => randomFeeds(cnn, { seed, unbound: 2 }))) } },
  ],
}, { describe, it });

describe("convert-float16 in a pipeline", () => {
  it("halves the weights and reports what it did", async () => {
    const { report } = await pipeline(convertToFloat16()).run(decodeModel(readModel("fashion-mobilenet"))).result;
    const { metrics } = report.data.steps[0]!;
    expect(metrics.bytesAfter).toBe(Number(metrics.bytesBefore) / 2);
  });
});
