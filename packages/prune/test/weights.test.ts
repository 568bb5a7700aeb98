import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { pipeline, random, stats } from "@lathe/core";
import { lenet } from "@lathe/train";
import { constantSparsity, countOf, iterativeSparsity, magnitudeThreshold, nOfM, polynomialDecay, pruneWeights, smallest, updatesAt, zeroedBelow } from "@lathe/prune";

const uniform = () => {
  const source = random(1);
  return () => source.float();
};

describe("masks", () => {
  it("clear exactly the smallest scores", () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 60 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
      const scores = Float32Array.from(values);
      const count = countOf(share, scores.length);
      const mask = smallest(scores, count);
      const gone = values.filter((_, i) => mask[i] === 0);
      const kept = values.filter((_, i) => mask[i] === 1);
      expect(gone).toHaveLength(count);
      expect(Math.max(...gone, -1)).toBeLessThanOrEqual(Math.min(...kept, Infinity));
    }));
  });

  it("over many tensors, found without copies, zero what a sort over all magnitudes would, ties in order", () => {
    const arrays = fc.array(fc.array(fc.oneof(fc.integer({ min: -4, max: 4 }), fc.float({ noNaN: true, noDefaultInfinity: true })), { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 4 });
    fc.assert(fc.property(arrays, fc.double({ min: 0, max: 1, noNaN: true }), (lists, share) => {
      const tensors = lists.map((list) => Float32Array.from(list));
      const all = tensors.flatMap((t, tensor) => Array.from(t, (x, i) => ({ tensor, i, x: Math.abs(x) })));
      const count = countOf(share, all.length);
      const gone = all.toSorted((a, b) => a.x - b.x || a.tensor - b.tensor || a.i - b.i).slice(0, count);
      const expected = tensors.map((t) => t.slice());
      for (const { tensor, i } of gone) expected[tensor]![i] = 0;
      const threshold = magnitudeThreshold(tensors, count);
      const budget = { equal: threshold?.equal ?? 0 };
      expect(tensors.map((t) => [...(threshold ? zeroedBelow(t, threshold, budget) : t)])).toEqual(expected.map((t) => [...t]));
    }));
  });

  it("keep N of every M along the summed axis", () => {
    const mask = nOfM(Float32Array.of(4, 1, 3, 2, 1, 1, 9, 8), [2, 4], 1, 2, 4);
    expect([...mask]).toEqual([1, 0, 1, 0, 0, 0, 1, 1]);
    const columns = nOfM(Float32Array.of(1, 9, 2, 8, 3, 7, 4, 6), [4, 2], 0, 1, 2);
    expect([...columns]).toEqual([0, 1, 1, 0, 0, 1, 1, 0]);
  });
});

describe("schedules", () => {
  it("follow Zhu and Gupta's polynomial", () => {
    const at = polynomialDecay({ initial: 0.2, final: 0.8, begin: 2000, end: 6000 });
    expect([0, 2000, 4000, 6000, 9000].map((t) => Number(at(t).toFixed(6)))).toEqual([0.2, 0.2, 0.725, 0.8, 0.8]);
    expect([1999, 2000, 2050, 2100, 6001].map(updatesAt({ begin: 2000, end: 6000 }))).toEqual([false, true, false, true, false]);
  });

  it("hold or go in rounds", () => {
    expect([0, 10].map(constantSparsity(0.5, 10))).toEqual([0, 0.5]);
    expect([0, 1, 2].map(iterativeSparsity(0.75, 2))).toEqual([0, 0.5, 0.75]);
  });
});

describe("prune-weights", () => {
  it.each([
    [{ sparsity: 0.8 }, 0.8],
    [{ sparsity: 0.8, scope: "tensor" as const }, 0.8],
    [{ pattern: "2:4" }, 0.5],
    [{ sparsity: 0.3, criterion: "random" as const }, 0.3],
  ])("with %o zeroes that share", async (options, share) => {
    const { model, report } = await pipeline(pruneWeights(options)).run(lenet({ random: uniform() })).result;
    expect(report.data.steps[0]!.metrics["sparsity"]).toBeCloseTo(share, 1);
    expect(stats(model).sparsity).toBeGreaterThan(share * 0.95);
  });

  it("refuses a pattern that keeps everything", async () => {
    await expect(pipeline(pruneWeights({ pattern: "4:4" })).run(lenet({ random: uniform() })).result).rejects.toThrow(/PRUNE_PATTERN/);
  });
});
