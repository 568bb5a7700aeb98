/** Gradients of whole models, batch statistics included, against PyTorch's in float64. */
import { describe, expect, it } from "vitest";
import { crossEntropy, gradient } from "@lathe/train";
import { floats, readFixture, runtime, type GoldenArray } from "./harness.ts";
import { modelCases, sampled } from "./models.ts";

interface Golden {
  readonly loss: number;
  readonly gradients: Readonly<Record<string, { norm: number; max: number; entries: GoldenArray }>>;
}
const golden = readFixture<Readonly<Record<string, Golden>>>("models");

/** A gradient that is zero by symmetry (a bias before a normalisation, the key bias of attention) is rounding noise in both. */
const NOISE = 1e-6;

describe("gradients of whole models equal PyTorch's to 1e-4 of each tensor's largest entry", () => {
  it.each(modelCases().map((c) => [c.name, c] as const))("%s", async (name, { model, batch }) => {
    const expected = golden[name]!;
    const { model: whole, loss, gradients } = gradient(model, { loss: crossEntropy(), batchNorm: "train" });
    const session = await runtime.load(whole);
    const results = await session.run(batch, { fetches: [loss, ...gradients.values()] });
    await session.dispose();
    expect(results[loss]!.toFloat32()[0]).toBeCloseTo(expected.loss, 5);
    expect([...gradients.keys()].sort()).toEqual(Object.keys(expected.gradients).sort());
    for (const [parameter, output] of gradients) {
      const { norm, max, entries } = expected.gradients[parameter]!;
      if (max < NOISE) continue;
      const actual = results[output]!.toFloat32();
      const wanted = floats(entries);
      const worst = sampled(actual.length).reduce((w, at, i) => Math.max(w, Math.abs(actual[at]! - wanted[i]!)), 0);
      expect(worst / max, parameter).toBeLessThan(1e-4);
      expect(Math.sqrt(actual.reduce((s, v) => s + v * v, 0)) / norm, parameter).toBeCloseTo(1, 4);
    }
  });
});
