/** The small evaluator against ONNX Runtime, bit for bit, and what it declines. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attr, standardOps, Tensor, type Node } from "@lathe/core";
import { evaluateCases } from "./evaluate-cases.ts";
import { build, constant as k, ints, row, runCase, weight, type OpCase } from "./harness.ts";

const evaluate = (c: OpCase): readonly Tensor[] | undefined => {
  const { node } = build(c);
  return standardOps.of(node)?.evaluate?.(node, c.inputs.map((i) => i?.tensor), c.opset);
};

const content = (t: Tensor): unknown => ({ dtype: t.dtype, dims: [...t.dims], values: t.dtype === "string" ? t.strings() : Array.from(t.data() as ArrayLike<number | bigint>, String) });

describe("evaluation equals ONNX Runtime", () => {
  test.each(evaluateCases.map((c) => [c.note, c] as const))("%s", async (_, c) => {
    const ours = evaluate(c);
    expect(ours?.map(content)).toEqual((await runCase(c)).map(content));
  });
});

describe("the evaluator declines", () => {
  const declined: readonly OpCase[] = [
    row("Div", [ints(1), ints(0)], {}, { note: "integer division by zero" }),
    row("Mod", [ints(1), ints(0)], {}, { note: "remainder of a division by zero" }),
    row("Cast", [k("float32", [3e10])], { to: 6 }, { note: "a float beyond the integer's range" }),
    row("Cast", [k("float32", [Number.NaN])], { to: 7 }, { note: "NaN to an integer" }),
    row("Pow", [weight(3), k("float32", [0.3], [])], {}, { note: "a power that libraries round differently" }),
    row("Exp", [weight(3)], {}, { note: "transcendental functions" }),
    row("ReduceSum", [weight(3)], {}, { note: "float sums, whose order is open" }),
    row("Sum", [weight(3), weight(3), weight(3)], {}, { note: "sums of three floats" }),
    row("Max", [k("float32", [Number.NaN]), k("float32", [1])], {}, { note: "an extreme of NaN" }),
    row("Expand", [weight(1), ints(2 ** 21)], {}, { note: "results too large for shape arithmetic" }),
    row("Gather", [ints(1, 2), ints(2)], {}, { note: "an index out of range" }),
    row("ScatterND", [weight(4), k("int64", [1], [1, 1]), weight(1)], { reduction: "add" }, { note: "scatter with a reduction" }),
    row("Pad", [weight(3), ints(1, 1)], { mode: "reflect" }, { note: "padding by reflection" }),
  ];
  test.each(declined.map((c) => [c.note, c] as const))("%s", (_, c) => expect(evaluate(c)).toBeUndefined());

  test("inputs that are not constant", () => {
    const { node } = build(row("Add", [weight(2), weight(2)]));
    expect(standardOps.of(node)!.evaluate!(node, [Tensor.int64([1]), undefined], 21)).toBeUndefined();
  });
});

test("every operator with an evaluation has a row", () => {
  const covered = new Set(evaluateCases.map((c) => c.op));
  const unseen = standardOps.all.filter((op) => op.domain === "" && op.evaluate && !covered.has(op.name)).map((op) => op.name);
  // Scatter is ScatterElements under its old name; the others have tests of their own.
  expect(unseen.toSorted()).toEqual(["BitCast", "Constant", "NonMaxSuppression", "Scatter", "StringSplit"]);
});

test("a Constant gives its tensor, a BitCast the same bytes", () => {
  const constantNode = build(row("Constant", [], { value_ints: [3, 4] })).node;
  expect(standardOps.of(constantNode)!.evaluate!(constantNode, [], 21)![0]!.toNumbers()).toEqual([3, 4]);
  const cast: Node = build(row("BitCast", [weight(1)], { to: attr.int(6) })).node;
  const [bits] = standardOps.of(cast)!.evaluate!(cast, [Tensor.from("float32", [1], [1])], 26)!;
  expect([bits!.dtype, bits!.toNumbers()]).toEqual(["int32", [0x3f800000]]);
});

describe("random movements equal ONNX Runtime", () => {
  const same = async (c: OpCase): Promise<void> => expect(evaluate(c)?.map(content)).toEqual((await runCase(c)).map(content));
  const dims = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
  const any = fc.integer({ min: -6, max: 6 });

  test("Slice", async () => {
    await fc.assert(fc.asyncProperty(dims, fc.array(fc.tuple(any, any, any.filter((v) => v !== 0)), { minLength: 4, maxLength: 4 }), async (shape, cuts) => {
      const used = cuts.slice(0, shape.length);
      await same(row("Slice", [weight(...shape), ints(...used.map((c) => c[0])), ints(...used.map((c) => c[1])), ints(...used.map((_, i) => i)), ints(...used.map((c) => c[2]))]));
    }), { numRuns: 100 });
  });

  test("Transpose", async () => {
    await fc.assert(fc.asyncProperty(dims.chain((shape) => fc.tuple(fc.constant(shape), fc.shuffledSubarray(shape.map((_, i) => i), { minLength: shape.length }))), async ([shape, perm]) => {
      await same(row("Transpose", [weight(...shape)], { perm }));
    }), { numRuns: 60 });
  });

  test("Gather", async () => {
    await fc.assert(fc.asyncProperty(dims, fc.nat(3), fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }), async (shape, at, wanted) => {
      const axis = at % shape.length;
      await same(row("Gather", [weight(...shape), ints(...wanted.map((i) => i % shape[axis]!))], { axis }));
    }), { numRuns: 60 });
  });

  test("int64 arithmetic with broadcasting", async () => {
    const numbers = fc.array(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), { minLength: 3, maxLength: 3 });
    await fc.assert(fc.asyncProperty(fc.constantFrom("Add", "Sub", "Mul", "Min", "Max"), numbers, fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n }), async (op, a, b) => {
      await same(row(op, [k("int64", a), k("int64", [b], [1, 1])]));
    }), { numRuns: 60 });
  });

  test("float32 arithmetic", async () => {
    const numbers = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 4, maxLength: 4 });
    await fc.assert(fc.asyncProperty(fc.constantFrom("Add", "Sub", "Mul", "Div"), numbers, numbers, async (op, a, b) => {
      fc.pre(op !== "Div" || b.every((v) => v !== 0));
      await same(row(op, [k("float32", a), k("float32", b)]));
    }), { numRuns: 60 });
  });

  test("QuantizeLinear", async () => {
    const value = fc.float({ min: -500, max: 500, noNaN: true });
    await fc.assert(fc.asyncProperty(fc.array(value, { minLength: 6, maxLength: 6 }), fc.float({ min: Math.fround(0.01), max: 3, noNaN: true }), fc.integer({ min: -128, max: 127 }), async (x, scale, zero) => {
      await same(row("QuantizeLinear", [k("float32", x), k("float32", [scale], []), k("int8", [zero], [])]));
    }), { numRuns: 60 });
  });
});
