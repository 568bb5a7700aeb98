import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { encodeModel, pipeline, Tensor } from "@lathe/core";
import { parseModel, tinyCnn } from "@lathe/testkit";
import { buildTensorRTEngine, checkSpec, parseTool, profileFor, type EngineSpec } from "@lathe/trt";
import { buildEngine, compareEngine, engineIdentity, engineKey, openEngineStore, tensorrtService } from "@lathe/trt/node";
import { describe, expect, it } from "vitest";
import { folder, open } from "./stand-in.ts";

const model = tinyCnn();
const [symbol] = model.graph.inputs[0]!.shape! as [string];
const spec: EngineSpec = { profiles: [profileFor(model, { [symbol]: [1, 4, 8] })] };
const fixed = parseModel(`
model ir 8, ai.onnx 17
graph main(x: float32[1,3]) -> (y: float32[1,3]) {
  y: float32[1,3] = Relu(x)
}`);
const refused = parseModel(`
model ir 8, ai.onnx 17
graph main(x: float32[1,3]) -> (y: float32[...]) {
  y: float32[...] = Unique(x)
}`);

describe("the spec and the model", () => {
  it.each<[string, EngineSpec, string]>([
    ["no sizes for a dynamic input", {}, "TRT_NO_PROFILE"],
    ["sizes that do not fit", { profiles: [{ [model.graph.inputs[0]!.name]: { min: [1], opt: [1], max: [1] } }] }, "TRT_PROFILE"],
    ["values for no input", { ...spec, shapeValues: [{ nothing: { min: [1], opt: [1], max: [1] } }] }, "TRT_OPTION"],
  ])("%s", (_, given, code) => {
    expect(() => checkSpec(model, given)).toThrow(expect.objectContaining({ code }));
  });

  it("of fixed shape want no profile, unless an input holds a shape", () => {
    const profile = { x: { min: [1, 3], opt: [1, 3], max: [1, 3] } };
    expect(() => checkSpec(fixed, { profiles: [profile] })).toThrow(expect.objectContaining({ code: "TRT_STATIC_PROFILE" }));
    expect(() => checkSpec(fixed, { profiles: [profile], shapeValues: [{ x: { min: [1], opt: [1], max: [1] } }] })).not.toThrow();
    expect(() => checkSpec(fixed, {})).not.toThrow();
    expect(() => checkSpec(model, spec)).not.toThrow();
  });
});

describe("int8 on releases that choose types by themselves", () => {
  const ten = parseTool("10.13")!;
  const qdq = parseModel(`
model ir 8, ai.onnx 17
graph main(x: float32[1,3]) -> (y: float32[...]) {
  s: float32[] = 0.1
  z: int8[] = 0
  q: int8[...] = QuantizeLinear(x, s, z)
  d: float32[...] = DequantizeLinear(q, s, z)
  y: float32[...] = Relu(d)
}`);

  it.each<[string, typeof fixed, EngineSpec, string]>([
    ["no ranges at all", fixed, { precision: ["int8"] }, "TRT_MADE_UP_RANGES"],
    ["no ranges, by another word", fixed, { precision: ["best"] }, "TRT_MADE_UP_RANGES"],
    ["a quantized graph and no int8", qdq, {}, "TRT_QDQ_TYPES"],
    ["a quantized graph and float16 alone", qdq, { precision: ["fp16"] }, "TRT_QDQ_TYPES"],
  ])("is refused with %s", (_, given, asked, code) => {
    expect(() => checkSpec(given, asked, ten)).toThrow(expect.objectContaining({ code }));
    expect(() => checkSpec(given, asked, parseTool("11.1"))).not.toThrow();
    expect(() => checkSpec(given, asked)).not.toThrow();
  });

  it.each<[typeof fixed, EngineSpec]>([[fixed, { precision: ["int8"], calibrationCache: "c" }], [fixed, { precision: ["fp16"] }], [qdq, { precision: ["int8", "fp16"] }], [qdq, { stronglyTyped: true }]])("is taken otherwise", (given, asked) => {
    expect(() => checkSpec(given, asked, ten)).not.toThrow();
  });
});

describe("one call from a model to a timed engine", () => {
  it("checks, builds, times and reports", async () => {
    const { plan } = await folder();
    const stages: string[] = [];
    const result = await buildEngine(model, spec, { tensorrt: await open(), plan, onProgress: ({ done, total, message }) => stages.push(`${done}/${total} ${message}`) });
    expect(result).toMatchObject({ plan, key: undefined, cached: false, bytes: 1024, build: { buildSeconds: 37.8215 }, bench: { summary: { throughput: 1499.38 } } });
    expect(result.findings).toBeDefined();
    expect(result.build.argv.join(" ")).toContain("--optShapes=");
    expect(result.bench!.argv.join(" ")).toContain(`--shapes=${model.graph.inputs[0]!.name}:4x`);
    expect([stages[0], stages.at(-1)]).toEqual(["1/11 starts", "11/11 done"]);
  });

  it("stops at what the check calls an error, and goes on when told to", async () => {
    const { plan, at } = await folder();
    const tensorrt = await open("10.13.3", "ok", { STANDIN_LOG: at("log") });
    const asked = await readFile(at("log"), "utf8");
    await expect(buildEngine(refused, {}, { tensorrt, plan })).rejects.toThrow(expect.objectContaining({ code: "TRT_CHECK", message: expect.stringContaining("Unique") }));
    expect(await readFile(at("log"), "utf8")).toBe(asked);
    expect(await buildEngine(refused, {}, { tensorrt, plan, check: false, bench: false })).toMatchObject({ findings: undefined, bench: undefined });
  });

  it("makes no check for releases that the rules do not cover", async () => {
    const { plan } = await folder();
    expect((await buildEngine(fixed, {}, { tensorrt: await open("8.6.1"), plan, bench: false })).findings).toBeUndefined();
  });

  it("takes the engine from the store the second time, and builds anew for anything that matters", async () => {
    const { at } = await folder();
    const store = await openEngineStore(at("store"));
    const tensorrt = await open("10.13.3", "ok", { STANDIN_LOG: at("log") });
    const builds = async (): Promise<number> => (await readFile(at("log"), "utf8")).split("\n").filter((line) => line.includes("--saveEngine")).length;
    const first = await buildEngine(model, spec, { tensorrt, store });
    const second = await buildEngine(model.clone(), spec, { tensorrt, store, plan: at("copy.plan") });
    expect([first.cached, second.cached, await builds()]).toEqual([false, true, 1]);
    expect({ ...second, plan: first.plan, cached: false, bench: undefined, build: { ...second.build, plan: first.plan } }).toEqual({ ...first, bench: undefined });
    expect(await readFile(at("copy.plan"))).toEqual(await readFile(first.plan));
    expect((await buildEngine(model, { ...spec, verbose: true, timingCache: at("t") }, { tensorrt, store, bench: false })).cached).toBe(true);
    expect((await buildEngine(model, { ...spec, sparsity: true }, { tensorrt, store, bench: false })).cached).toBe(false);
    expect((await buildEngine(tinyCnn({ seed: 1 }), spec, { tensorrt, store, bench: false })).cached).toBe(false);
    expect((await buildEngine(model, spec, { tensorrt: await open("10.9.0"), store, bench: false })).cached).toBe(false);
    expect(await store.list()).toHaveLength(4);
  });

  it("needs a place for the engine", async () => {
    await expect(buildEngine(fixed, {}, { tensorrt: await open() })).rejects.toThrow(expect.objectContaining({ code: "TRT_OPTION" }));
  });

  it("leaves nothing behind when it is aborted", async () => {
    const { at } = await folder();
    const store = await openEngineStore(at("store"));
    const controller = new AbortController();
    const run = buildEngine(fixed, {}, { tensorrt: await open("10.13.3", "slow"), store, signal: controller.signal, onProgress: () => controller.abort(new Error("enough")) });
    await expect(run).rejects.toThrow("enough");
    expect([await readdir(at("store/tmp")), await store.list()]).toEqual([[], []]);
  });
});

describe("an engine beside its model", () => {
  const x = Tensor.from("float32", [1, 3], [-1, 0.123456789, 2]);

  it("is measured as models are", async () => {
    const { plan } = await folder();
    const tensorrt = await open();
    await buildEngine(fixed, {}, { tensorrt, plan, bench: false });
    const { samples, tensors } = await compareEngine(fixed, plan, [{ x, label: x }, { x }], { tensorrt });
    expect([samples, Object.keys(tensors)]).toEqual([2, ["y"]]);
    expect(tensors["y"]!.sqnr).toBeGreaterThan(110);
    const wrong = await compareEngine(fixed, plan, { x }, { tensorrt: await open("10.13.3", "wrong") });
    expect(wrong.tensors["y"]!.maxAbs).toBeCloseTo(1);
  });

  it("must have the model's outputs, and needs a sample", async () => {
    const { plan } = await folder();
    const tensorrt = await open();
    await buildEngine(fixed, {}, { tensorrt, plan, bench: false });
    const other = parseModel("model ir 8, ai.onnx 17\ngraph main(x: float32[1,3]) -> (z: float32[1,3]) {\n  z: float32[1,3] = Relu(x)\n}");
    await expect(compareEngine(other, plan, { x }, { tensorrt })).rejects.toThrow(expect.objectContaining({ code: "TRT_OUTPUT_MISSING", details: { output: "z", known: ["y"] } }));
    await expect(compareEngine(fixed, plan, [], { tensorrt })).rejects.toThrow(expect.objectContaining({ code: "TRT_NO_SAMPLES" }));
  });
});

it("the identity of an engine follows the content of files, not their names", async () => {
  const { at } = await folder();
  await writeFile(at("a.cache"), "scales");
  await writeFile(at("b.cache"), "scales");
  await writeFile(at("c.cache"), "others");
  const probe = await (await open()).probe();
  const key = async (name: string): Promise<string> => engineKey(await engineIdentity(fixed, { precision: ["int8"], calibrationCache: at(name) }, probe));
  expect(await key("a.cache")).toBe(await key("b.cache"));
  expect(await key("a.cache")).not.toBe(await key("c.cache"));
  await expect(key("none")).rejects.toThrow(expect.objectContaining({ code: "TRT_FILE" }));
});

describe("the step trt-engine", () => {
  it("builds with the service that the host lends, and leaves the model alone", async () => {
    const { at } = await folder();
    const store = await openEngineStore(at("store"));
    const tensorrt = tensorrtService({ tensorrt: await open(), store });
    const before = model.clone();
    const { model: after, report } = await pipeline(buildTensorRTEngine({ sizes: { [symbol]: [1, 4, 8] }, workspaceMiB: 64 })).run(model, { tensorrt }).result;
    expect(encodeModel(after)).toEqual(encodeModel(before));
    const [step] = report.data.steps;
    expect(step).toMatchObject({ name: "trt-engine", metrics: { engineBytes: 1024, cached: false, throughput: 1499.38 }, details: { engine: (await store.list())[0]!.key } });
    expect(JSON.stringify(step!.details)).toContain("--memPoolSize=workspace:64");
    expect((await stat((await store.list())[0]!.plan)).size).toBe(1024);
  });

  it("says that it needs the service where there is none", async () => {
    const step = buildTensorRTEngine();
    // A host that lends nothing: types forbid it, plain JavaScript does not.
    const run = pipeline(step) as unknown as { run(m: typeof model): { result: Promise<unknown> } };
    await expect(async () => run.run(fixed).result).rejects.toThrow(expect.objectContaining({ code: "SERVICE_MISSING" }));
  });
});
