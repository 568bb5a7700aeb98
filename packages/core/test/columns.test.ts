import { concatRows, rowsIn, runsOf, Tensor } from "@lathe/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const zeros = (...dims: number[]): Tensor => Tensor.from("float32", dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));

describe("columns", () => {
  test.each([
    ["the number of rows that all have", { x: zeros(4, 2), y: zeros(4) }, { x: 4, y: 4 }, 4],
    ["no number where they differ", { x: zeros(4), y: zeros(3) }, { x: 4, y: 3 }, undefined],
    ["no number without rows", { x: zeros(0, 2), y: zeros(0) }, { x: 0, y: 0 }, undefined],
    ["a scalar as a column without rows", { x: zeros(4), y: zeros() }, { x: 4, y: 0 }, undefined],
    ["no number without columns", {}, {}, undefined],
  ])("give %s", (_, columns, each, common) => {
    expect(rowsIn(columns)).toEqual({ each, common });
  });

  test("in runs, one after another, are the columns again", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 12 }), (rows, size) => {
      const columns = { x: Tensor.from("float32", [rows, 2], Float32Array.from({ length: rows * 2 }, (_, i) => i)), y: Tensor.int64(Array.from({ length: rows }, (_, i) => i)) };
      const runs = [...runsOf(columns, rows, size)];
      expect(runs.slice(0, -1).every((run) => run["x"]!.dims[0] === size)).toBe(true);
      for (const name of ["x", "y"] as const) expect(concatRows(runs.map((run) => run[name]!)).toNumbers()).toEqual(columns[name].toNumbers());
    }));
  });

  test("in runs of the first rows alone, end there", () => {
    expect([...runsOf({ x: Tensor.int64([0, 1, 2, 3, 4]) }, 3, 2)].map((run) => run["x"]!.toNumbers())).toEqual([[0, 1], [2]]);
  });
});
