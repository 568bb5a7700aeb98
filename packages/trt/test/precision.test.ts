/** Precision written into the graph: legal for TensorRT, and near the float model where ONNX Runtime computes it. */
import { beforeAll, describe, expect, it } from "vitest";
import { attr, dataset, decodeModel, pipeline, Tensor, tensorType, type Dataset, type Feeds, type Model, type Node, type Step } from "@lathe/core";
import { compare, ortRuntime, randomFeeds } from "@lathe/ort";
import { quantizeStatic, quantizeWeights, type StaticOptionsInput } from "@lathe/quantize";
import { LayerBuilder, registerConformance, tinyCnn, tinyTransformer } from "@lathe/testkit";
import { checkTensorRT, passes, reductionDepth, trtFp16, trtFp8, trtInt8 } from "@lathe/trt";
import { accuracy, images } from "../../quantize/test/fashion.ts";
import { readModel } from "../../quantize/test/models.ts";

const runtime = ortRuntime();
const feedsOf = (model: Model, unbound: number, seeds = [0, 1]): Dataset => dataset(seeds.map((seed) => randomFeeds(model, { seed, unbound })));
const cnn = tinyCnn({ channels: 32 });
const transformer = tinyTransformer({ width: 32 });
const examples = (options: object) => [
  { name: "cnn", model: cnn, options, services: { data: feedsOf(cnn, 2), runtime } },
  { name: "transformer", model: transformer, options, services: { data: feedsOf(transformer, 4), runtime } },
];

registerConformance(trtInt8, { examples: examples({ samples: 2 }) }, { describe, it });
registerConformance(trtFp8, { examples: examples({ samples: 2 }) }, { describe, it });
registerConformance(trtFp16, { examples: examples({ samples: 2, maxDepth: 1000 }) }, { describe, it });

interface Made {
  readonly model: Model;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly details: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
}

async function run(model: Model, data: Dataset, ...steps: Step<"data" | "runtime">[]): Promise<Made> {
  const result = await pipeline(...steps).run(model, { data, runtime }).result;
  const step = result.report.data.steps.at(-1)!;
  return { model: result.model, metrics: step.metrics, details: step.details as Record<string, unknown>, warnings: step.warnings.map((w) => w.code) };
}

describe("accuracy on 250 test images stays within three of them", () => {
  const models = ["fashion-mobilenet", "fashion-vit"] as const;
  const data = dataset(images("fashion-train-512", 32).slice(0, 2));
  const float = new Map<string, number>();

  beforeAll(async () => {
    for (const name of models) float.set(name, await accuracy(decodeModel(readModel(name)), runtime, 250, { optimization: "disabled" }));
  });

  const steps: [string, Step<"data" | "runtime">[]][] = [["trt-int8", [trtInt8()]], ["trt-fp8", [trtFp8()]], ["trt-fp16", [trtFp16()]], ["trt-int8, then trt-fp16", [trtInt8(), trtFp16()]]];
  it.each(models.flatMap((name) => steps.map(([label, list]) => [name, label, list] as const)))("%s, %s", async (name, _, list) => {
    const made = await run(decodeModel(readModel(name)), data, ...list);
    expect(checkTensorRT(made.model, { version: "11" }).filter((f) => f.severity === "error")).toEqual([]);
    expect(100 * (float.get(name)! - (await accuracy(made.model, runtime, 250, { optimization: "disabled" })))).toBeLessThanOrEqual(1.2);
  });
});

describe("real models pass the check", () => {
  const sizes: Record<string, number> = { "ch_ppocr_mobile_v2.0_cls_infer": 48, "ch_PP-OCRv4_det_infer": 64, "ch_PP-OCRv4_rec_infer": 96 };
  const photo = (name: string, model: Model): Feeds => {
    const input = model.graph.inputs.find((v) => !v.tensor)!;
    const dims = input.shape!.map((d, i) => (typeof d === "number" ? d : i === 0 ? 1 : sizes[name]!));
    // Smooth, as images are: noise drives detectors out of every range that they know.
    const scale = input.name.includes("alpha") ? 255 : 1;
    return { [input.name]: Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, (_, i) => scale * (0.5 + 0.5 * Math.sin(i / 40)))) };
  };

  it.each(["ch_ppocr_mobile_v2.0_cls_infer", "ch_PP-OCRv4_det_infer", "ch_PP-OCRv4_rec_infer", "mlsd_320x320_tiny"].flatMap((name) => [[name, "trt-int8"], [name, "trt-fp16"]] as const))("%s, %s", async (name, technique) => {
    const model = decodeModel(readModel(name));
    const feeds = photo(name, model);
    const made = await run(model, dataset([feeds]), technique === "trt-int8" ? trtInt8() : trtFp16());
    expect(made.metrics).toMatchObject({ errors: 0, warnings: 0 });
    for (const version of ["10.3", "11"]) expect(passes(checkTensorRT(made.model, { version }))).toBe(true);
    const difference = await compare(model, made.model, [feeds], { runtime, optimization: "disabled" });
    for (const output of Object.values(difference.tensors)) {
      expect(output.notFinite).toBe(0);
      // The line detector keeps what equals the maximum of its neighbours: one rounding moves a peak.
      if (!name.startsWith("mlsd")) expect(output.cosine).toBeGreaterThan(technique === "trt-int8" ? 0.9 : 0.999);
    }
  });
});

describe("static quantization with target tensorrt stays legal with", () => {
  it.each<[StaticOptionsInput]>([
    [{ dedicatedPairs: true }], [{ weightPairs: true }], [{ perChannel: false }], [{ correctBias: true, equalize: true }], [{ bodies: true }],
    [{ rounding: "adaround", adaround: { iterations: 5 } }], [{ simplify: false, method: "entropy" }],
  ])("%j", async (options) => {
    const made = await quantizeStatic(decodeModel(readModel("fashion-mobilenet")), { target: "tensorrt", ...options }, { runtime, data: images("fashion-train-512", 16).slice(0, 1) });
    expect(checkTensorRT(made.model, { version: "11" })).toEqual([]);
  });
});

describe("4-bit weights in blocks", () => {
  const model = tinyTransformer({ width: 64 });
  const data = feedsOf(model, 4);

  it.each(["default", "gptq", "awq"] as const)("%s: are legal, also in a float16 network", async (algorithm) => {
    const step = quantizeWeights({ target: "tensorrt", algorithm, blockSize: 32 });
    for (const steps of [[step], [step, trtFp16()]]) {
      const made = await pipeline(...steps).run(model, { data, runtime }).result;
      expect([...made.model.graph.nodes].filter((n) => n.is("DequantizeLinear") && n.input(0)!.dtype === "int4").length).toBeGreaterThan(4);
      expect(checkTensorRT(made.model, { version: "11" }).filter((f) => f.severity === "error")).toEqual([]);
      const { tensors } = await compare(model, made.model, [randomFeeds(model, { unbound: 4 })], { runtime });
      expect(tensors.logits!.cosine).toBeGreaterThan(0.98);
    }
  });

  it.each([
    ["zero points", { symmetric: false }, "TensorRT takes no zero points"],
    ["zero points of k-quant", { algorithm: "k-quant" }, "TensorRT takes no zero points"],
    ["other widths", { bits: 8 }, "TensorRT takes those of 4 bits alone"],
  ] as const)("are refused with %s", async (_, options, reason) => {
    await expect(pipeline(quantizeWeights({ target: "tensorrt", ...options })).run(model).result).rejects.toThrow(reason);
  });
});

it("a float16 network of a model that was illegal before says so, and does not call it a bug", async () => {
  const model = tinyTransformer({ width: 64 });
  const made = await pipeline(quantizeWeights({ format: "qdq", blockSize: 32 }), trtFp16()).run(model, { data: feedsOf(model, 4), runtime }).result;
  expect(made.report.data.steps[1]!.warnings.map((w) => w.code)).toContain("TRT_QDQ_SCALE");
});

describe("trt-int8", () => {
  it("says which layers stay float and why, and what the target chose", async () => {
    const made = await run(decodeModel(readModel("fashion-mobilenet")), dataset(images("fashion-train-512", 16).slice(0, 1)), trtInt8({ method: "minmax" }));
    expect(made.metrics).toMatchObject({ declined: 1, errors: 0, warnings: 0 });
    expect(made.details.declined).toEqual([{ node: expect.any(String), reason: expect.stringContaining("too narrow for tensor cores") }]);
    expect((made.details.reasons as string[]).join("\n")).toContain('placement = "tensorrt"');
  });

  it("warns of what stands in the way of an engine", async () => {
    const b = new LayerBuilder(0, 17);
    const x = b.graph.addInput("x", tensorType("float32", ["N", 32]));
    const y = b.node("MatMul", [x, b.weight("w", [32, 32], 32)]);
    const made = await run(b.finish(b.node("Unique", [y]), "y"), feedsOf(b.model, 3), trtInt8());
    expect(made.warnings).toContain("TRT_OP_UNSUPPORTED");
    expect(made.metrics).toMatchObject({ errors: 1 });
  });
});

describe("trt-fp16 keeps float32", () => {
  /** x [N, 32] -> MatMul -> Mul by `factor` -> MatMul. */
  const scaled = (factor: number): Model => {
    const b = new LayerBuilder(0, 17);
    const x = b.graph.addInput("x", tensorType("float32", ["N", 32]));
    const wide = b.node("Mul", [b.node("MatMul", [x, b.weight("w", [32, 32], 32)]), b.scalar("factor", factor)]);
    return b.finish(b.node("Tanh", [b.node("MatMul", [wide, b.weight("v", [32, 8], 32)])]), "y");
  };
  const kept = (made: Made): Record<string, string> => Object.fromEntries((made.details.kept as { node: string; reason: string }[]).map((k) => [k.node, k.reason]));
  const step = (model: Model, options: Parameters<typeof trtFp16>[0] = {}) => run(model, feedsOf(model, 3), trtFp16({ simplify: false, ...options }));

  it("where values of the samples exceed the limit, and nowhere else", async () => {
    expect(kept(await step(scaled(1)))).toEqual({});
    const reasons = kept(await step(scaled(2000)));
    expect(Object.keys(reasons)).toEqual(["Mul", "MatMul_2", "Tanh"]);
    expect(reasons.Mul).toBe('"Mul_out" exceeds the limit on the calibration data');
    expect(kept(await step(scaled(2000), { limit: 60000 }))).toEqual({});
  });

  it.each<[string, Parameters<typeof trtFp16>[0], Record<string, string>]>([
    ["names that match", { exclude: ["^MatMul$"] }, { MatMul: "its name matches /^MatMul$/" }],
    ["operator types", { keepOpTypes: ["Tanh"] }, { Tanh: "Tanh stays in float32" }],
    ["long sums", { maxDepth: 31 }, { MatMul: "it sums 32 terms", MatMul_2: "it sums 32 terms" }],
    ["large weights", { weightLimit: 1.5 }, { Mul: 'its weight "factor" exceeds 1.5' }],
  ])("%s", async (_, options, expected) => {
    expect(kept(await step(scaled(2), options))).toEqual(expected);
  });

  it("for a variance in pieces, and what divides by it; fused it needs no care", async () => {
    const b = new LayerBuilder(0, 13);
    const x = b.graph.addInput("x", tensorType("float32", ["N", 32]));
    const mean = (of: typeof x) => b.node("ReduceMean", [of], { axes: attr.ints([-1]) });
    const centred = b.node("Sub", [x, mean(x)]);
    const root = b.node("Sqrt", [b.node("Add", [mean(b.node("Mul", [centred, centred])), b.scalar("epsilon", 1e-5)])]);
    const norm = b.node("Mul", [b.node("Div", [centred, root]), b.uniform("scale", [32], 0.5, 1)]);
    const model = b.finish(b.node("MatMul", [norm, b.weight("w", [32, 32], 32)]), "y");
    const plain = await step(model);
    expect(kept(plain)).toEqual({ Mul: "it is part of a variance, whose squares overflow", ReduceMean_2: "it is part of a variance, whose squares overflow", Add: '"epsilon" is too small a number in 16 bits' });
    expect(plain.warnings).toEqual([]);
    const fused = await step(model, { simplify: true });
    expect([...fused.model.graph.nodes].map((n: Node) => n.opType)).toContain("LayerNormalization");
    expect(kept(fused)).toEqual({});
  });

  it("in bodies, whose values are not measured", async () => {
    const b = new LayerBuilder(0, 17);
    const x = b.graph.addInput("x", tensorType("float32", ["N", 32]));
    const branch = (op: string) => {
      const inner = new LayerBuilder(0, 17);
      inner.graph.addOutput(inner.node(op, [x]));
      return attr.graph(inner.graph);
    };
    const flag = b.graph.addInput("flag", tensorType("bool", []));
    const y = b.node("If", [flag], { then_branch: branch("Relu"), else_branch: branch("Tanh") });
    const made = await step(b.finish(b.node("MatMul", [y, b.weight("w", [32, 8], 32)]), "y"));
    expect(kept(made)).toMatchObject({ Relu: "the values inside a body were not measured", Tanh: "the values inside a body were not measured" });
  });

  it("makes infinite masks finite, and says so", async () => {
    const b = new LayerBuilder(0, 17);
    const x = b.graph.addInput("x", tensorType("float32", ["N", 4]));
    const mask = b.graph.addInitializer("mask", Tensor.from("float32", [4], [0, -Infinity, 0, -Infinity]));
    const model = b.finish(b.node("Softmax", [b.node("Add", [x, mask])]), "y");
    const made = await step(model, { limit: 70000 });
    expect(made.warnings).toEqual(["TRT_MASK_BOUND"]);
    expect(made.details.masks).toEqual(["mask"]);
    const { tensors } = await compare(model, made.model, [randomFeeds(model, { unbound: 3 })], { runtime, optimization: "disabled" });
    expect(tensors.y!.maxAbs).toBeLessThan(2e-3);
  });

  it("keeps the ends float32 unless told otherwise", async () => {
    const ends = ({ model: { graph } }: Made): (string | undefined)[] => [graph.inputs[0]!.dtype, graph.outputs[0]!.dtype];
    expect(ends(await step(scaled(1)))).toEqual(["float32", "float32"]);
    expect(ends(await step(scaled(1), { keepIo: false }))).toEqual(["float16", "float16"]);
  });

  it("writes bfloat16 in the operator set that has it for all operators", async () => {
    const made = await step(scaled(2000), { dtype: "bfloat16", limit: 1e6 });
    expect(made.model.opset).toBe(22);
    expect(made.model.graph.node("MatMul")!.out.dtype).toBe("bfloat16");
    expect(made.metrics).toMatchObject({ kept: 0, errors: 0, warnings: 0 });
  });

  it("refuses what is no regular expression", async () => {
    await expect(step(scaled(1), { exclude: ["("] })).rejects.toMatchObject({ code: "TRT_OPTION" });
  });
});

it.each<[string, (b: LayerBuilder) => Node, number | undefined]>([
  ["Conv", (b) => b.node("Conv", [b.graph.addInput("x", tensorType("float32", [1, 8, 5, 5])), b.weight("w", [4, 4, 3, 3], 36)], { group: attr.int(2) }).producer!, 36],
  ["ConvTranspose", (b) => b.node("ConvTranspose", [b.graph.addInput("x", tensorType("float32", [1, 8, 5, 5])), b.weight("w", [8, 2, 3, 3], 36)], { group: attr.int(2) }).producer!, 36],
  ["Gemm", (b) => b.node("Gemm", [b.graph.addInput("x", tensorType("float32", ["N", 7])), b.weight("w", [3, 7], 7)], { transB: attr.int(1) }).producer!, 7],
  ["ReduceMean", (b) => b.node("ReduceMean", [b.graph.addInput("x", tensorType("float32", [2, 6, 5])), b.int64("axes", [1, 2])]).producer!, 30],
  ["Relu", (b) => b.node("Relu", [b.graph.addInput("x", tensorType("float32", [2]))]).producer!, undefined],
])("counts the terms of %s", (_, build, terms) => {
  const b = new LayerBuilder(0, 18);
  const node = build(b);
  b.finish(node.out, "y");
  expect(reductionDepth(node)).toBe(terms);
});
