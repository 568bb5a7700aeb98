/** Whatever is asked for, what comes out is a sound model that ONNX Runtime loads and runs: random models, random options, every target. */
import { describe, expect, it } from "vitest";
import { decodeModel, encodeModel, isLatheError, standardOps, verify, type Model } from "@lathe/core";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { quantizeDynamic, quantizeStatic, targetNames, type StaticOptionsInput } from "@lathe/quantize";
import { randomGraph } from "./random/graphs.ts";
import { randomRun } from "./random/runs.ts";

const runtime = ortRuntime();

async function runs(model: Model): Promise<void> {
  expect(verify(model, { ops: standardOps }).filter((issue) => issue.severity === "error")).toEqual([]);
  const session = await runtime.load(decodeModel(encodeModel(model)));
  const outputs = await session.run(randomFeeds(model, { seed: 1 }));
  await session.dispose();
  for (const output of Object.values(outputs)) expect(output.toFloat32().every(Number.isFinite)).toBe(true);
}

/** Some random models have nothing that the options select; that is said, not written. */
async function unlessNothing(make: () => Promise<Model> | Model): Promise<void> {
  try {
    await runs(await make());
  } catch (error) {
    if (!isLatheError(error, "QUANT_NOTHING_TO_DO")) throw error;
  }
}

const variants: StaticOptionsInput[] = [
  ...targetNames.map((target) => ({ target })),
  { format: "qoperator" }, { format: "qoperator", weightType: "uint8", perChannel: false }, { dedicatedPairs: true, graphOutputs: false }, { blockSize: 16 },
  { activationType: "uint16", weightType: "int4" }, { activationType: "int16", weightType: "int16" }, { equalize: true, correctBias: true, floatTail: true }, { biasZeroPoint: false },
];

describe.each(Array.from({ length: 45 }, (_, seed) => seed))("random model %i", (seed) => {
  const data = (model: Model) => [0, 1].map((i) => randomFeeds(model, { seed: i }));

  it("static, drawn options", async () => {
    const model = randomGraph(seed);
    const { overrides: _, ...options } = randomRun(seed, model).ours;
    await unlessNothing(async () => (await quantizeStatic(model, options, { runtime, data: data(model) })).model);
  });

  it("static, one of the forms and targets", async () => {
    const model = randomGraph(seed);
    await unlessNothing(async () => (await quantizeStatic(model, variants[seed % variants.length]!, { runtime, data: data(model) })).model);
  });

  it("dynamic", async () => {
    await unlessNothing(() => quantizeDynamic(randomGraph(seed), { groupedConv: seed % 2 === 0, perChannel: seed % 3 === 0, weightType: seed % 5 === 0 ? "uint8" : "int8" }).model);
  });
});
