import { buildStages, diagnose, logReader, parseBanner, parseLine, readLog, runStages, type LogLine } from "@lathe/trt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fixture } from "./support.ts";

describe("a line", () => {
  it.each<[string, LogLine]>([
    ["[11/24/2026-19:06:39] [E] [TRT] ModelImporter.cpp:7: no", { severity: "error", library: true, text: "ModelImporter.cpp:7: no" }],
    ["[I] Engine built in 3 sec.", { severity: "info", library: false, text: "Engine built in 3 sec." }],
    ["[11/24/2026-19:06:39] [V]   indented  ", { severity: "verbose", library: false, text: "  indented" }],
    ["\u001b[31m[11/24/2026-19:06:39] [F] red\u001b[0m", { severity: "fatal", library: false, text: "red" }],
    ["plain [E] text", { severity: undefined, library: false, text: "plain [E] text" }],
    ["[X] [TRT] x", { severity: undefined, library: false, text: "[X] [TRT] x" }],
    ["", { severity: undefined, library: false, text: "" }],
  ])("%j", (line, parsed) => {
    expect(parseLine(line)).toEqual(parsed);
  });

  it.each([
    ["&&&& RUNNING TensorRT.trtexec [TensorRT v8601] # trtexec", "RUNNING", "trtexec", "8.6.1"],
    ["&&&& PASSED TensorRT.trtexec [TensorRT v101602] [b10] # /usr/src/tensorrt/bin/trtexec --onnx=[x]", "PASSED", "trtexec", "10.16.2"],
    ["&&&& FAILED TensorRT.trtexec [TensorRT v110100] [b21] # trtexec", "FAILED", "trtexec", "11.1.0"],
    ["&&&& RUNNING TensorRT-RTX.tensorrt_rtx [TensorRT-RTX v10400] [b2] # tensorrt_rtx", "RUNNING", "tensorrt_rtx", "1.4.0"],
  ])("%s is a banner", (line, result, kind, version) => {
    const banner = parseBanner(line)!;
    expect([banner.result, banner.tool.kind, Object.values(banner.tool.version).join(".")]).toEqual([result, kind, version]);
  });

  it.each(["&&&& RUNNING", "&&&& TASK_BEGIN TensorRT.trtexec [TensorRT v110100] # x", "RUNNING TensorRT.trtexec [TensorRT v8601] # x", "&&&& RUNNING x [TensorRT vNew] # x"])("%s is none", (line) => {
    expect(parseBanner(line)).toBeUndefined();
  });
});

describe("a log", () => {
  it.each([["build-10.log", 10], ["build-11.log", 11]])("of a build, %s, gives its figures", (name, major) => {
    const { facts, banner, errors } = readLog(fixture(`logs/${name}`));
    expect(banner).toMatchObject({ result: "PASSED", tool: { kind: "trtexec", version: { major } } });
    expect(errors).toEqual([]);
    expect(facts).toEqual({
      device: { name: "NVIDIA GeForce RTX 3090", id: 0, uuid: "GPU-00000000-0000-0000-0000-000000000001", computeCapability: "8.6", memoryBytes: 24135 * 2 ** 20 },
      parseSeconds: 0.101279, buildSeconds: 37.8215, engineBytes: Math.round(4.02344 * 2 ** 20), peakDeviceBytes: 512 * 2 ** 20, sparseEligible: ["Conv_0 + Relu_1", "MatMul_5"], sparseChosen: [], defaulted: [],
    });
  });

  it("of a timed run gives its figures", () => {
    expect(readLog(fixture("logs/bench-10.log")).facts).toMatchObject({ loadSeconds: 0.0165842, contextBytes: 12.25 * 2 ** 20 });
  });

  it("tells which inputs the tool made up a size for", () => {
    expect(readLog(fixture("logs/defaulted.log")).facts.defaulted).toEqual(["target: 0", "y"]);
  });

  it("shows how far the tool is, each stage once and in order", () => {
    const seen: string[] = [];
    const reader = logReader({ stages: buildStages, onStage: (done, message) => seen.push(`${done} ${message}`) });
    reader.push(fixture("logs/build-10.log"));
    expect(seen).toEqual(["1 starts", "2 reads the model", "3 times kernels and builds the engine", "4 puts the engine together", "5 saves the engine", "6 done"]);
    const run: number[] = [];
    const second = logReader({ stages: runStages, onStage: (done) => run.push(done) });
    second.push(fixture("logs/bench-11.log"));
    expect(run).toEqual([1, 2, 3, 4, 5]);
  });

  it("says the same however it is cut into pieces", () => {
    const text = fixture("logs/parser-block.log") + fixture("logs/bench-10.log");
    const whole = readLog(text);
    fc.assert(fc.property(fc.array(fc.nat(text.length), { maxLength: 20 }), (cuts) => {
      const reader = logReader();
      const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
      for (let i = 1; i < at.length; i++) reader.push(text.slice(at[i - 1], at[i]));
      reader.end();
      expect(reader.record).toEqual(whole);
    }), { numRuns: 30 });
  });

  it("of any size and content is kept within bounds", () => {
    const reader = logReader();
    for (let i = 0; i < 3000; i++) reader.push(`[E] error ${i}\n[W] warning ${i}\nplain ${i}\n`);
    reader.push(`[I] ${"x".repeat(1_000_000)}`);
    reader.push("x".repeat(1_000_000));
    reader.end();
    const { errors, warnings, plain, lastWords } = reader.record;
    expect([errors.length, warnings.length, lastWords.length]).toEqual([500, 500, 6]);
    expect(plain.length).toBeLessThanOrEqual(100);
    expect(errors[0]).toBe("error 0");
    expect(lastWords.join("").length).toBeLessThan(4000);
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => void readLog(text)));
  });
});

describe("a failure", () => {
  const failure = (name: string, more = {}): Error => diagnose(readLog(fixture(`logs/${name}.log`)), { goal: "build", exitCode: 1, signal: null, argv: ["trtexec"], ...more });

  it.each([
    ["parser-block", "TRT_PARSE", { node: "/head/Unique", op: "Unique", output: "/u_out" }, "Plugin not found"],
    ["parser-line", "TRT_PARSE", { node: "/norm/ReduceMean", op: "ReduceMean" }, "Axis input must be an initializer"],
    ["memory", "TRT_MEMORY", {}, "Requested size was 4194304000 bytes"],
    ["no-implementation", "TRT_NO_IMPLEMENTATION", { node: "{ForeignNode[/a.../b/Softmax]}" }, "way to run"],
    ["no-gpu", "TRT_NO_GPU", {}, "no CUDA-capable device is detected"],
    ["disk", "TRT_DISK", {}, "Saving engine to file failed"],
    ["engine-version", "TRT_ENGINE_VERSION", {}, "expecting library version 10.13.3.9 got 10.9.0.34"],
    ["engine-device", "TRT_ENGINE_VERSION", {}, "compute 7.5"],
    ["unknown-option", "TRT_UNKNOWN_OPTION", { option: "--fp16" }, "--fp16"],
    ["library", "TRT_LIBRARY", {}, "libnvinfer.so.10"],
    ["plugin", "TRT_LIBRARY", {}, "p.so"],
    ["other", "TRT_FAILED", {}, "something new"],
  ])("%s is %s", (name, code, details, says) => {
    const error = failure(name);
    expect(error).toMatchObject({ code, details: { ...details, argv: ["trtexec"] } });
    expect(error.message).toContain(says);
  });

  it.each([
    ["Cuda failure at a.cpp:1: CUDA driver version is insufficient for CUDA runtime version", "TRT_NO_GPU"],
    ["Cuda failure: 100 (no CUDA-capable device is detected)", "TRT_NO_GPU"],
    ["[I] Cannot find device ID 3!", "TRT_NO_GPU"],
    ["[I] Cannot find any available devices (GPUs)!", "TRT_NO_GPU"],
    ["[E] [TRT] CUDA initialization failure with error: 35", "TRT_NO_GPU"],
    ["Cuda failure at a.cpp:1: out of memory", "TRT_MEMORY"],
    ["Cuda failure at a.cpp:1: an illegal memory access was encountered", "TRT_FAILED"],
    ["[E] Plan file: Failed to verify a plan tag.", "TRT_ENGINE_VERSION"],
    ["tensorrt: cannot write: No space left on device", "TRT_DISK"],
  ])("%s is %s", (line, code) => {
    expect(diagnose(readLog(line), { goal: "build", exitCode: 1, signal: null, argv: [] })).toMatchObject({ code });
  });

  it("without a word is told by how the tool ended", () => {
    const nothing = readLog("");
    expect(diagnose(nothing, { goal: "build", exitCode: null, signal: "SIGSEGV", argv: [] })).toMatchObject({ code: "TRT_CRASHED", details: { signal: "SIGSEGV" } });
    expect(diagnose(nothing, { goal: "timed run", exitCode: 3, signal: null, argv: [] }).message).toContain("exit code 3");
  });

  it("is told by name however the log is cut, and in no time", () => {
    const logs = ["parser-block", "parser-line", "memory", "no-implementation", "no-gpu", "engine-version", "unknown-option", "library", "other"].map((name) => fixture(`logs/${name}.log`));
    fc.assert(fc.property(fc.constantFrom(...logs), fc.nat(), fc.nat(), (log, a, b) => {
      const [from, to] = [a % log.length, b % log.length].toSorted((x, y) => x - y);
      expect(diagnose(readLog(log.slice(from, to)), { goal: "build", exitCode: 1, signal: null, argv: [] })).toMatchObject({ code: expect.stringMatching(/^TRT_/) });
    }));
  });
});
