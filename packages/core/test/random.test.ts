/** The seeded generator. */
import { random } from "@lathe/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

describe("random", () => {
  test("the stream of a seed is fixed for all time", () => {
    const r = random(1);
    expect([r.uint32(), r.uint32(), r.uint32()]).toMatchInlineSnapshot(`
      [
        3363358936,
        3295883972,
        1750658491,
      ]
    `);
    expect(r.float()).toMatchInlineSnapshot(`0.07524408884576383`);
    expect(r.int(10)).toMatchInlineSnapshot(`9`);
    expect(r.normal()).toMatchInlineSnapshot(`1.7579661705903127`);
  });
  test("the same seed gives the same stream, nearby seeds others", () => {
    const first = (seed: number | string): number => random(seed).uint32();
    expect(first(5)).toBe(first(5));
    expect(new Set(Array.from({ length: 1000 }, (_, seed) => first(seed))).size).toBe(1000);
    expect(first("a")).not.toBe(first("b"));
  });
  test("a fork depends on seed and label, not on what was drawn", () => {
    const a = random(1);
    const before = a.fork("x").uint32();
    a.uint32();
    expect(a.fork("x").uint32()).toBe(before);
    expect(a.fork("y").uint32()).not.toBe(before);
  });
  test("float is in [0, 1) with mean 1/2; int is uniform; normal has mean 0 and variance 1", () => {
    const r = random(3);
    const n = 20_000;
    const floats = Array.from({ length: n }, () => r.float());
    expect(Math.min(...floats)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...floats)).toBeLessThan(1);
    const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
    // Five standard errors.
    expect(Math.abs(mean(floats) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < n; i++) counts[r.int(7)]!++;
    for (const count of counts) expect(Math.abs(count - n / 7)).toBeLessThan(5 * Math.sqrt((n * 6) / 49));
    const normals = Array.from({ length: n }, () => r.normal());
    expect(Math.abs(mean(normals))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(mean(normals.map((v) => v * v)) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
  });
  test("int stays below its bound, for bounds up to 2^32", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.nat(), (n, seed) => {
      const drawn = random(seed).int(n);
      expect(Number.isInteger(drawn) && drawn >= 0 && drawn < n).toBe(true);
    }));
  });
  test("shuffle keeps the items and returns the same array", () => {
    const list = [1, 2, 3, 4, 5];
    const shuffled = random(1).shuffle(list);
    expect(shuffled).toBe(list);
    expect([...shuffled].sort()).toEqual([1, 2, 3, 4, 5]);
  });
});
