import { benchArgs, buildArgs, inspectArgs, parseTool, runArgs, shapeSpec, type BenchOptions, type EngineSpec } from "@lathe/trt";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const tool = (text: string) => parseTool(text)!;
const files = { onnx: "m.onnx", plan: "m.plan" };
const build = (release: string, spec: EngineSpec = {}): string => buildArgs(tool(release), spec, files).join(" ");
const head = "--onnx=m.onnx --saveEngine=m.plan --skipInference";
const detailed = "--profilingVerbosity=detailed";
const dynamic = { x: { min: [1, 3, 8, 8], opt: [4, 3, 8, 8], max: [16, 3, 8, 8] } };

describe("a build", () => {
  const golden: readonly (readonly [release: string, what: string, spec: EngineSpec, argv: string])[] = [
    ["10.13", "a plain one", {}, `${head} ${detailed}`],
    ["11.1", "a plain one", {}, `${head} ${detailed}`],
    ["10.13", "float16 chosen by the builder", { precision: ["fp16"] }, `${head} --fp16 ${detailed}`],
    ["10.13", "several types", { precision: ["int8", "fp16"] }, `${head} --fp16 --int8 ${detailed}`],
    ["8.6", "calibrated int8", { precision: ["int8"], calibrationCache: "c.cache" }, `${head} --int8 --calib=c.cache ${detailed}`],
    ["10.13", "types of the graph", { stronglyTyped: true }, `${head} --stronglyTyped ${detailed}`],
    ["11.1", "types of the graph, which needs no flag", { stronglyTyped: true }, `${head} ${detailed}`],
    ["10.13", "one profile", { profiles: [dynamic] }, `${head} --minShapes=x:1x3x8x8 --optShapes=x:4x3x8x8 --maxShapes=x:16x3x8x8 ${detailed}`],
    [
      "11.1", "two profiles, each followed by its shapes", { profiles: [dynamic, { x: { min: [32, 3, 8, 8], opt: [32, 3, 8, 8], max: [32, 3, 8, 8] } }] },
      `${head} --profile=0 --minShapes=x:1x3x8x8 --optShapes=x:4x3x8x8 --maxShapes=x:16x3x8x8 --profile=1 --minShapes=x:32x3x8x8 --optShapes=x:32x3x8x8 --maxShapes=x:32x3x8x8 ${detailed}`,
    ],
    ["10.13", "values of a shape input beside sizes", { profiles: [dynamic], shapeValues: [{ size: { min: [8], opt: [16], max: [32] } }] }, `${head} --minShapes=x:1x3x8x8,size:8 --optShapes=x:4x3x8x8,size:16 --maxShapes=x:16x3x8x8,size:32 ${detailed}`],
    ["10.13", "a workspace, in MiB", { memoryPools: { workspace: 2 ** 32, dlaSRAM: 2 ** 19 } }, `${head} --memPoolSize=workspace:4096,dlaSRAM:0.5 ${detailed}`],
    ["10.13", "caches and levels", { timingCache: "t.cache", errorOnTimingCacheMiss: true, optimizationLevel: 5, maxTactics: 9, avgTiming: 16, maxAuxStreams: 0, tilingLevel: 1 }, `${head} --timingCacheFile=t.cache --errorOnTimingCacheMiss --builderOptimizationLevel=5 --maxTactics=9 --avgTiming=16 --maxAuxStreams=0 --tilingOptimizationLevel=1 ${detailed}`],
    ["11.0", "no cache at all", { timingCache: false }, `${head} --noBuilderCache ${detailed}`],
    ["11.0", "sparsity without TF32", { sparsity: true, tf32: false }, `${head} --noTF32 --sparsity=enable ${detailed}`],
    ["10.13", "layouts with types", { inputFormats: [{ type: "fp16", formats: ["chw", "hwc8"] }], outputFormats: [{ type: "fp32", formats: ["chw"] }] }, `${head} --inputIOFormats=fp16:chw+hwc8 --outputIOFormats=fp32:chw ${detailed}`],
    ["11.1", "layouts without types", { inputFormats: [{ formats: ["chw", "hwc8"] }] }, `${head} --inputIOFormats=chw+hwc8 ${detailed}`],
    ["8.6", "an engine for newer GPUs and releases", { versionCompatible: true, excludeLeanRuntime: true, hardwareCompatibility: "ampere+" }, `${head} --versionCompatible --excludeLeanRuntime --hardwareCompatibilityLevel=ampere+ ${detailed}`],
    ["10.9", "an engine for a family of GPUs", { hardwareCompatibility: "sameComputeCapability" }, `${head} --hardwareCompatibilityLevel=sameComputeCapability ${detailed}`],
    ["10.13", "weights elsewhere", { stripWeights: true, refit: true, weightStreaming: true, stronglyTyped: true }, `${head} --stronglyTyped --stripWeights --refit --allowWeightStreaming ${detailed}`],
    ["11.1", "for Windows", { runtimePlatform: "WindowsAMD64" }, `${head} --runtimePlatform=WindowsAMD64 ${detailed}`],
    ["10.13", "plugins, in order", { plugins: ["a b.so", "c.so"], dynamicPlugins: ["d.so"], pluginsToSerialize: ["d.so"] }, `${head} ${detailed} --staticPlugins=a b.so --staticPlugins=c.so --dynamicPlugins=d.so --setPluginsToSerialize=d.so`],
    ["10.13", "a DLA core", { dlaCore: 0, allowGpuFallback: true, precision: ["fp16"] }, `${head} --fp16 ${detailed} --useDLACore=0 --allowGPUFallback`],
    ["11.1", "tactic sources, a device, every line", { tacticSources: ["-JIT_CONVOLUTIONS"], device: 1, verbose: true, distributiveIndependence: true, profilingVerbosity: "none" }, `${head} --distributiveIndependence --profilingVerbosity=none --tacticSources=-JIT_CONVOLUTIONS --device=1 --verbose`],
    ["rtx-1.4", "TensorRT for RTX", { profiles: [dynamic] }, `${head} --minShapes=x:1x3x8x8 --optShapes=x:4x3x8x8 --maxShapes=x:16x3x8x8 ${detailed}`],
  ];
  it.each(golden)("on %s: %s", (release, _, spec, argv) => {
    expect(build(release, spec)).toBe(argv);
  });

  const refused: readonly (readonly [release: string, spec: EngineSpec, code: string, says: string])[] = [
    ["11.0", { precision: ["fp16"] }, "TRT_FLAG", "trt-fp16"],
    ["11.1", { precision: ["best"] }, "TRT_FLAG", "removed in 11.0"],
    ["11.1", { precision: ["int8"], calibrationCache: "c" }, "TRT_FLAG", "trt-int8"],
    ["8.6", { precision: ["bf16"] }, "TRT_FLAG", "came with 10.0"],
    ["10.0", { precision: ["int4"] }, "TRT_FLAG", "came with 10.1"],
    ["8.6", { stronglyTyped: true }, "TRT_FLAG", "came with 10.0"],
    ["8.6", { profiles: [dynamic, dynamic] }, "TRT_FLAG", "several profiles came with 10.0"],
    ["10.8", { hardwareCompatibility: "sameComputeCapability" }, "TRT_FLAG", "came with 10.9"],
    ["10.2", { memoryPools: { tacticSharedMem: 1024 } }, "TRT_FLAG", "unit changed in 10.3"],
    ["10.11", { distributiveIndependence: true }, "TRT_FLAG", "came with 10.12"],
    ["10.13", { inputFormats: [{ formats: ["chw"] }] }, "TRT_FLAG", "needs a type"],
    ["11.1", { inputFormats: [{ type: "fp16", formats: ["chw"] }] }, "TRT_FLAG", "come from the graph"],
    ["rtx-1.4", { precision: ["fp16"] }, "TRT_FLAG", "TensorRT for RTX 1.4"],
    ["rtx-1.4", { timingCache: "t" }, "TRT_FLAG", "tensorrt_rtx"],
    ["8.5", {}, "TRT_TOO_OLD", "TensorRT 8.5 is older"],
    ["10.13", { optimizationLevel: 6 }, "TRT_OPTION", "from 0 to 5"],
    ["10.13", { memoryPools: { workspace: 1.5 } }, "TRT_OPTION", "memoryPools.workspace"],
    ["10.13", { device: -1 }, "TRT_OPTION", "device"],
    ["10.13", { tacticSources: ["CUDNN"] }, "TRT_OPTION", "tacticSources"],
    ["10.13", { plugins: [""] }, "TRT_OPTION", "plugins"],
    ["10.13", { stronglyTyped: true, precision: ["fp16"] }, "TRT_OPTION", "stronglyTyped"],
    ["10.13", { precision: ["int8", "fp8"] }, "TRT_OPTION", "not both"],
    ["10.13", { calibrationCache: "c" }, "TRT_OPTION", "int8"],
    ["10.13", { excludeLeanRuntime: true }, "TRT_OPTION", "versionCompatible"],
    ["10.13", { weightStreaming: true }, "TRT_OPTION", "stronglyTyped"],
    ["10.13", { errorOnTimingCacheMiss: true }, "TRT_OPTION", "timingCache"],
    ["10.13", { allowGpuFallback: true }, "TRT_OPTION", "dlaCore"],
    ["10.13", { profiles: [dynamic, dynamic], shapeValues: [{ n: { min: [1], opt: [1], max: [1] } }] }, "TRT_OPTION", "2 profiles"],
  ];
  it.each(refused)("on %s is refused for %j with %s", (release, spec, code, says) => {
    expect(() => build(release, spec)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(says) }));
  });

  it("does not take a misspelt type, format or pool", () => {
    const bad = [{ precision: ["half"] }, { inputFormats: [{ type: "fp16", formats: ["nhwc"] }] }, { memoryPools: { gpu: 1 } }, { profilingVerbosity: "all" }, { runtimePlatform: "Mac" }];
    for (const spec of bad) expect(() => build("10.13", spec as unknown as EngineSpec)).toThrow(expect.objectContaining({ code: "TRT_OPTION" }));
  });
});

describe("a timed run", () => {
  const bench = (release: string, options: BenchOptions = {}, spec: EngineSpec = {}, more = {}): string => benchArgs(tool(release), spec, options, { plan: "m.plan", ...more }).join(" ");
  const rest = "--warmUp=200 --duration=3 --iterations=10 --percentile=90,95,99";

  it("means the same on both majors, though their defaults differ", () => {
    expect(bench("10.13")).toBe(`--loadEngine=m.plan --noDataTransfers --useCudaGraph --useSpinWait ${rest}`);
    expect(bench("11.1")).toBe(`--loadEngine=m.plan ${rest}`);
    const asTen = { transfers: true, cudaGraph: false, spinWait: false };
    expect(bench("10.13", asTen)).toBe(`--loadEngine=m.plan ${rest}`);
    expect(bench("11.1", asTen)).toBe(`--loadEngine=m.plan --includeDataTransfers --noCudaGraph --noSpinWait ${rest}`);
  });

  it("runs the opt shapes of the chosen profile, or others", () => {
    const spec = { profiles: [dynamic, { x: { min: [32], opt: [48], max: [64] } }] };
    expect(bench("10.13", {}, spec)).toContain("--shapes=x:4x3x8x8 ");
    expect(bench("10.13", { profile: 1 }, spec)).toContain("--shapes=x:48 ");
    expect(bench("10.13", { profile: 1 }, spec)).toContain("--useProfile=1");
    expect(bench("10.13", { shapes: { x: [2, 3, 8, 8] } }, spec)).toContain("--shapes=x:2x3x8x8 ");
    expect(() => bench("10.13", { profile: 2 }, spec)).toThrow(expect.objectContaining({ code: "TRT_OPTION" }));
  });

  it("times layers in a run of their own", () => {
    const more = { times: "t.json", layerProfile: "p.json", layerInfo: "l.json" };
    expect(bench("10.13", {}, {}, more)).toMatch(/ --exportTimes=t.json --exportProfile=p.json --exportLayerInfo=l.json --separateProfileRun$/);
    expect(bench("11.1", {}, {}, more)).toMatch(/ --exportTimes=t.json --exportProfile=p.json --exportLayerInfo=l.json$/);
  });

  it("repeats of the spec what loading needs", () => {
    const spec = { weightStreaming: true, versionCompatible: true, plugins: ["p.so"], device: 1, precision: ["fp16"], optimizationLevel: 3 } as const;
    expect(bench("10.13", { weightStreamingBudget: "50%" }, spec)).toMatch(/ --weightStreamingBudget=50% --versionCompatible --allowWeightStreaming --staticPlugins=p.so --device=1$/);
    expect(inspectArgs(tool("11.1"), { ...spec }, { plan: "m.plan", layerInfo: "l.json" }).join(" ")).toBe("--loadEngine=m.plan --skipInference --exportLayerInfo=l.json --versionCompatible --allowWeightStreaming --staticPlugins=p.so --device=1");
  });

  it("may be a single one on given inputs, whose names and paths may hold colons", () => {
    const argv = runArgs(tool("11.1"), { verbose: true }, { plan: "m.plan", inputs: [{ name: "x:0", dims: [2, 3], file: "C:/x" }, { name: "n", dims: [], file: "n" }], outputs: "o.json" });
    expect(argv.join(" ")).toBe("--loadEngine=m.plan --shapes=x:0:2x3,n:scalar --loadInputs='x:0':C:/x,'n':n --exportOutput=o.json --includeDataTransfers --noCudaGraph --noSpinWait --warmUp=0 --duration=0 --iterations=1 --percentile=90,95,99 --verbose");
  });

  it("puts weights back into a stripped engine, where the release can", () => {
    expect(bench("10.14", { refitFrom: "m.onnx" })).toContain("--refitFromOnnx=m.onnx");
    expect(() => bench("10.13", { refitFrom: "m.onnx" })).toThrow(expect.objectContaining({ code: "TRT_FLAG" }));
  });

  it.each<[BenchOptions, EngineSpec]>([
    [{ weightStreamingBudget: 5 }, {}], [{ weightStreamingBudget: "120%" }, { weightStreaming: true }], [{ percentiles: [101] }, {}], [{ percentiles: [] }, {}], [{ warmUpMs: -1 }, {}], [{ iterations: 0 }, {}], [{ streams: 0.5 }, {}],
  ])("refuses %j", (options, spec) => {
    expect(() => bench("10.13", options, spec)).toThrow(expect.objectContaining({ code: "TRT_OPTION" }));
  });
});

describe("shapes on the command line", () => {
  it.each([
    [{ x: [1, 3, 224, 224] }, "x:1x3x224x224"],
    [{ "x:0": [1], y: [] }, "x:0:1,y:scalar"],
    [{ "a b=c": [2] }, "a b=c:2"],
  ])("%j", (shapes, text) => {
    expect(shapeSpec(shapes as Record<string, number[]>)).toBe(text);
  });

  it.each(["a,b", "it's", "", "a\nb"])("no way to write the name %j", (name) => {
    expect(() => shapeSpec({ [name]: [1] })).toThrow(expect.objectContaining({ code: "TRT_INPUT_NAME" }));
  });

  it("comes back as it was when read as trtexec does", () => {
    const name = fc.string({ minLength: 1, unit: "binary" }).filter((s) => !/[,'\0\n]/.test(s));
    fc.assert(fc.property(fc.dictionary(name, fc.array(fc.nat(9999)), { minKeys: 1 }), (shapes) => {
      expect(asTrtexecReads(shapeSpec(shapes))).toEqual(new Map(Object.entries(shapes)));
    }));
  });
});

/** Split at commas, then at the last colon; "scalar" has no dims. */
function asTrtexecReads(text: string): Map<string, number[]> {
  return new Map(text.split(",").map((item) => {
    const colon = item.lastIndexOf(":");
    const dims = item.slice(colon + 1);
    return [item.slice(0, colon), dims === "scalar" ? [] : dims.split("x").map(Number)];
  }));
}

describe("every flag that is written", () => {
  const { releases, flags } = JSON.parse(readFileSync(new URL("../fixtures/trtexec-flags.json", import.meta.url), "utf8")) as { releases: string[]; flags: Record<string, [string, string]> };
  const spec: fc.Arbitrary<EngineSpec> = fc.record({
    profiles: fc.constantFrom([dynamic], [dynamic, dynamic]), precision: fc.subarray(["fp16", "bf16", "int8", "fp8", "int4", "best"] as const), stronglyTyped: fc.boolean(), calibrationCache: fc.constant("c"), tf32: fc.boolean(),
    memoryPools: fc.record({ workspace: fc.nat() }), sparsity: fc.boolean(), timingCache: fc.constantFrom("t", false as const), errorOnTimingCacheMiss: fc.boolean(), optimizationLevel: fc.nat(5), maxTactics: fc.integer({ min: 1, max: 9 }),
    avgTiming: fc.integer({ min: 1, max: 9 }), maxAuxStreams: fc.nat(9), tilingLevel: fc.nat(3), versionCompatible: fc.boolean(), hardwareCompatibility: fc.constantFrom("ampere+", "sameComputeCapability"), runtimePlatform: fc.constant("WindowsAMD64"),
    stripWeights: fc.boolean(), refit: fc.boolean(), weightStreaming: fc.boolean(), distributiveIndependence: fc.boolean(), plugins: fc.constant(["p"]), dynamicPlugins: fc.constant(["d"]), pluginsToSerialize: fc.constant(["d"]), dlaCore: fc.nat(1), device: fc.nat(3), verbose: fc.boolean(),
  }, { requiredKeys: [] }) as fc.Arbitrary<EngineSpec>;
  const bench = fc.record({ transfers: fc.boolean(), cudaGraph: fc.boolean(), spinWait: fc.boolean(), streams: fc.integer({ min: 1, max: 3 }), profile: fc.nat(1) }, { requiredKeys: [] }) as fc.Arbitrary<BenchOptions>;

  it.each(releases)("is one that trtexec %s reads", (release) => {
    const index = releases.indexOf(release);
    const unknown = (argv: readonly string[]): string[] => argv.map((word) => /^--(\w+)/.exec(word)![1]!).filter((flag) => !flags[flag] || releases.indexOf(flags[flag][0]) > index || releases.indexOf(flags[flag][1]) < index);
    let written = 0;
    fc.assert(fc.property(spec, bench, (s, b) => {
      for (const argv of [() => buildArgs(tool(release), s, files), () => benchArgs(tool(release), s, b, { plan: "p", times: "t", layerProfile: "l", layerInfo: "i" })]) {
        const words = attempt(argv);
        if (!words) continue;
        written++;
        expect(unknown(words)).toEqual([]);
      }
    }), { numRuns: 100 });
    expect(written).toBeGreaterThan(5);
  });
});

/** undefined for what is refused by name. */
function attempt(argv: () => string[]): string[] | undefined {
  try {
    return argv();
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^TRT_(FLAG|OPTION)$/) });
    return undefined;
  }
}
