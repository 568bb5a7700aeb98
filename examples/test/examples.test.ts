import { describe, expect, it } from "vitest";
import { readFileSync } from "node:fs";
import { decodeModel, pipeline, random } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { registerConformance } from "@lathe/testkit";
import { lenet } from "@lathe/train";
// @ts-expect-error the plugin is plain JavaScript, as a third party may publish it
import { roundMantissa } from "../plugin/src/index.js";
import { shrinkClassifier } from "../demo/classifier.ts";
import { read } from "../demo/recognizer.ts";
import { lines, recognizerPath } from "../demo/ocr.ts";
import { loadModel } from "@lathe/core/node";

describe("notebook-style examples", () => {
  it("explore.ts looks at a model", async () => {
    const { facts, convolutions, logits } = await import("../explore.ts");
    expect([facts.parameters, convolutions.length, logits.length]).toEqual([40306, 17, 10]);
  });

  it("shrink.ts compares pipelines", async () => {
    const { results } = await import("../shrink.ts");
    const top1 = Object.fromEntries(results.map((r) => [r.name, r.top1]));
    expect(top1["simplified"]).toBe(top1["original"]);
    expect(top1["int8, calibrated"]).toBeGreaterThan(top1["original"]! - 0.01);
  });
});

it("tensorrt.ts makes a model ready for TensorRT, and builds it where it is there", async () => {
  const { commands, engine, ready, top1 } = await import("../tensorrt.ts");
  expect(ready).toBe(true);
  expect(top1.int8).toBeGreaterThan(top1.float32 - 0.02);
  expect(commands["10.13"]).toEqual(expect.arrayContaining(["--optShapes=image:8x1x28x28", "--int8", "--fp16"]));
  expect(commands["11.1"]).not.toContain("--int8");
  expect(typeof engine === "string" ? engine : engine.sqnr).toEqual(typeof engine === "string" ? expect.stringMatching(/^TRT_NOT_FOUND/) : expect.any(Number));
});

describe("the demo", () => {
  it("keeps the classifier's accuracy within half a point", async () => {
    const { before, after } = await shrinkClassifier(ortRuntime(), () => undefined);
    expect(before.top1).toBe(0.9175);
    expect(after.top1).toBeGreaterThan(before.top1 - 0.005);
  });

  it("reads rendered lines with the pretrained recogniser", async () => {
    const { evaluation } = lines(0, 12);
    const { errorRate } = await read(await loadModel(recognizerPath), evaluation, ortRuntime());
    expect(errorRate).toBeLessThan(0.02);
  });
});

describe("the third-party technique", () => {
  const random1 = random(1);
  const model = lenet({ random: () => random1.float() });
  registerConformance(roundMantissa, { examples: [{ model, options: { bits: 8 } }, { model, options: {} }], invalid: [{ bits: 0 }] }, { describe, it });

  it("changes weights by less than half a unit of the kept bits", async () => {
    const original = decodeModel(readFileSync(new URL("../../fixtures/models/fashion-mobilenet.onnx", import.meta.url)));
    const { model: rounded, report } = await pipeline(roundMantissa({ bits: 8, smallest: 1 })).run(original).result;
    expect(report.data.steps[0]!.metrics["changedWeights"]).toBeGreaterThan(30000);
    const after = new Map([...rounded.graph.initializers].map((v) => [v.name, v.tensor!]));
    for (const { name, tensor } of original.graph.initializers) {
      if (tensor!.dtype !== "float32") continue;
      tensor!.toFloat32().forEach((x, i) => expect(Math.abs(after.get(name)!.toFloat32()[i]! - x)).toBeLessThanOrEqual(Math.abs(x) * 2 ** -9));
    }
  });
});
