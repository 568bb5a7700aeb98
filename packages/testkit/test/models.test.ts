import { encodeModel, standardOps, verify, type Model } from "@lathe/core";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { tinyCnn, tinyMlp, tinyTransformer } from "@lathe/testkit";
import { describe, expect, it } from "vitest";

const rows: [string, (options?: { seed?: number; opset?: number }) => Model, Record<string, number>, number[]][] = [
  ["tinyMlp", tinyMlp, { N: 3 }, [3, 4]],
  ["tinyCnn", tinyCnn, { N: 3 }, [3, 10]],
  ["tinyTransformer", tinyTransformer, { N: 3, T: 5 }, [3, 4]],
];

describe.each(rows)("%s", (_name, make, bindings, shape) => {
  it("is sound, with every type known", () => {
    expect(verify(make(), { ops: standardOps })).toEqual([]);
    for (const value of make().graph.values()) expect(value.type, value.name).toMatchObject({ kind: "tensor", dtype: expect.any(String), shape: expect.any(Array) });
  });

  it.each([18, 21, 23])("runs at opset %d", async (opset) => {
    const model = make({ opset });
    const session = await ortRuntime().load(model, { optimization: "disabled" });
    const [output] = Object.values(await session.run(randomFeeds(model, { bindings })));
    await session.dispose();
    expect(output!.dims).toEqual(shape);
    expect(output!.toFloat32().every(Number.isFinite)).toBe(true);
  });

  it("is the same for the same seed and another for another", () => {
    expect(encodeModel(make({ seed: 4 }))).toEqual(encodeModel(make({ seed: 4 })));
    expect(encodeModel(make({ seed: 4 }))).not.toEqual(encodeModel(make({ seed: 5 })));
  });
});

describe("sizes", () => {
  it("can be chosen", () => {
    const shapes = (model: Model): string[] => [...model.graph.initializers].map((v) => `${v.name}[${v.tensor!.dims}]`);
    expect(shapes(tinyMlp({ inputs: 3, hidden: [5], outputs: 2 }))).toEqual(["weight[3,5]", "bias[5]", "weight_2[5,2]", "bias_2[2]"]);
    expect(shapes(tinyCnn({ channels: 4, classes: 3 }))).toContain("weight_4[3,8]");
    expect(tinyTransformer({ layers: 2 }).graph.nodeCount).toBeGreaterThan(tinyTransformer().graph.nodeCount);
  });
});
