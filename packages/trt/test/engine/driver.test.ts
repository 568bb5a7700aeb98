import { readFileSync } from "node:fs";
import { chmod, mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { Tensor } from "@lathe/core";
import { openTensorRT, readPlanHeader } from "@lathe/trt/node";
import { describe, expect, it } from "vitest";
import { bareEnv, folder, open, standIn } from "./stand-in.ts";

const code = (name: string, details = {}) => expect.objectContaining({ code: name, details: expect.objectContaining(details) });

describe("finding the tool", () => {
  it.each([["8.6.1", { major: 8, minor: 6, patch: 1 }, undefined], ["10.13.3", { major: 10, minor: 13, patch: 3 }, 9], ["11.1.0", { major: 11, minor: 1, patch: 0 }, 9]])("asks for its release: %s", async (release, version, build) => {
    const trt = await open(release);
    expect(trt.tool).toEqual({ kind: "trtexec", version });
    expect(await trt.probe()).toEqual({ path: standIn, tool: trt.tool, build, gpus: undefined });
  });

  it("looks on the PATH, after what the environment names", async () => {
    const { at, path } = await folder();
    await symlink(standIn, at("trtexec"));
    const env = bareEnv();
    expect((await openTensorRT({ env: { ...env, PATH: `${path}:${env["PATH"]}` } })).path).toBe(at("trtexec"));
    await symlink(standIn, at("other"));
    expect((await openTensorRT({ env: { ...env, PATH: `${path}:${env["PATH"]}`, TRTEXEC: at("other") } })).path).toBe(at("other"));
    expect((await openTensorRT({ path: "other", env: { ...env, PATH: `${path}:${env["PATH"]}` } })).path).toBe(at("other"));
  });

  it("takes tensorrt_rtx for what its file is called, where there is no trtexec", async () => {
    const { at, path, onnx, plan } = await folder();
    await symlink(standIn, at("tensorrt_rtx"));
    const env = { ...bareEnv({ STANDIN_RELEASE: "rtx-1.4" }), PATH: `${path}:${bareEnv()["PATH"]}` };
    const trt = await openTensorRT({ kind: "tensorrt_rtx", env });
    expect(trt.tool).toEqual({ kind: "tensorrt_rtx", version: { major: 1, minor: 4, patch: 0 } });
    await expect(trt.build(onnx, plan, { timingCache: at("t") })).rejects.toThrow(code("TRT_FLAG"));
    expect((await trt.build(onnx, plan)).header.bytes).toBe(1024);
  });

  it("lists the GPUs where the driver's tool does", async () => {
    const { at, path } = await folder();
    await writeFile(at("nvidia-smi"), '#!/bin/sh\ncase "$1" in *compute_cap*) echo "0, GPU-1, 570.133.07, 24576, 8.6, NVIDIA A, B"; echo "1, GPU-2, 570.133.07, [N/A], [N/A], Other";; esac\n');
    await chmod(at("nvidia-smi"), 0o755);
    const { gpus } = await (await openTensorRT({ path: standIn, env: { ...bareEnv(), PATH: `${path}:${bareEnv()["PATH"]}:/bin` } })).probe();
    expect(gpus).toEqual([
      { index: 0, name: "NVIDIA A, B", uuid: "GPU-1", driver: "570.133.07", computeCapability: "8.6", memoryBytes: 24576 * 2 ** 20 },
      { index: 1, name: "Other", uuid: "GPU-2", driver: "570.133.07", computeCapability: undefined, memoryBytes: undefined },
    ]);
  });

  it("says where it looked", async () => {
    const { at, path } = await folder();
    await expect(openTensorRT({ path: at("none"), env: bareEnv() })).rejects.toThrow(code("TRT_NOT_FOUND", { tried: [at("none")] }));
    await expect(openTensorRT({ kind: "tensorrt_rtx", env: { PATH: path } })).rejects.toThrow(code("TRT_NOT_FOUND", { tried: [at("tensorrt_rtx")] }));
    await expect(openTensorRT({ path: at("m.onnx"), env: bareEnv() })).rejects.toThrow(code("TRT_NOT_FOUND"));
  });

  it("knows another program for what it is", async () => {
    await expect(open("10.13.3", "mute")).rejects.toThrow(code("TRT_NOT_A_TOOL"));
    await expect(open("8.5.3")).rejects.toThrow(code("TRT_TOO_OLD"));
    await expect(open("10.13.3", "library")).rejects.toThrow(code("TRT_LIBRARY", { reason: expect.stringContaining("libnvinfer.so.10") }));
    const { at } = await folder();
    await writeFile(at("broken"), "#!/no/such/interpreter\n");
    await chmod(at("broken"), 0o755);
    await expect(openTensorRT({ path: at("broken"), env: bareEnv() })).rejects.toThrow(code("TRT_START"));
  });
});

describe("a build", () => {
  it.each(["8.6.1", "10.13.3", "11.1.0"])("on %s leaves an engine and nothing else, and tells how it went", async (release) => {
    const { onnx, plan, path } = await folder();
    const trt = await open(release);
    const seen: string[] = [];
    const lines: string[] = [];
    const report = await trt.build(onnx, plan, { memoryPools: { workspace: 2 ** 30 } }, { onProgress: ({ done, total, message }) => seen.push(`${done}/${total} ${message}`), onLog: (line) => lines.push(line.text) });
    expect((await readdir(path)).toSorted()).toEqual(["m.onnx", "m.plan"]);
    expect(report).toMatchObject({
      plan, tool: trt.tool, header: { magic: "ftrt", version: trt.tool.version, bytes: 1024 }, buildSeconds: 37.8215, parseSeconds: 0.101279, peakDeviceBytes: 512 * 2 ** 20,
      device: { name: "NVIDIA GeForce RTX 3090", computeCapability: "8.6" }, sparse: { eligible: ["Conv_0 + Relu_1", "MatMul_5"], chosen: [] }, warnings: [],
    });
    expect(report.argv[0]).toBe(standIn);
    expect(report.argv).toContain("--memPoolSize=workspace:1024");
    expect(seen[0]).toBe("1/6 starts");
    expect(seen.at(-1)).toBe("6/6 done");
    expect(lines).toContain("Start parsing network model.");
    expect(await readPlanHeader(plan)).toEqual(report.header);
  });

  it("hands paths and names over as they are: there is no shell", async () => {
    const { at } = await folder();
    await mkdir(at("a $(touch x); 'b' \"c\""));
    const odd = at("a $(touch x); 'b' \"c\"/m=1.onnx");
    await writeFile(odd, "x");
    const { argv } = await (await open()).build(odd, at("p=lan.plan"));
    expect(argv).toContain(`--onnx=${odd}`);
    expect((await readdir(at("."))).toSorted()).toEqual(["a $(touch x); 'b' \"c\"", "m.onnx", "p=lan.plan"]);
  });

  it("replaces an older engine only when the new one is whole", async () => {
    const { onnx, plan, path } = await folder();
    await writeFile(plan, "old");
    for (const [mode, name] of [["no-plan", "TRT_NO_PLAN"], ["not-a-plan", "TRT_NO_PLAN"], ["short", "TRT_NO_PLAN"], ["crash", "TRT_CRASHED"], ["garbage", "TRT_FAILED"], ["replay:defaulted", "TRT_DEFAULT_SHAPE"]] as const) {
      await expect((await open("10.13.3", mode)).build(onnx, plan), mode).rejects.toThrow(code(name));
    }
    expect(await readFile(plan, "utf8")).toBe("old");
    expect((await readdir(path)).toSorted()).toEqual(["m.onnx", "m.plan"]);
    await (await open()).build(onnx, plan);
    expect((await readPlanHeader(plan)).bytes).toBe(1024);
  });

  it.each([
    ["parser-block", "TRT_PARSE", { node: "/head/Unique" }], ["parser-line", "TRT_PARSE", { node: "/norm/ReduceMean" }], ["memory", "TRT_MEMORY", {}], ["no-implementation", "TRT_NO_IMPLEMENTATION", {}],
    ["no-gpu", "TRT_NO_GPU", {}], ["disk", "TRT_DISK", {}], ["plugin", "TRT_LIBRARY", {}], ["other", "TRT_FAILED", { exit: "exit code 1" }],
  ])("that fails with %s is %s, with the command line and the last words", async (log, name, details) => {
    const { onnx, plan, path } = await folder();
    await expect((await open("10.13.3", `replay:${log}`)).build(onnx, plan)).rejects.toThrow(code(name, { ...details, argv: expect.arrayContaining([`--onnx=${onnx}`]), lastWords: expect.any(Array) }));
    expect(await readdir(path)).toEqual(["m.onnx"]);
  });

  it("is refused before anything is started when the release lacks an option or a file is not there", async () => {
    const { onnx, plan, at } = await folder();
    const trt = await open("11.1.0", "ok", { STANDIN_LOG: at("log") });
    const { length } = await readFile(at("log"), "utf8");
    await expect(trt.build(onnx, plan, { precision: ["fp16"] })).rejects.toThrow(code("TRT_FLAG"));
    await expect(trt.build(at("none.onnx"), plan)).rejects.toThrow(code("TRT_FILE"));
    await expect(trt.build(at("."), plan)).rejects.toThrow(code("TRT_FILE"));
    await expect(trt.build(onnx, at("none/m.plan"))).rejects.toThrow(code("TRT_FILE"));
    await expect(trt.build(onnx, plan, {}, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    expect((await readFile(at("log"), "utf8")).length).toBe(length);
  });

  it("names the option that a release unlike its number does not know", async () => {
    const { onnx, plan } = await folder();
    // It calls itself 10.13 for the question, and then reads options as 8.6 does.
    const env = bareEnv({ STANDIN_RELEASE: "10.13.3" });
    const trt = await openTensorRT({ path: standIn, env });
    env["STANDIN_RELEASE"] = "8.6.1";
    await expect(trt.build(onnx, plan, { stripWeights: true })).rejects.toThrow(code("TRT_UNKNOWN_OPTION", { option: "--stripWeights" }));
  });
});

describe("ending a tool", () => {
  /** Ids of the stand-in and of what it started, once both run. */
  async function both(path: string): Promise<[number, number]> {
    for (;;) {
      const text = await readFile(path, "utf8").catch(() => "");
      if (text.endsWith("]")) return JSON.parse(text) as [number, number];
      await pause(20);
    }
  }
  const statusOf = (pid: number): string => {
    try {
      return readFileSync(`/proc/${pid}/status`, "utf8");
    } catch {
      return "";
    }
  };
  const alive = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      // A zombie has ended, though nobody has asked for how.
      return !/^State:\s+Z/m.test(statusOf(pid));
    } catch {
      return false;
    }
  };

  it.each(["slow", "stubborn"])("by abort ends all that it started, and removes what it wrote: %s", async (mode) => {
    const { onnx, plan, at, path } = await folder();
    const trt = await open("10.13.3", mode, { STANDIN_PIDS: at("pids") });
    const controller = new AbortController();
    const build = trt.build(onnx, plan, {}, { signal: controller.signal });
    const settled = build.then(() => undefined, (error: unknown) => error);
    const pids = await both(at("pids"));
    controller.abort(new Error("enough"));
    expect(await settled).toMatchObject({ message: "enough" });
    expect((await readdir(path)).toSorted()).toEqual(["m.onnx", "pids"]);
    for (let i = 0; i < 100 && pids.some(alive); i++) await pause(20);
    expect(pids.map(alive)).toEqual([false, false]);
  });

  it("is what a listener that throws does", async () => {
    const { onnx, plan, path } = await folder();
    const trt = await open("10.13.3", "slow");
    await expect(trt.build(onnx, plan, {}, { onProgress: () => { throw new Error("too much"); } })).rejects.toThrow("too much");
    await expect(trt.build(onnx, plan, {}, { onLog: () => { throw new Error("too long"); } })).rejects.toThrow("too long");
    expect(await readdir(path)).toEqual(["m.onnx"]);
  });

  it("by timeout says so with the last words", async () => {
    const { onnx, plan, path } = await folder();
    const trt = await open("10.13.3", "slow");
    await expect(trt.build(onnx, plan, {}, { timeoutMs: 600 })).rejects.toThrow(code("TRT_TIMEOUT", { timeoutMs: 600, goal: "build" }));
    expect(await readdir(path)).toEqual(["m.onnx"]);
  });
});

describe("a timed run", () => {
  it.each(["8.6.1", "10.13.3", "11.1.0"])("on %s gives figures, limits and layers", async (release) => {
    const { onnx, plan } = await folder();
    const trt = await open(release);
    await trt.build(onnx, plan);
    const report = await trt.benchmark(plan, {}, { durationSeconds: 1 });
    expect(report).toMatchObject({ summary: { throughput: 1499.38, compute: { median: 0.621094 } }, limits: ["unstable"], settings: { transfers: false, cudaGraph: true, spinWait: true }, contextBytes: 12.25 * 2 ** 20 });
    expect(report.layers.map((l) => [l.name, l.averageMs])).toEqual([["conv + relu", 0.08], ["Reformatting CopyNode for Input Tensor 0 to conv", 0.01], ['a "quoted" \\name\\, "timeMs: x"}', 0.01]]);
    expect(report.layers[0]).toMatchObject({ dtype: "fp16", nodes: expect.arrayContaining(["conv"]) });
    expect(report.warnings[0]).toContain("unstable");
    expect((await trt.benchmark(plan, {}, { layers: false })).layers).toEqual([]);
  });

  it("does not claim a CUDA graph that could not be captured", async () => {
    const { onnx, plan } = await folder();
    const trt = await open("10.13.3", "no-graph");
    await trt.build(onnx, plan);
    expect((await trt.benchmark(plan)).settings.cudaGraph).toBe(false);
  });

  it("fails by name for an engine of another release or GPU, and for files that were not exported", async () => {
    const { onnx, plan } = await folder();
    await (await open()).build(onnx, plan);
    await expect((await open("10.13.3", "replay:engine-version")).benchmark(plan)).rejects.toThrow(code("TRT_ENGINE_VERSION"));
    await expect((await open("10.13.3", "no-export")).benchmark(plan)).rejects.toThrow(code("TRT_OUTPUT"));
    await expect((await open()).benchmark(`${plan}x`)).rejects.toThrow(code("TRT_FILE"));
  });
});

describe("a run on given inputs", () => {
  const x = Tensor.from("float32", [1, 3], [-1, 0.123456789, 2]);

  it.each(["8.6.1", "10.13.3", "11.1.0"])("on %s gives the outputs, to six digits", async (release) => {
    const { onnx, plan } = await folder();
    const trt = await open(release);
    await trt.build(onnx, plan);
    const { outputs } = await trt.run(plan, { x });
    expect([...outputs["y"]!.toFloat64()]).toEqual([0, 0.123457, 2]);
    expect(outputs["y"]!.dims).toEqual([1, 3]);
  });

  it("fails by name when nothing comes out, or a size was made up", async () => {
    const { onnx, plan } = await folder();
    await (await open()).build(onnx, plan);
    await expect((await open("10.13.3", "no-export")).run(plan, { x })).rejects.toThrow(code("TRT_OUTPUT"));
    await expect((await open("10.13.3", "replay:defaulted")).benchmark(plan)).rejects.toThrow(code("TRT_DEFAULT_SHAPE"));
    await expect((await open()).run(plan, { "a,b": x })).rejects.toThrow(code("TRT_INPUT_NAME"));
  });
});

it("an inspection gives header, layers and ends of the engine", async () => {
  const { onnx, plan, at } = await folder();
  const trt = await open("11.1.0");
  await trt.build(onnx, plan);
  const report = await trt.inspect(plan);
  expect(report).toMatchObject({ header: { version: { major: 11, minor: 1 } }, layers: [{ name: "conv + relu" }], bindings: [{ name: "x", mode: "input" }, { name: "y", mode: "output" }] });
  await writeFile(at("text"), "this is no engine");
  await expect(trt.inspect(at("text"))).rejects.toThrow(code("TRT_PLAN"));
});
