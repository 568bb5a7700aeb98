/** `lathe pack` and `lathe unpack`. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeModel } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { file, run } from "./support.ts";

const model = file("fixtures/models/fashion-mobilenet.onnx");
let folder = "";
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-pack-"));
  await saveModel(await loadModel(model), at("split.onnx"), { externalData: { threshold: 1 } });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each([["in one file", () => model], ["with external data", () => at("split.onnx")]])("a model %s", (_, source) => {
  it.each(["gzip", "brotli", "none"])("is the same after packing (%s) and unpacking", async (codec) => {
    const { code, out } = await run("pack", source(), "-o", at("model.lathe"), "--codec", codec);
    expect(code).toBe(0);
    const [, share] = /, ([\d.]+) % of [\d.]+ kB of weights\n$/.exec(out)!;
    expect(Number(share)).toBeGreaterThan(50);
    expect(Number(share)).toBeLessThan(150);
    expect((await run("unpack", at("model.lathe"), "-o", at("again.onnx"))).code).toBe(0);
    expect(encodeModel(await loadModel(at("again.onnx")))).toEqual(encodeModel(await loadModel(source())));
  });
});

describe("the input", () => {
  it.each([["pack", "split.onnx"], ["unpack", "model.lathe"]])("of %s is not replaced by accident", async (command, name) => {
    const before = await readFile(at(name));
    const { code, err } = await run(command, at(name), "-o", at(name));
    expect([code, err]).toEqual([2, expect.stringContaining("CLI_SAME_FILE")]);
    expect(await readFile(at(name))).toEqual(before);
  });

  it("is refused when it is larger unpacked than allowed, or no packed model", async () => {
    expect(await run("unpack", at("model.lathe"), "-o", at("x.onnx"), "--max-bytes", "1000")).toMatchObject({ code: 1, err: expect.stringContaining("PACK_LIMIT") });
    expect(await run("unpack", model, "-o", at("x.onnx"))).toMatchObject({ code: 1, err: expect.stringContaining("PACK_FORMAT") });
  });
});
