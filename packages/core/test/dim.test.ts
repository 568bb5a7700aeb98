import { addDims, broadcast, ceilDivDims, dimSymbols, differentDims, divDims, evaluateDim, maxDims, minDims, modDims, mulDims, productDims, sameDim, simplifyDim, subDims, substituteDim, type Dim } from "@lathe/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("symbolic dimensions", () => {
  it.each<[string, Dim, Dim]>([
    ["numbers stay numbers", addDims(2, 3), 5],
    ["unknown stays unknown", addDims(null, 3), null],
    ["zero times unknown is zero", mulDims(0, null), 0],
    ["terms are collected", addDims(addDims("N", 1), "N"), "2*N + 1"],
    ["what cancels is a number", subDims(addDims("N", 4), "N"), 4],
    ["products are ordered", mulDims("W", "H"), "H*W"],
    ["products distribute", mulDims(addDims("N", 1), 2), "2*N + 2"],
    ["exact division leaves no floor", divDims(mulDims("N", 12), 4), "3*N"],
    ["division by a common factor", divDims(productDims(["N", "H", 64]), productDims([8, "H"])), "8*N"],
    ["division of a sum by a sum", divDims(mulDims(addDims("A", "B"), addDims("C", 1)), addDims("A", "B")), "C + 1"],
    ["whole multiples leave the floor", divDims(addDims(mulDims("H", 2), 5), 2), "H + 2"],
    ["convolution, stride 2", addDims(divDims(subDims(addDims("H", 2), 3), 2), 1), "floor((H + 1)/2)"],
    ["floors nest into one", divDims(divDims("H", 2), 2), "floor(H/4)"],
    ["ceil is written with floor", ceilDivDims("T", 160), "floor((T + 159)/160)"],
    ["mod", modDims(addDims(mulDims("N", 4), 3), 4), 3],
    ["max of comparable sizes", maxDims(addDims("N", 1), "N"), "N + 1"],
    ["max with zero of a size", maxDims(0, "N"), "N"],
    ["max that cannot be decided", maxDims("B", "A"), "max(A, B)"],
    ["max is flat and drops repeats", maxDims(maxDims("A", "B"), "A"), "max(A, B)"],
    ["min", minDims("N", addDims("N", 3)), "N"],
    ["division by zero is unknown", divDims("N", 0), null],
    ["symbolic divisor", divDims("N", addDims("M", 1)), "floor(N/(M + 1))"],
  ])("%s", (_, got, expected) => expect(got).toBe(expected));

  it.each<[string, Dim]>([
    ["past_sequence_length + 1", "past_sequence_length + 1"],
    ["1+past", "past + 1"],
    ["floor(H/2 - 1/2) + 1", "floor((H + 1)/2)"],
    ["ceiling(H/2)", "floor((H + 1)/2)"],
    ["Max(1, s0)", "max(1, s0)"],
    ["s0*s1//4", "floor(s0*s1/4)"],
    ["H**2", "H*H"],
    ["N % 1", 0],
    ["batch size", "batch size"],
    ["batch-size", "batch-size"],
    ["?", "?"],
    ["dynamic axes 1", "dynamic axes 1"],
    ["unk__12", "unk__12"],
    ["f(x)", "f(x)"],
    ["(N", "(N"],
  ])("reads %s", (text, expected) => expect(simplifyDim(text)).toBe(expected));

  it("puts unusual names in braces inside an expression", () => {
    const next = addDims("batch size", 1);
    expect(next).toBe("{batch size} + 1");
    expect(subDims(next, 1)).toBe("batch size");
    expect(dimSymbols(next)).toEqual(["batch size"]);
  });

  it("compares by value, not by spelling", () => {
    expect(sameDim("N+1", "1 + N")).toBe(true);
    expect(sameDim("N", "M")).toBe(false);
    expect(sameDim(null, null)).toBe(false);
    expect(differentDims("N", "N + 1")).toBe(true);
    expect(differentDims("N", "M")).toBe(false);
  });

  it("binds symbols to numbers or other expressions", () => {
    expect(evaluateDim("floor((H + 1)/2)", { H: 224 })).toBe(112);
    expect(evaluateDim("N*H", { H: 224 })).toBeNull();
    expect(substituteDim("2*N + 1", { N: "M + 1" })).toBe("2*M + 3");
    expect(substituteDim("2*N + 1", new Map([["N", null]]))).toBeNull();
    expect(substituteDim("floor(N/M)", { M: 0 })).toBeNull();
  });

  // A quotient by zero has no value; NaN spreads to everything that is made of it.
  const divisor = (b: number): number => (b === 0 ? NaN : b);
  type Tree = number | string | readonly [keyof typeof operations, Tree, Tree];
  const operations = {
    add: [addDims, (a: number, b: number) => a + b],
    sub: [subDims, (a: number, b: number) => a - b],
    mul: [mulDims, (a: number, b: number) => a * b],
    div: [divDims, (a: number, b: number) => Math.floor(a / divisor(b))],
    ceil: [ceilDivDims, (a: number, b: number) => Math.ceil(a / divisor(b))],
    mod: [modDims, (a: number, b: number) => a - b * Math.floor(a / divisor(b))],
    max: [maxDims, Math.max],
    min: [minDims, Math.min],
  } as const;
  const trees = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof({ depthSize: "small", withCrossShrink: true }, fc.integer({ min: -4, max: 9 }), fc.constantFrom("N", "H", "batch size"), fc.tuple(fc.constantFrom(...(Object.keys(operations) as (keyof typeof operations)[])), tie("tree"), tie("tree"))),
  })).tree;
  const symbolic = (t: Tree): Dim => (typeof t === "object" ? operations[t[0]][0](symbolic(t[1]), symbolic(t[2])) : t);
  const numeric = (t: Tree, b: Record<string, number>): number => (typeof t === "object" ? operations[t[0]][1](numeric(t[1], b), numeric(t[2], b)) : typeof t === "string" ? b[t]! : t);
  const bindings = fc.record({ N: fc.nat(20), H: fc.nat(300), "batch size": fc.nat(7) });

  it("agrees with arithmetic on numbers for every binding, also when its text is read back", () => {
    fc.assert(fc.property(trees, bindings, (tree, b) => {
      const dim = symbolic(tree);
      const expected = numeric(tree, b);
      const got = evaluateDim(dim, b);
      fc.pre(dim !== null && Number.isSafeInteger(expected) && got !== null);
      expect(got).toBe(expected === 0 ? 0 : expected);
      // Added parentheses defeat the cache, so that the text is parsed.
      const text = typeof dim === "string" && dim !== "batch size" ? `(${dim})` : dim;
      expect(simplifyDim(text)).toBe(dim);
    }), { numRuns: 3000 });
  });
});

describe("broadcast", () => {
  const fail = (message: string): never => { throw new Error(message); };
  it.each([
    [[[2, 3], [3]], [2, 3]],
    [[["N", 1], [1, 4]], ["N", 4]],
    [[["N", 3], ["M", 3]], ["max(M, N)", 3]],
    [[["N"], [8]], [8]],
    [[[null, 2], [1, 1]], [null, 2]],
    [[[], [5], []], [5]],
  ])("%j gives %j", (shapes, expected) => expect(broadcast(shapes, fail)).toEqual(expected));
  it("of an unknown rank is unknown", () => expect(broadcast([[2], undefined], fail)).toBeUndefined());
  it("refuses sizes that differ", () => expect(() => broadcast([[2], [3]], fail)).toThrow("[2] and [3]"));
});
