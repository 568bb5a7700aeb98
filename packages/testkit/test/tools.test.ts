import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineTechnique, encodeModel, Tensor } from "@lathe/core";
import { casesIn, expectGolden, finiteDifferences, golden, tinyMlp } from "@lathe/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

describe("finiteDifferences", () => {
  it("approximates the gradient of a quadratic form", async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.double({ min: -5, max: 5, noNaN: true }), fc.double({ min: -5, max: 5, noNaN: true })), { minLength: 1, maxLength: 5 }), async (pairs) => {
      const f = (x: Float64Array): number => x.reduce((sum, v, i) => sum + pairs[i]![0] * v * v, 0);
      const gradient = await finiteDifferences(f, pairs.map(([, v]) => v));
      pairs.forEach(([a, v], i) => expect(gradient[i]).toBeCloseTo(2 * a * v, 5));
    }));
  });

  it("waits for functions that run a model, and leaves the point alone", async () => {
    const x = [3, 4];
    expect(Array.from(await finiteDifferences(async ([a, b]) => a! * b!, x)).map((v) => Math.round(v))).toEqual([4, 3]);
    expect(x).toEqual([3, 4]);
  });
});

describe("golden", () => {
  it("is the same text for the same model", () => {
    expect(golden(tinyMlp())).toBe(golden(tinyMlp()));
    expect(golden(tinyMlp())).toMatch(/Gemm\(x, weight, bias\)/);
  });

  it("sees every bit of large tensors when asked", () => {
    const [a, b] = [tinyMlp(), tinyMlp()];
    const weight = [...b.graph.initializers][0]!;
    const values = weight.tensor!.toFloat32().slice();
    values[100]! += 1;
    b.graph.setInitializer(weight, Tensor.from("float32", weight.tensor!.dims, values));
    expect(golden(a)).toBe(golden(b));
    expect(golden(a, { checksums: true })).not.toBe(golden(b, { checksums: true }));
    expect(golden(a, { checksums: true, elements: 1000 })).toBe(golden(a, { elements: 1000 }));
  });

  it("names the first line that differs", () => {
    expectGolden("a\nb\n", "a\r\nb");
    expect(() => expectGolden("a\nb\n", "a\nc\n", "The result")).toThrow(/TESTKIT_GOLDEN: The result .* line 2 was expected to be "c" but is "b"/);
    expect(() => expectGolden("a\n", "a\nc\n")).toThrow(/expected to be "c" but is "\(nothing\)"/);
  });
});

describe("casesIn", () => {
  const negate = defineTechnique({
    name: "negate",
    summary: "Appends a Neg node.",
    options: z.strictObject({ refuse: z.boolean().default(false).describe("refuse to work") }),
    expects: [(_, { refuse }) => (refuse ? "it was told to refuse." : undefined)],
    apply(model) {
      const { graph } = model;
      const y = graph.outputs[0]!;
      graph.setOutput(0, graph.add({ opType: "Neg", name: "negated", inputs: [y], outputs: ["negated"] }).out);
    },
  });
  const options = { techniques: [negate], update: false };
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lathe-cases-"));
    for (const [name, recipe] of Object.entries({ plain: [{ use: "negate" }], refused: [{ use: "negate", with: { refuse: true } }] })) {
      await mkdir(join(folder, name));
      if (name === "plain") await writeFile(join(folder, name, "model.txt"), golden(tinyMlp(), { elements: Infinity }));
      else await writeFile(join(folder, name, "model.onnx"), encodeModel(tinyMlp()));
      await writeFile(join(folder, name, "recipe.json"), JSON.stringify(recipe));
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("wants the expected text, records it when told to, and then compares", async () => {
    const run = async (update: boolean): Promise<void> => {
      for (const { run: one } of casesIn(folder, { ...options, update })) await one();
    };
    await expect(run(false)).rejects.toMatchObject({ code: "TESTKIT_CASE", message: expect.stringContaining("expected.txt is missing") });
    await run(true);
    await run(false);
    expect(casesIn(folder, options).map((c) => c.name)).toEqual(["plain", "refused"]);
    expect(await readFile(join(folder, "plain", "expected.txt"), "utf8")).toMatch(/= Neg\(/);
    expect(await readFile(join(folder, "refused", "expected.txt"), "utf8")).toBe("error EXPECTATION_FAILED\n");
    await writeFile(join(folder, "refused", "expected.txt"), "error OTHER\n");
    await expect(run(false)).rejects.toMatchObject({ code: "TESTKIT_GOLDEN", message: expect.stringContaining("case refused") });
  });

  it("runs both graphs when the rewrite must keep the results", async () => {
    const [plain] = casesIn(folder, { ...options, differential: {} });
    await expect(plain!.run()).rejects.toMatchObject({ code: "TESTKIT_DIFFERENT" });
  });

  it("does not take an empty folder for success", async () => {
    const empty = await mkdtemp(join(tmpdir(), "lathe-cases-"));
    expect(() => casesIn(empty, options)).toThrow(/holds no cases/);
    await rm(empty, { recursive: true });
  });
});
