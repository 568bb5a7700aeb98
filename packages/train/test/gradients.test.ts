/** Every gradient rule against PyTorch's autograd (float64) and against finite differences of the forward pass. */
import { describe, expect, it } from "vitest";
import { cases } from "./cases/index.ts";
import { nameOf } from "./cases/case.ts";
import { differentiate, finiteDifferences, floats, readFixture, relativeError, type GoldenArray } from "./harness.ts";

const golden = readFixture<Readonly<Record<string, { y: GoldenArray[]; g: (GoldenArray | null)[] }>>>("gradients");

describe("gradients equal PyTorch's", () => {
  it.each(cases.map((c) => [nameOf(c), c] as const))("%s", async (name, c) => {
    const expected = golden[name]!;
    const { made, values, gradients } = await differentiate(c, "float32");
    made.outputs.forEach((output, k) => expect(relativeError(values[output]!.toFloat32(), floats(expected.y[k]!))).toBeLessThan(2e-6));
    for (const [i, tensor] of gradients) {
      expect(tensor.dims).toEqual(expected.g[i]!.shape);
      expect(relativeError(tensor.toFloat32(), floats(expected.g[i]!))).toBeLessThan(1e-5);
    }
  });
});

describe("gradients equal central differences", () => {
  it.each(cases.map((c) => [nameOf(c), c.f64 ? "float64" : "float32", c] as const))("%s in %s", async (_name, dtype, c) => {
    const { made, gradients } = await differentiate(c, dtype);
    for (const [i, tensor] of gradients) {
      const slopes = await finiteDifferences(made, i, 12);
      const exact = tensor.toFloat64();
      const error = relativeError([...slopes.keys()].map((at) => exact[at]!), [...slopes.values()], 0.1);
      expect(error).toBeLessThan(dtype === "float64" ? 1e-7 : 2e-3);
    }
  });
});
