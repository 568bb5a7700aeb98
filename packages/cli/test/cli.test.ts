import { execFile, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tensor, decodeModel, defineTechnique, encodeModel, encodeNpz } from "@lathe/core";
import { readIdx } from "@lathe/core/node";
import { standardTechniques } from "@lathe/cli";
import { parseModel } from "@lathe/testkit";
import { z } from "zod";
import { file, run, runWith, type Result } from "./support.ts";

const model = file("fixtures/models/fashion-mobilenet.onnx");
let folder = "";
let data = "";
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-cli-"));
  data = at("calibration.npz");
  const pixels = await readIdx(file("fixtures/data/fashion-train-512-images-idx3-ubyte.gz"));
  const image = Tensor.from("float32", [64, 1, 28, 28], pixels.toFloat32().slice(0, 64 * 784).map((p) => p / 255));
  await writeFile(data, await encodeNpz({ image }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The command as users start it: a process of its own. `whenStarted` may do something to it. */
const spawn = (args: string[], env: Record<string, string> = {}, whenStarted?: (child: ChildProcess) => void): Promise<Result> =>
  new Promise((done) => {
    const child = execFile(process.execPath, ["--import", "tsx", "--conditions=@lathe/source", file("packages/cli/src/main.ts"), ...args], { env: { ...process.env, ...env } }, (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }));
    whenStarted?.(child);
  });

describe("lathe inspect", () => {
  it("shows what is in a file", async () => {
    const { code, out } = await run("inspect", model);
    expect(code).toBe(0);
    expect(out).toMatch(/image: float32\[N,1,28,28\]/);
    expect(out).toMatch(/40\.3 k parameters/);
    expect(out).toMatch(/multiply-adds with N=1/);
  });

  it("prints one JSON document", async () => {
    const { out } = await run("inspect", model, "--json", "--bind", "N=4");
    const facts = JSON.parse(out) as { parameters: number; histogram: Record<string, number>; bindings: unknown; layers: unknown[] };
    expect(facts.parameters).toBe(40306);
    expect(facts.histogram["Conv"]).toBe(17);
    expect(facts.bindings).toEqual({ N: 4 });
    expect(facts.layers.length).toBeGreaterThan(30);
  });

  it("says what is wrong with a damaged file, and how to mend it", async () => {
    const bytes = await readFile(model);
    await writeFile(at("cut.onnx"), bytes.subarray(0, 5000));
    const { code, err } = await run("inspect", at("cut.onnx"));
    expect(code).toBe(1);
    expect(err).toMatch(/ONNX_[A-Z_]+: /);
  });
});

describe("lathe with a technique", () => {
  it("simplifies a model", async () => {
    const { code, out } = await run("simplify", model, "-o", at("simple.onnx"));
    expect(code).toBe(0);
    expect(out).toMatch(/wrote .*simple\.onnx/);
    expect(decodeModel(await readFile(at("simple.onnx"))).graph.nodeCount).toBeLessThan(40);
  });

  it("quantizes with calibration data, writes reports, and the result compares well and can be timed", async () => {
    const html = at("report.html");
    const quantized = await run("quantize-static", model, "-o", at("int8.onnx"), "--data", data, "--batch", "16", "--report", html);
    expect([quantized.code, quantized.err]).toEqual([0, expect.not.stringContaining("error")]);
    expect(quantized.out).toMatch(/size +161 kB +6\d\.\d kB +2\.\d+x/);
    expect(await readFile(html, "utf8")).toMatch(/^<!doctype html>/);

    const compared = await run("compare", model, at("int8.onnx"), "--data", data, "--min-sqnr", "15", "--json");
    expect(compared.code).toBe(0);
    expect((JSON.parse(compared.out) as { samples: number }).samples).toBe(64);

    const strict = await run("compare", model, at("int8.onnx"), "--data", data, "--max-difference", "1e-6");
    expect([strict.code, strict.err]).toEqual([1, expect.stringMatching(/CLI_DIFFERENT.*"logits"/)]);

    const timed = await run("bench", model, at("int8.onnx"), "--rounds", "3", "--threads", "1", "--json");
    expect((JSON.parse(timed.out) as { timings: unknown[] }).timings).toHaveLength(2);
  });

  it("prunes channels with flags made from the schema", async () => {
    const { code, out } = await run("prune-channels", model, "-o", at("pruned.onnx"), "--ratio", "0.5", "--target", "macs", "--round-to", "4", "--json");
    expect(code).toBe(0);
    const report = JSON.parse(out) as { before: { macs: number }; after: { macs: number } };
    expect(report.after.macs).toBeLessThan(0.6 * report.before.macs);
  });

  it("trains further on labelled data", async () => {
    const labelled = at("labelled.npz");
    const [pixels, labels] = await Promise.all(["images-idx3", "labels-idx1"].map((kind) => readIdx(file(`fixtures/data/fashion-train-512-${kind}-ubyte.gz`))));
    await writeFile(labelled, await encodeNpz({ image: Tensor.from("float32", [512, 1, 28, 28], pixels!.toFloat32().map((p) => p / 255)), labels: labels!.cast("int64") }));
    const { code, out } = await run("finetune", model, "-o", at("tuned.onnx"), "--data", labelled, "--learning-rate", "0.0001", "--json");
    expect(code).toBe(0);
    const [step] = (JSON.parse(out) as { steps: { metrics: { steps: number; lastEpochLoss: number } }[] }).steps;
    expect(step!.metrics.steps).toBe(16);
    expect(step!.metrics.lastEpochLoss).toBeLessThan(0.4);
  });

  it("teaches a pruned model by the original, without labels", async () => {
    const unlabelled = at("unlabelled.npz");
    const pixels = await readIdx(file("fixtures/data/fashion-train-512-images-idx3-ubyte.gz"));
    await writeFile(unlabelled, await encodeNpz({ image: Tensor.from("float32", [512, 1, 28, 28], pixels.toFloat32().map((p) => p / 255)) }));
    expect((await run("prune-channels", model, "-o", at("student.onnx"), "--ratio", "0.2", "--json")).code).toBe(0);
    const rest = ["--data", unlabelled, "--task-weight", "0", "--learning-rate", "0.001", "--epochs", "2", "--json"];
    const { code, out } = await run("distill", at("student.onnx"), "-o", at("taught.onnx"), "--teacher", model, ...rest);
    expect(code).toBe(0);
    const [step] = (JSON.parse(out) as { steps: { metrics: Record<string, number> }[] }).steps;
    expect(step!.metrics["lastEpochLoss"]).toBeLessThan(step!.metrics["firstEpochLoss"]!);
    expect(step!.metrics).toMatchObject({ teacherAsked: 512, teacherRemembered: 512 });
    await writeFile(at("plain.json"), JSON.stringify([{ use: "simplify" }]));
    const idle = await run("optimize", model, "-o", at("none.onnx"), "--recipe", at("plain.json"), "--teacher", model);
    expect([idle.code, idle.err]).toEqual([2, expect.stringMatching(/CLI_NO_PUPIL.*simplify/)]);
    const alone = await run("distill", at("student.onnx"), "-o", at("none.onnx"), ...rest);
    expect([alone.code, alone.err]).toEqual([1, expect.stringMatching(/DISTILL_NO_TEACHER.*--teacher/s)]);
  });

  it("runs a recipe", async () => {
    await writeFile(at("recipe.json"), JSON.stringify([{ use: "simplify" }, { use: "prune-weights", with: { sparsity: 0.6 } }, { use: "quantize-dynamic" }]));
    const { code, out } = await run("optimize", model, "-o", at("recipe.onnx"), "--recipe", at("recipe.json"), "--json");
    expect(code).toBe(0);
    expect((JSON.parse(out) as { steps: { name: string }[] }).steps.map((s) => s.name)).toEqual(["simplify", "prune-weights", "quantize-dynamic"]);
  });

  it("keeps weights beside the model on request", async () => {
    const { code } = await run("simplify", model, "-o", at("outside.onnx"), "--external-data");
    expect(code).toBe(0);
    expect((await readFile(at("outside.onnx"))).length).toBeLessThan(50_000);
    expect((await run("compare", model, at("outside.onnx"), "--max-difference", "1e-4")).code).toBe(0);
  });

  it.each([
    ["no data", ["quantize-static", model, "-o", "x.onnx"], /CLI_NO_DATA/],
    ["a bad number", ["prune-channels", model, "-o", "x.onnx", "--ratio", "much"], /CLI_BAD_VALUE.*--ratio.*"much"/],
    ["a value outside the schema", ["prune-channels", model, "-o", "x.onnx", "--ratio", "2"], /OPTIONS_INVALID.*ratio/],
    ["a wrong name in a choice", ["prune-channels", model, "-o", "x.onnx", "--criterion", "best"], /Allowed choices/],
    ["an unknown command", ["shrink", model], /unknown command/],
    ["the input as output", ["simplify", model, "-o", model], /CLI_SAME_FILE/],
    ["a recipe that is no JSON", ["optimize", model, "-o", "x.onnx", "--recipe", model], /CLI_RECIPE/],
    ["data that is not there", ["quantize-static", model, "-o", "x.onnx", "--data", "nowhere.npz"], /CLI_DATA_PATH.*nowhere/],
    ["a seed that is no number", ["simplify", model, "-o", "x.onnx", "--seed", "lucky"], /CLI_BAD_VALUE.*--seed.*"lucky"/],
    ["a limit that is no number", ["compare", model, model, "--max-difference", "small"], /CLI_BAD_VALUE.*--max-difference/],
    ["no seeds", ["compare", model, model, "--seeds", "0"], /CLI_BAD_VALUE.*--seeds/],
    ["no threads", ["bench", model, "--threads", "0"], /CLI_BAD_VALUE.*--threads/],
    ["a symbol that the model lacks, comparing", ["compare", model, model, "--bind", "M=2"], /CLI_SYMBOL.*"M".*there are: N/],
    ["a symbol that the model lacks, inspecting", ["inspect", model, "--bind", "M=2"], /"M"/],
  ])("exits with 2 for %s", async (_, args, message) => {
    const { code, err } = await run(...args);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });

  it("says which arrays of a data file differ in their number of samples", async () => {
    await writeFile(at("uneven.npz"), await encodeNpz({ image: Tensor.from("float32", [2, 1, 28, 28], new Float32Array(1568)), label: Tensor.int64([1, 2, 3]) }));
    const { code, err } = await run("compare", model, model, "--data", at("uneven.npz"));
    expect([code, err]).toEqual([2, expect.stringMatching(/CLI_DATA_ROWS.*"image" has 2, "label" has 3/)]);
  });

  it("leaves an existing output as it was when it fails", async () => {
    await writeFile(at("kept.onnx"), "old");
    const { code } = await run("quantize-static", model, "-o", at("kept.onnx"), "--random-data", "1", "--op-types", "Softmax");
    expect(code).not.toBe(0);
    expect(await readFile(at("kept.onnx"), "utf8")).toBe("old");
  });
});

describe("lathe compare", () => {
  /** y = x / d for a constant d. */
  const division = async (name: string, d: number): Promise<string> => {
    const text = `model ir 8, ai.onnx 17\ngraph g(x: float32[2]) -> (y: float32[2]) {\n  d: float32[1] = [${d}]\n  y: float32[2] = Div(x, d)\n}\n`;
    await writeFile(at(name), encodeModel(parseModel(text)));
    return at(name);
  };

  it("does not take NaN and infinities for equal to numbers", async () => {
    const [one, zero] = [await division("one.onnx", 1), await division("zero.onnx", 0)];
    const plain = await run("compare", one, zero);
    expect([plain.code, plain.out]).toEqual([0, expect.stringMatching(/y .*6 of 6 not comparable/)]);
    for (const limit of [["--max-difference", "1e9"], ["--min-sqnr", "-1000"]]) {
      expect(await run("compare", one, zero, ...limit)).toMatchObject({ code: 1, err: expect.stringMatching(/CLI_DIFFERENT.*NaN/) });
    }
  });

  it("writes what JSON lacks as text", async () => {
    const { out } = await run("compare", model, model, "--seeds", "1", "--json");
    expect(JSON.parse(out)).toMatchObject({ tensors: { logits: { sqnr: "Infinity", maxAbs: 0 } } });
  });

  it("tells of sizes that nobody gave", async () => {
    expect((await run("compare", model, model, "--seeds", "1")).err).toMatch(/set to 1: N .*--bind/);
    expect((await run("compare", model, model, "--seeds", "1", "--bind", "N=2")).err).toBe("");
  });
});

describe("lathe bench", () => {
  it("times a file against itself", async () => {
    const { out } = await run("bench", model, model, "--rounds", "1", "--threads", "1", "--json");
    expect((JSON.parse(out) as { timings: { name: string }[] }).timings.map((t) => t.name)).toEqual([model, `${model} (2)`]);
  });
});

describe("help", () => {
  it("comes from the schemas", async () => {
    const { out } = await run("prune-channels", "--help");
    expect(out).toMatch(/--max-ratio <number>\s+largest share that one group may lose\s+\(default:\s+0\.8\)/);
    expect(out).not.toMatch(/--no-/);
  });

  it("lists every technique, with schemas as JSON", async () => {
    const { out } = await run("techniques", "--json");
    expect((JSON.parse(out) as { name: string }[]).map((t) => t.name)).toEqual([...standardTechniques.map((t) => t.name), "iterate", "search", "trt-engine"]);
  });

  it("offers techniques of a host as commands", async () => {
    let seen = 0;
    const own = defineTechnique({ name: "count-nodes", summary: "Counts.", options: z.object({ add: z.number().default(0).describe("added") }), apply: (m, { add }) => void (seen = m.graph.nodeCount + add) });
    expect((await runWith({ techniques: [own] }, "count-nodes", model, "-o", at("same.onnx"), "--add", "1000")).code).toBe(0);
    expect(seen).toBeGreaterThan(1000);
  });
});

describe("options of a technique that are named like flags of the command", () => {
  it("are written --with-NAME", async () => {
    let seen: unknown;
    const own = defineTechnique({ name: "own", summary: "Own.", options: z.object({ seed: z.number(), batch: z.boolean().default(false) }), apply: (_, options) => void (seen = options) });
    expect((await runWith({ techniques: [own] }, "own", model, "-o", at("same.onnx"), "--with-seed", "7", "--with-batch", "--seed", "1")).code).toBe(0);
    expect(seen).toEqual({ seed: 7, batch: true });
  });
});

describe("the process", () => {
  it("says its version", async () => {
    const { version } = JSON.parse(await readFile(file("packages/cli/package.json"), "utf8")) as { version: string };
    expect(await run("--version")).toMatchObject({ code: 0, out: `${version}\n` });
  });

  it("gives every error as JSON on request", async () => {
    const broken = defineTechnique({ name: "broken", summary: "Throws.", options: z.object({}), apply: () => { throw new TypeError("oh"); } });
    const { code, err } = await runWith({ techniques: [broken] }, "broken", model, "-o", at("x.onnx"), "--json");
    expect(code).toBe(1);
    expect(JSON.parse(err)).toMatchObject({ error: { code: "STEP_FAILED" } });
  });

  it.each(["SIGINT", "SIGTERM"] as const)("exits with 130 when %s interrupts it, and writes nothing", async (signal) => {
    const slow = defineTechnique({ name: "slow", summary: "Waits.", options: z.object({}), apply: async (_, __, ctx) => {
      process.emit(signal);
      for (;;) await ctx.turn();
    } });
    const { code, err } = await runWith({ techniques: [slow] }, "slow", model, "-o", at("never.onnx"));
    expect(code).toBe(130);
    await expect(readFile(at("never.onnx"))).rejects.toThrow("ENOENT");
    expect(err).toMatch(/ABORTED/);
  });

  it("finishes its work quietly when nobody reads what it prints", async () => {
    const { code, err } = await spawn(["simplify", model, "-o", at("unread.onnx"), "--json"], {}, (child) => child.stdout!.destroy());
    expect([code, err]).toEqual([0, ""]);
    expect((await readFile(at("unread.onnx"))).length).toBeGreaterThan(100_000);
  });

  it("prints no colours with NO_COLOR, and its exit code", async () => {
    const good = await spawn(["inspect", model], { FORCE_COLOR: "1", NO_COLOR: "1" });
    expect([good.code, good.out.includes("\u001b[")]).toEqual([0, false]);
    const bad = await spawn(["inspect", at("nothing.onnx")]);
    expect([bad.code, bad.err]).toEqual([1, expect.stringMatching(/FILE_OPEN/)]);
  });
});
