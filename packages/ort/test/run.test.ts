import { readFileSync } from "node:fs";
import { decodeModel, encodeModel, Tensor, type DType } from "@lathe/core";
import { ortErrors, ortRuntime } from "@lathe/ort";
import { describe, expect, it } from "vitest";
import { dense, oneNode } from "./models.ts";

const fixture = new URL("../../../fixtures/models/fashion-mobilenet.onnx", import.meta.url);
const runtime = ortRuntime({ load: { optimization: "disabled", threads: 1 } });

async function identity(tensor: Tensor): Promise<Tensor> {
  const session = await runtime.load(oneNode("Identity", tensor.dims, { dtype: tensor.dtype }));
  const { y } = await session.run({ x: tensor });
  await session.dispose();
  return y!;
}

describe("tensors cross the boundary unchanged", () => {
  const rows: [DType, number[]][] = [
    ["float32", [1.5, -2, 3e38]],
    ["float64", [Math.PI, -1e300, 0]],
    ["float16", [1, -2.5, 65504]],
    ["int8", [-128, 0, 127]],
    ["uint8", [0, 128, 255]],
    ["int16", [-32768, 0, 32767]],
    ["uint16", [0, 1, 65535]],
    ["int32", [-2147483648, 0, 2147483647]],
    ["uint32", [0, 1, 4294967295]],
    ["int64", [-5, 0, 5]],
    ["uint64", [0, 1, 5]],
    ["bool", [1, 0, 1]],
  ];
  it.each(rows)("%s", async (dtype, values) => {
    const tensor = Tensor.from(dtype, [3, 1], values);
    const result = await identity(tensor);
    expect(result.dtype).toBe(dtype);
    expect(result.dims).toEqual([3, 1]);
    expect(result.bytes()).toEqual(tensor.bytes());
  });

  it("strings", async () => {
    expect((await identity(Tensor.fromStrings([2], ["", "größe"]))).strings()).toEqual(["", "größe"]);
  });

  it("scalars and empty tensors", async () => {
    expect((await identity(Tensor.scalar("float32", 7))).dims).toEqual([]);
    expect((await identity(Tensor.from("float32", [0, 4], []))).dims).toEqual([0, 4]);
  });

  it("bytes that are not aligned, and shared memory", async () => {
    const odd = new Uint8Array(13).subarray(1);
    odd.set(Tensor.from("float32", [3], [1, 2, 3]).bytes());
    expect((await identity(Tensor.fromBytes("float32", [3], odd))).toNumbers()).toEqual([1, 2, 3]);
    const shared = new Uint8Array(new SharedArrayBuffer(12));
    shared.set(odd);
    expect((await identity(Tensor.fromBytes("float32", [3], shared))).toNumbers()).toEqual([1, 2, 3]);
  });

  it.each(["bfloat16", "float8e4m3fn"] as const)("%s is refused by name", async (dtype) => {
    await expect(runtime.load(oneNode("Identity", [1], { dtype }))).rejects.toMatchObject({ code: "ORT_DTYPE" });
  });
});

describe("a session", () => {
  it("tells its inputs and outputs", async () => {
    const session = await runtime.load(dense(3, 2));
    expect(session.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["N", 3] }]);
    expect(session.outputs).toEqual([{ name: "y", dtype: "float32", shape: ["N", 2] }]);
    await session.dispose();
  });

  it("gives the same from a graph, from bytes and from a path", async () => {
    const bytes = readFileSync(fixture);
    const feeds = { image: Tensor.from("float32", [1, 1, 28, 28], Float32Array.from({ length: 784 }, (_, i) => (i % 7) / 7)) };
    const results: Uint8Array[] = [];
    for (const source of [decodeModel(bytes), bytes, fixture.pathname, encodeModel(decodeModel(bytes))]) {
      const session = await runtime.load(source);
      results.push((await session.run(feeds))["logits"]!.bytes());
      await session.dispose();
    }
    for (const result of results) expect(result).toEqual(results[0]);
  });

  it("hands large weights over beside the structure, also when two initializers share one tensor", async () => {
    const model = dense(64, 64);
    const { graph } = model;
    const [w] = graph.initializers;
    const again = graph.addInitializer("w_again", w!.tensor!);
    const z = graph.value("z")!;
    const second = graph.add({ opType: "MatMul", inputs: [z, again], outputs: ["second"] }).out;
    graph.addOutput(second);
    const x = Tensor.from("float32", [1, 64], new Float32Array(64).fill(0.5));
    const whole = await runtime.load(encodeModel(model));
    const split = await runtime.load(model);
    const [a, b] = [await whole.run({ x }), await split.run({ x })];
    expect(b["y"]!.bytes()).toEqual(a["y"]!.bytes());
    expect(b["second"]!.bytes()).toEqual(a["second"]!.bytes());
    await whole.dispose();
    await split.dispose();
  });

  it("computes only the fetched outputs", async () => {
    const session = await runtime.load(dense(3, 2));
    const results = await session.run({ x: Tensor.from("float32", [1, 3], [1, 2, 3]) }, { fetches: ["y"] });
    expect(Object.keys(results)).toEqual(["y"]);
    await session.dispose();
  });

  it("rejects an aborted run with the signal's reason", async () => {
    const session = await runtime.load(dense(3, 2));
    const reason = new Error("enough");
    await expect(session.run({ x: Tensor.from("float32", [1, 3], [1, 2, 3]) }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(runtime.load(dense(3, 2), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await session.dispose();
  });

  it("can be disposed twice and not be used afterwards", async () => {
    const session = await runtime.load(dense(3, 2));
    await session.dispose();
    await session.dispose();
    await expect(session.run({})).rejects.toMatchObject({ code: "ORT_DISPOSED" });
  });
});

describe("errors name what is wrong", () => {
  const x = Tensor.from("float32", [1, 3], [1, 2, 3]);

  it.each([
    ["an unknown input", { x, extra: x }, {}, /"extra" is not an input of the model\. The model has: x\./],
    ["a missing input", {}, {}, /"x" is an input that was not fed/],
    ["an unknown output", { x }, { fetches: ["logits"] }, /"logits" is not an output of the model\. The model has: y\./],
  ])("%s", async (_what, feeds, options, message) => {
    const session = await runtime.load(dense(3, 2));
    await expect(session.run(feeds, options)).rejects.toMatchObject({ code: "ORT_FEED", message: expect.stringMatching(message) });
    await session.dispose();
  });

  it("wrong shapes", async () => {
    const session = await runtime.load(dense(3, 2));
    await expect(session.run({ x: Tensor.from("float32", [1, 2], [1, 2]) })).rejects.toMatchObject({ code: "ORT_RUN_FAILED" });
    await session.dispose();
  });

  it("a model that is none", async () => {
    await expect(runtime.load(new Uint8Array([1, 2, 3]))).rejects.toMatchObject({ code: "ORT_LOAD_FAILED" });
    await expect(runtime.load("absent.onnx")).rejects.toMatchObject({ code: "ORT_LOAD_FAILED", message: expect.stringContaining("absent.onnx") });
  });

  it.each([
    ["optimization", { optimization: "most" as "all" }],
    ["threads", { threads: 0 }],
    ["log", { log: "loud" as "error" }],
  ])("option %s", async (option, options) => {
    await expect(runtime.load(dense(3, 2), options)).rejects.toMatchObject({ code: "ORT_OPTION", message: expect.stringContaining(option) });
  });

  it("an unknown placement", () => {
    expect(() => ortRuntime({ placement: "moon" as "inline" })).toThrow(/inline, thread or process/);
  });

  it("ONNX Runtime that cannot be loaded, with the remedy", async () => {
    const without = ortRuntime({ ort: () => Promise.reject(new Error("Cannot find module")) });
    await expect(without.load(dense(3, 2))).rejects.toMatchObject({ code: "ORT_NOT_INSTALLED", remedy: expect.stringContaining("npm install onnxruntime-node") });
  });

  it("every row of the catalogue has a remedy", () => {
    for (const { remedy } of ortErrors.$rows) expect(remedy).toMatch(/\.$/);
  });
});

describe("options reach ONNX Runtime", () => {
  it("warns of provider options that the binding drops", async () => {
    const warnings: string[] = [];
    // In a process, because ONNX Runtime itself writes to stderr when a provider is missing.
    const warned = ortRuntime({ placement: "process", onWarning: ({ message }) => warnings.push(message) });
    const session = await warned.load(dense(3, 2), { executionProviders: ["cpu"] });
    await session.dispose();
    expect(warnings).toEqual([]);
    const gpu = { name: "tensorrt", deviceId: 0, trt_fp16_enable: true };
    await expect(warned.load(dense(3, 2), { executionProviders: [gpu] })).rejects.toMatchObject({ code: "ORT_LOAD_FAILED" });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/ignores these options of the tensorrt provider: trt_fp16_enable/);
  });

  it("takes session configuration entries", async () => {
    const session = await runtime.load(dense(3, 2), { config: { "session.intra_op.allow_spinning": "0" }, memoryPattern: false, memoryArena: false });
    expect((await session.run({ x: Tensor.from("float32", [1, 3], [1, 2, 3]) }))["y"]!.dims).toEqual([1, 2]);
    await session.dispose();
  });
});
