import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveModel } from "@lathe/core/node";
import { parseModel } from "@lathe/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { file, run } from "./support.ts";

const model = file("fixtures/models/mnist-lenet.onnx");
/** A program that answers as trtexec does, and builds nothing. */
const trtexec = file("packages/trt/test/stand-in/trtexec");
const tool = ["--trtexec", trtexec];
const sizes = ["--sizes", "N=1,4,8"];
let folder = "";
const at = (name: string): string => join(folder, name);
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "lathe-cli-trt-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("lathe trt check", () => {
  it("says what it finds, and succeeds when nothing stands in the way", async () => {
    const { code, out } = await run("trt", "check", model, "--release", "10.13", ...sizes);
    expect([code, out]).toEqual([0, expect.not.stringContaining("error")]);
    const { out: text } = await run("trt", "check", model, "--json");
    expect(JSON.parse(text)).toMatchObject({ release: "11.1", findings: expect.any(Array) as unknown });
  });

  it("fails when TensorRT would refuse the model", async () => {
    await run("quantize-dynamic", model, "-o", at("dynamic.onnx"));
    const { code, out, err } = await run("trt", "check", at("dynamic.onnx"));
    expect([code, err]).toEqual([1, expect.stringMatching(/CLI_TRT_ERRORS/)]);
    expect(out).toMatch(/^error .*DynamicQuantizeLinear/m);
  });

  it("prints SARIF for code hosts", async () => {
    const { out } = await run("trt", "check", at("dynamic.onnx"), "--sarif");
    const { version, runs: [first] } = JSON.parse(out) as { version: string; runs: { tool: { driver: { rules: { id: string }[] } }; results: { ruleId: string; ruleIndex: number; level: string; locations: object[] }[] }[] };
    expect(version).toBe("2.1.0");
    for (const { ruleId, ruleIndex, level } of first!.results) expect([first!.tool.driver.rules[ruleIndex]!.id, ["error", "warning", "note"].includes(level)]).toEqual([ruleId, true]);
    expect(first!.results.filter(({ level }) => level === "error")[0]!.locations).toEqual([{ physicalLocation: { artifactLocation: { uri: expect.stringMatching(/dynamic\.onnx$/) as string } }, logicalLocations: [expect.objectContaining({ kind: expect.any(String) as string })] }]);
  });

  it.each([[["--release", "new"], /CLI_BAD_VALUE.*--release/], [["--sizes", "N"], /CLI_BAD_VALUE.*--sizes/], [["--sizes", "N=1,2"], /CLI_BAD_VALUE/], [["--sizes", "M=1"], /TRT_PROFILE_SYMBOL/]])("refuses %j as wrong usage", async (flags, message) => {
    expect(await run("trt", "check", model, ...flags)).toMatchObject({ code: 2, err: expect.stringMatching(message) as string });
  });
});

describe("lathe trt build", () => {
  it("prints the command line for any release without TensorRT", async () => {
    const { code, out } = await run("trt", "build", model, "--dry-run", "--release", "10.13", "-o", "my model.plan", "--precision", "fp16", "--workspace", "1024", "--optimization-level", "5", "--sparsity", "--no-tf32", "--plugins", "a.so,b.so", ...sizes, "--bench");
    expect(code).toBe(0);
    const [build, bench] = out.trimEnd().split("\n");
    expect(build).toMatch(/^trtexec --onnx=\S+ '--saveEngine=my model\.plan' --skipInference --minShapes=\S+:1x1x28x28 --optShapes=\S+:4x1x28x28 --maxShapes=\S+:8x1x28x28 --fp16 --noTF32 --memPoolSize=workspace:1024 --sparsity=enable --builderOptimizationLevel=5 --profilingVerbosity=detailed --staticPlugins=a.so --staticPlugins=b.so$/);
    expect(bench).toMatch(/^trtexec '--loadEngine=my model\.plan' --shapes=\S+:4x1x28x28 --noDataTransfers --useCudaGraph --useSpinWait/);
    expect(JSON.parse((await run("trt", "build", model, "--dry-run", "--release", "rtx-1.4", ...sizes, "--json")).out)).toMatchObject({ tool: "TensorRT for RTX 1.4", commands: [["tensorrt_rtx", expect.stringContaining("--onnx=") as string, "--saveEngine=model.plan", "--skipInference"].concat([expect.any(String), expect.any(String), expect.any(String), expect.any(String)] as string[])] });
  });

  it.each<[string[], RegExp]>([
    [["--dry-run", "--release", "11.1", "--precision", "fp16", ...sizes], /TRT_FLAG.*trt-fp16/],
    [["--dry-run", "--release", "11.1"], /TRT_NO_PROFILE.*N/],
    [["--dry-run", ...sizes], /CLI_BAD_VALUE.*--release/],
    [["--dry-run", "--release", "11.1", ...sizes, "--precision", "half"], /TRT_OPTION.*half/],
    [["--dry-run", "--release", "11.1", ...sizes, "--workspace", "much"], /CLI_BAD_VALUE.*--workspace/],
    [["--dry-run", "--release", "11.1", ...sizes, "--optimization-level", "9"], /TRT_OPTION.*from 0 to 5/],
    [["--dry-run", "--release", "11.1", ...sizes, "--spec", "none.json"], /CLI_BAD_VALUE.*--spec/],
    [sizes, /CLI_BAD_VALUE.*--output/],
  ])("refuses %j as wrong usage", async (flags, message) => {
    expect(await run("trt", "build", model, ...flags)).toMatchObject({ code: 2, err: expect.stringMatching(message) as string });
  });

  it("takes a spec from a file, flags before it", async () => {
    await writeFile(at("spec.json"), JSON.stringify({ optimizationLevel: 1, refit: true }));
    const { out } = await run("trt", "build", model, "--dry-run", "--release", "11.1", "--spec", at("spec.json"), "--optimization-level", "2", ...sizes);
    expect(out).toMatch(/--builderOptimizationLevel=2 .*--refit/);
    await writeFile(at("list.json"), "[]");
    expect((await run("trt", "build", model, "--dry-run", "--release", "11.1", "--spec", at("list.json"), ...sizes)).code).toBe(2);
  });

  it("builds, shows its stages, and times", async () => {
    const { code, out, err } = await run("trt", "build", model, "-o", at("m.plan"), ...sizes, ...tool, "--bench");
    expect([code, (await stat(at("m.plan"))).size]).toEqual([0, 1024]);
    expect(err).toMatch(/1\/11 starts\n[^]*11\/11 done/);
    expect(out).toMatch(/m\.plan: 1\.02 kB, built in 37\.8 s, TensorRT 10\.13\.3 on NVIDIA GeForce RTX 3090/);
    expect(out).toMatch(/latency +0\.621 ms median.*without transfers, CUDA graph, busy wait/);
    expect(out).toMatch(/types +fp16 80\.0 %/);
    expect(out).toMatch(/conv \+ relu +CaskConvolution +fp16 +0\.0800 ms +80\.0 %/);
    expect(out).toContain("caution");
  });

  it("takes the engine from a store the second time", async () => {
    const build = () => run("trt", "build", model, "--store", at("store"), ...sizes, ...tool, "--json");
    const [first, second] = [JSON.parse((await build()).out), JSON.parse((await build()).out)] as { cached: boolean; key: string; plan: string }[];
    expect([first!.cached, second!.cached, second!.key]).toEqual([false, true, first!.key]);
    expect(await readdir(at("store/engines"))).toEqual([first!.key]);
    expect((await readFile(second!.plan)).subarray(0, 4).toString()).toBe("ftrt");
  });

  it("says where it looked for the tool", async () => {
    const { code, err } = await run("trt", "build", model, "-o", at("x.plan"), ...sizes, "--trtexec", at("none"), "--json");
    expect(code).toBe(1);
    expect(JSON.parse(err)).toMatchObject({ error: { code: "TRT_NOT_FOUND", details: { tried: [at("none")] } } });
  });
});

describe("lathe trt compare", () => {
  it("measures an engine beside its model, and fails beyond a limit", async () => {
    await saveModel(parseModel("model ir 8, ai.onnx 17\ngraph main(x: float32[1,3]) -> (y: float32[1,3]) {\n  y: float32[1,3] = Relu(x)\n}"), at("relu.onnx"));
    await run("trt", "build", at("relu.onnx"), "-o", at("relu.plan"), ...tool, "-q");
    const compare = (...flags: string[]) => run("trt", "compare", at("relu.onnx"), at("relu.plan"), ...tool, "--seeds", "2", ...flags);
    const { code, out, err } = await compare("--min-sqnr", "90");
    expect([code, err, out]).toEqual([0, "", expect.stringMatching(/y +\d\.\d+e-\d+ /)]);
    expect(JSON.parse((await compare("--json")).out)).toMatchObject({ samples: 2, tensors: { y: { elements: 6 } } });
    expect(await compare("--min-sqnr", "300")).toMatchObject({ code: 1, err: expect.stringMatching(/CLI_DIFFERENT/) as string });
  });
});

describe("lathe trt bench and inspect", () => {
  it("time an engine and list its layers", async () => {
    await run("trt", "build", model, "-o", at("m.plan"), ...sizes, ...tool, "-q");
    const bench = await run("trt", "bench", at("m.plan"), "--model", model, ...sizes, ...tool, "--transfers", "--no-layers", "-q");
    expect([bench.code, bench.err]).toEqual([0, ""]);
    expect(bench.out).toMatch(/with transfers/);
    expect(bench.out).not.toContain("conv + relu");
    const layers = await run("trt", "inspect", at("m.plan"), "--layers", ...tool, "-q");
    expect(layers.out).toMatch(/1\.02 kB, 2 layers\n[^]*conv \+ relu +CaskConvolution +fp16 +1x8x112x112 +ampere/);
    expect(JSON.parse((await run("trt", "inspect", at("m.plan"), "--layers", ...tool, "--json")).out)).toMatchObject({ bindings: [{ name: "x" }, { name: "y" }] });
  });

  it("tell the release that built an engine without any tool", async () => {
    await run("trt", "build", model, "-o", at("m.plan"), ...sizes, ...tool, "-q");
    expect((await run("trt", "inspect", at("m.plan"))).out).toBe("1.02 kB, built by TensorRT 10.13.3\n");
    expect(await run("trt", "inspect", model)).toMatchObject({ code: 1, err: expect.stringMatching(/TRT_PLAN/) as string });
    expect(await run("trt", "inspect", at("nowhere"))).toMatchObject({ code: 2, err: expect.stringMatching(/CLI_DATA_PATH/) as string });
    expect((await run("trt", "bench", at("m.plan"), ...sizes, ...tool)).code).toBe(2);
  });
});

it("a recipe builds engines where there is TensorRT", async () => {
  await writeFile(at("recipe.json"), JSON.stringify([{ use: "simplify" }, { use: "trt-engine", with: { sizes: { N: [1, 4, 8] } } }]));
  const optimize = (...flags: string[]) => run("optimize", model, "-o", at("out.onnx"), "--recipe", at("recipe.json"), ...flags);
  const { code, out } = await optimize("--engines", at("engines"), ...tool);
  expect([code, out]).toEqual([0, expect.stringMatching(/engineBytes 1024.*throughput 1499\.38/)]);
  expect(await readdir(at("engines/engines"))).toHaveLength(1);
  expect(await optimize()).toMatchObject({ code: 2, err: expect.stringMatching(/CLI_BAD_VALUE.*--engines/) as string });
});
