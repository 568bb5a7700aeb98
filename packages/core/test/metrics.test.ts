/** Metrics, each against a small worked example and a second, naive way to compute it. */
import { agreement, argmax, auc, characterErrorRate, confusion, cosineSimilarity, editDistance, maxAbsoluteError, meanSquaredError, sqnr, Tensor, topKAccuracy, wordErrorRate } from "@lathe/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const finite = fc.double({ min: -1e3, max: 1e3, noNaN: true });
const pairs = fc.array(fc.tuple(finite, finite), { minLength: 1, maxLength: 30 });

describe("classification", () => {
  const scores = [0.1, 0.7, 0.2, /**/ 0.5, 0.2, 0.3, /**/ 0.3, 0.3, 0.4];
  test("top-k accuracy by hand", () => {
    expect(topKAccuracy(scores, [1, 2, 0])).toBeCloseTo(1 / 3);
    expect(topKAccuracy(scores, [1, 2, 0], 2)).toBeCloseTo(1);
    expect(topKAccuracy(Tensor.from("float32", [3, 3], scores), Tensor.int64([1, 0, 2]))).toBe(1);
  });
  test("top-1 is the agreement of argmax with the labels, and top-k grows to 1", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 8 }), fc.infiniteStream(fc.nat(3)), (classes, rows, noise) => {
        const next = (): number => noise.next().value as number;
        const s = Array.from({ length: classes * rows }, next);
        const labels = Array.from({ length: rows }, () => next() % classes);
        const ks = Array.from({ length: classes }, (_, k) => topKAccuracy(s, labels, k + 1));
        expect(ks[0]).toBe(agreement(argmax(s, classes), labels));
        expect(ks).toEqual([...ks].sort((a, b) => a - b));
        expect(ks.at(-1)).toBe(1);
      }),
    );
  });
  test("NaN scores are wrong, not lucky", () => {
    expect(topKAccuracy([NaN, NaN], [0])).toBe(0);
    expect([...argmax([NaN, 2, NaN, NaN], 2)]).toEqual([1, -1]);
  });
  test("confusion counts actual by predicted", () => {
    expect(confusion([0, 1, 1, 2], [0, 1, 2, 2], 3)).toEqual([[1, 0, 0], [0, 1, 0], [0, 1, 1]]);
  });
  test.each([
    [() => topKAccuracy([1, 2, 3], [0, 1]), /3 scores/],
    [() => topKAccuracy([1, 2], [5]), /labels from 0 to 1; 5 came/],
    [() => agreement([1], [1, 2]), /1 and 2 values/],
    [() => agreement([], []), /0 and 0 values/],
    [() => confusion([3], [0], 2), /classes from 0 to 1; 0 and 3/],
    [() => auc([1, 2], [1, 1]), /2 and 0 came/],
    [() => characterErrorRate(["a"], [""]), /only empty ones/],
    [() => wordErrorRate(["a"], []), /1 and 0 came/],
  ])("what does not fit is refused (%#)", (act, text) => {
    expect(act).toThrow(text);
    expect(act).toThrow(/^METRIC_INPUT/);
  });
});

describe("texts", () => {
  test("edit distance by hand", () => {
    expect(editDistance([..."kitten"], [..."sitting"])).toBe(3);
    expect(editDistance([], [..."abc"])).toBe(3);
  });
  test("edit distance is a metric", () => {
    const word = fc.array(fc.nat(2), { maxLength: 7 });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        const d = editDistance(a, b);
        expect(d).toBe(editDistance(b, a));
        expect(d === 0).toBe(a.join() === b.join());
        expect(editDistance(a, c)).toBeLessThanOrEqual(d + editDistance(b, c));
        expect(d).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
        expect(d).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
  test("error rates weigh texts by their length; code points, not UTF-16 units", () => {
    expect(characterErrorRate(["abc", "x"], ["abd", "x"])).toBe(1 / 4);
    expect(characterErrorRate(["𝄞"], ["𝄢"])).toBe(1);
    expect(wordErrorRate(["the cat  sat"], ["the cat sat down"])).toBe(1 / 4);
  });
});

describe("differences", () => {
  test("by hand", () => {
    expect(meanSquaredError([1, 2], [1, 4])).toBe(2);
    expect(maxAbsoluteError([1, 2, Infinity], [1, 4, Infinity])).toBe(2);
    expect(maxAbsoluteError([1, NaN], [1, 2])).toBeNaN();
    expect(maxAbsoluteError([NaN], [NaN])).toBe(0);
    expect(cosineSimilarity([1, 0], [1, 1])).toBeCloseTo(Math.SQRT1_2);
    expect([cosineSimilarity([0], [0]), cosineSimilarity([0], [1])]).toEqual([1, 0]);
    // Noise a tenth of the signal: 20 dB.
    expect(sqnr([10, 0], [9, 0])).toBeCloseTo(20);
    expect(sqnr([1, 2], [1, 2])).toBe(Infinity);
  });
  test("cosine does not depend on scale; SQNR does not change when both are scaled", () => {
    fc.assert(
      fc.property(pairs, fc.double({ min: 0.01, max: 100, noNaN: true }), (list, k) => {
        const [a, b] = [list.map((p) => p[0]), list.map((p) => p[1])];
        fc.pre(a.some((v) => Math.abs(v) > 1e-3) && b.some((v) => Math.abs(v) > 1e-3));
        expect(cosineSimilarity(a, b.map((v) => v * k))).toBeCloseTo(cosineSimilarity(a, b), 9);
        fc.pre(meanSquaredError(a, b) > 1e-6);
        expect(sqnr(a.map((v) => v * k), b.map((v) => v * k))).toBeCloseTo(sqnr(a, b), 6);
      }),
    );
  });
  test("AUC is the share of ordered pairs, ties half", () => {
    expect(auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5), fc.boolean()), { minLength: 2, maxLength: 20 }), (list) => {
        const positives = list.filter(([, p]) => p);
        const negatives = list.filter(([, p]) => !p);
        fc.pre(positives.length > 0 && negatives.length > 0);
        let wins = 0;
        for (const [a] of positives) for (const [b] of negatives) wins += a > b ? 1 : a === b ? 0.5 : 0;
        expect(auc(list.map(([s]) => s), list.map(([, p]) => Number(p)))).toBeCloseTo(wins / (positives.length * negatives.length), 12);
      }),
    );
  });
});
