import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { file, run } from "./support.ts";

const model = file("fixtures/models/mnist-lenet.onnx");
let folder = "";
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "lathe-cli-package-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("lathe package", () => {
  it("writes a file for each dtype and prints sizes and noise", async () => {
    const { code, out, err } = await run("package", folder, model, "--dtypes", "fp32,fp16,q8,q4");
    expect([code, err]).toEqual([0, ""]);
    expect((await readdir(join(folder, "onnx"))).sort()).toEqual(["mnist-lenet.onnx", "mnist-lenet_fp16.onnx", "mnist-lenet_q4.onnx", "mnist-lenet_quantized.onnx"]);
    expect(out).toMatch(/mnist-lenet_q4\.onnx +q4 +\d/);
  });

  it.each([
    [["--dtypes", "q3"], /CLI_BAD_VALUE.*--dtypes/],
    [["--verify", "deno"], /CLI_BAD_VALUE.*--verify/],
  ])("refuses %j", async (flags, message) => {
    expect(await run("package", folder, model, ...flags)).toMatchObject({ code: 2, err: expect.stringMatching(message) as string });
  });

  it("fails when the noise is beyond the limit", async () => {
    expect(await run("package", folder, model, "--dtypes", "q4", "--min-sqnr", "90")).toMatchObject({ code: 1, err: expect.stringMatching(/PACKAGE_ACCURACY/) as string });
  });
});

describe("lathe quantize-weights and convert-float16", () => {
  it("are commands with the options of their techniques", async () => {
    const small = await run("quantize-weights", model, "-o", join(folder, "q8.onnx"), "--bits", "8", "--target", "x64-vnni");
    expect([small.code, small.err]).toEqual([0, expect.not.stringContaining("error")]);
    const half = await run("convert-float16", model, "-o", join(folder, "half.onnx"), "--no-keep-io");
    expect([half.code, half.err]).toEqual([0, expect.not.stringContaining("error")]);
    const learnt = await run("quantize-weights", model, "-o", join(folder, "gptq.onnx"), "--algorithm", "gptq", "--random-data", "2", "--bind-data", "N=4");
    expect([learnt.code, learnt.err]).toEqual([0, expect.not.stringContaining("error")]);
  });
});
