/** Shape rules: static shapes against what ONNX Runtime returns, symbolic shapes against tables. */
import { describe, expect, test } from "vitest";
import { inferShapes, opTable, standardOps, typeToString, type OpDef, type Shape } from "@lathe/core";
import { evaluateCases } from "./evaluate-cases.ts";
import { build, constant as k, f, fed, int, ints, row, runCase, weight, type OpCase } from "./harness.ts";
import { inferCases } from "./infer-cases.ts";
import { tieCases } from "./tie-cases.ts";

/** The table without evaluators, so that constant rows test the shape rules too. */
const rulesOnly = opTable(standardOps.all.map((op): OpDef => {
  const { evaluate: _, ...rest } = op;
  return rest;
}));

const inferred = (c: OpCase, shapes: readonly (Shape | undefined)[] = []): string[] => {
  const { model, node } = build(c, undefined, shapes);
  const { problems } = inferShapes(model, { ops: rulesOnly });
  return [...node.outputs.map((o) => typeToString(o?.type)), ...problems.map((p) => p.message)];
};

describe("static shapes equal those of ONNX Runtime's results", () => {
  const dataDependent = new Set(["NonZero", "Unique", "Compress", "NonMaxSuppression", "StringSplit", "StringNormalizer"]);
  test.each([...evaluateCases, ...tieCases, ...inferCases].map((c) => [c.note, c] as const))("%s", async (_, c) => {
    const results = await runCase(c);
    const known = inferred(c);
    results.forEach((t, i) => {
      // A named size stands for one that only the run tells.
      const pattern = typeToString({ kind: "tensor", dtype: t.dtype, shape: t.dims });
      const open = dataDependent.has(c.op) || c.inputs.some((operand) => operand && !operand.constant && operand.tensor.dtype.startsWith("int") && ["Reshape", "Expand", "Range", "ConstantOfShape", "Resize"].includes(c.op));
      if (open) expect(fits(known[i]!, pattern), `${known[i]} for ${pattern}`).toBe(true);
      else expect(known[i]).toBe(pattern);
    });
    expect(known.slice(results.length)).toEqual([]);
  });
});

/** "int64[2,y.nonzero]" fits "int64[2,5]": same type and rank, numbers equal. */
function fits(known: string, actual: string): boolean {
  const [type, dims = ""] = known.split("[");
  const [wantedType, wanted = ""] = actual.split("[");
  const [a, b] = [dims.replace("]", "").split(","), wanted.replace("]", "").split(",")];
  return type === wantedType && (dims === "...]" || (a.length === b.length && a.every((d, i) => !/^\d+$/.test(d) || d === b[i])));
}

describe("symbolic shapes", () => {
  const N = ["N", 3, "H", "W"] as const;
  test.each<readonly [string, OpCase, readonly (Shape | undefined)[], readonly string[]]>([
    ["Add of a vector", row("Add", [f(1, 3, 1, 1), f(1)]), [N, [1]], ["float32[N,3,H,W]"]],
    ["Add of the same symbols", row("Add", [f(1, 3), f(1, 3)]), [["N", 3], ["N", 3]], ["float32[N,3]"]],
    ["a number decides against a symbol", row("Mul", [f(1), f(3)]), [["N"], [3]], ["float32[3]"]],
    ["Where", row("Where", [fed("bool", [1], [1, 1]), f(1, 3), f(1)]), [["N", 1], [1, "C"], []], ["float32[N,C]"]],
    ["Shape is int64 of the rank", row("Shape", [f(1, 3, 1, 1)]), [N], ["int64[4]"]],
    ["Reshape infers -1 by cancelling symbols", row("Reshape", [f(1, 3, 1, 1), ints(0, 3, -1)]), [N], ["float32[N,3,H*W]"]],
    ["Reshape to a flat batch", row("Reshape", [f(1, 4, 6), ints(-1, 6)]), [["N", "T", 6]], ["float32[N*T,6]"]],
    ["Reshape splits a static axis", row("Reshape", [f(1, 4, 6), ints(0, 0, 2, 3)]), [["N", "T", 6]], ["float32[N,T,2,3]"]],
    ["Reshape of an open batch keeps one -1", row("Reshape", [f(1, 12), ints(-1, 3, 4)]), [["N", 12]], ["float32[N,3,4]"]],
    ["Flatten", row("Flatten", [f(1, 3, 1, 1)]), [N], ["float32[N,3*H*W]"]],
    ["Squeeze of a named axis", row("Squeeze", [f(1, 1, 3), ints(1)]), [["N", 1, 3]], ["float32[N,3]"]],
    ["Squeeze without axes needs static lengths", row("Squeeze", [f(1, 1, 3)]), [["N", 1, 3]], ["float32[...]"]],
    ["Unsqueeze", row("Unsqueeze", [f(1), ints(0, 2)]), [["N"]], ["float32[1,N,1]"]],
    ["Transpose", row("Transpose", [f(1, 3, 1, 1)], { perm: [0, 2, 3, 1] }), [N], ["float32[N,H,W,3]"]],
    ["Concat adds lengths", row("Concat", [f(1, 3), f(1, 3)], { axis: 0 }), [["N", 3], ["M", 3]], ["float32[M + N,3]"]],
    ["Concat takes a known length from either side", row("Concat", [f(1, 3), f(1, 3)], { axis: 0 }), [["N", "C"], [2, 3]], ["float32[N + 2,3]"]],
    ["Slice from 1 is exact for empty axes too", row("Slice", [f(4), ints(1), ints(2 ** 31 - 1)]), [["N"]], ["float32[max(0, N - 1)]"]],
    ["Slice up to a bound", row("Slice", [f(4), ints(0), ints(2)]), [["N"]], ["float32[min(2, N)]"]],
    ["Slice of everything", row("Slice", [f(4), ints(0), ints(2 ** 31 - 1)]), [["N"]], ["float32[N]"]],
    ["Slice without the last", row("Slice", [f(4), ints(0), ints(-1)]), [["N"]], ["float32[max(0, N - 1)]"]],
    ["Slice by computed bounds", row("Slice", [f(4, 3), fed("int64", [0]), fed("int64", [2]), ints(0)]), [["N", 3]], ["float32[?,3]"]],
    ["Slice with a step", row("Slice", [f(4), ints(0), ints(2 ** 31 - 1), ints(0), ints(2)]), [["N"]], ["float32[floor((N + 1)/2)]"]],
    ["a whole reversal", row("Slice", [f(4), ints(-1), ints(-(2 ** 31)), ints(0), ints(-1)]), [["N"]], ["float32[N]"]],
    ["Split in equal parts", row("Split", [f(2, 4)], { axis: 0 }, { outputs: 2, opset: 13 }), [["N", 4]], ["float32[floor(N/2),4]", "float32[floor(N/2),4]"]],
    ["Split by sizes", row("Split", [f(3, 4), ints(1, 3)], { axis: 1 }, { outputs: 2 }), [["N", 4]], ["float32[N,1]", "float32[N,3]"]],
    ["Pad", row("Pad", [f(1, 3, 1, 1), ints(0, 0, 1, 1, 0, 0, 2, 0)]), [N], ["float32[N,3,H + 3,W + 1]"]],
    ["Tile", row("Tile", [f(1, 3), ints(2, 2)]), [["N", 3]], ["float32[2*N,6]"]],
    ["Expand", row("Expand", [f(1, 3), ints(2, 1, 1)]), [["N", 3]], ["float32[2,N,3]"]],
    ["Gather", row("Gather", [weight(5, 4), fed("int64", [0, 1], [1, 2])]), [undefined, ["N", "T"]], ["float32[N,T,4]"]],
    ["GatherND", row("GatherND", [f(2, 3, 4), k("int64", [0, 1], [1, 2])]), [["N", "T", 4]], ["float32[1,4]"]],
    ["ReduceMean over space", row("ReduceMean", [f(1, 3, 1, 1), ints(2, 3)], { keepdims: 0 }), [N], ["float32[N,3]"]],
    ["Reduce over computed axes", row("ReduceMean", [f(1, 3), fed("int64", [1])]), [["N", 3]], ["float32[?,?]"]],
    ["ArgMax", row("ArgMax", [f(1, 3)], { axis: 1 }), [["N", 3]], ["int64[N,1]"]],
    ["TopK", row("TopK", [f(1, 3), ints(2)], {}, { outputs: 2 }), [["N", 3]], ["float32[N,2]", "int64[N,2]"]],
    ["NonZero names its size", row("NonZero", [f(1, 3)]), [["N", 3]], ["int64[2,y0.nonzero]"]],
    ["DepthToSpace", row("DepthToSpace", [f(1, 12, 1, 1)], { blocksize: 2 }), [["N", 12, "H", "W"]], ["float32[N,3,2*H,2*W]"]],
    ["OneHot", row("OneHot", [fed("int64", [0]), int(10), k("float32", [0, 1])]), [["N"]], ["float32[N,10]"]],
    ["Cast", row("Cast", [f(1)], { to: 7 }), [["N"]], ["int64[N]"]],
    ["comparison", row("Less", [f(1, 3), f(3)]), [["N", 3]], ["bool[N,3]"]],
    ["STFT", row("STFT", [f(1, 32, 1), int(8), null, int(16)]), [["N", "L", 1]], ["float32[N,floor(L/8) - 1,9,2]"]],
    ["GridSample", row("GridSample", [f(1, 3, 4, 4), f(1, 2, 2, 2)], {}, { opset: 20 }), [["N", 3, 4, 4], ["N", "P", "Q", 2]], ["float32[N,3,P,Q]"]],
  ])("%s", (_, c, shapes, wanted) => expect(inferred(c, shapes)).toEqual(wanted));
});

describe("contradictions are named", () => {
  test.each<readonly [OpCase, RegExp]>([
    [row("Add", [f(2), f(3)]), /expects shapes that broadcast, but \[2\] and \[3\] came/],
    [row("Reshape", [f(2, 3), ints(4, 2)]), /expects a target shape of 6 elements/],
    [row("Reshape", [f(2, 3), ints(-1, -1)]), /at most one -1/],
    [row("Concat", [f(2, 3), f(2, 4)], { axis: 0 }), /equal lengths on axis 1/],
    [row("Squeeze", [f(2, 3), ints(0)]), /expects axis 0 to have length 1/],
    [row("Transpose", [f(2, 3)], { perm: [0, 0] }), /expects a permutation/],
    [row("Split", [f(4), ints(2, 2)], {}, { outputs: 3 }), /one size per output/],
    [row("Pad", [f(2, 3), ints(1, 1)]), /expects 4 pads/],
    [row("Tile", [f(2, 3), ints(2)]), /expects 2 repeats/],
    [row("ReduceSum", [f(2, 3), ints(2)]), /expects an axis in \[-2, 1\], but 2 came/],
    [row("Flatten", [f(2, 3)], { axis: 3 }), /expects an axis in \[-2, 2\], but 3 came/],
  ])("$note", (c, message) => expect(inferred(c).join(" ")).toMatch(message));
});

test("every operator has a row", () => {
  const covered = new Set([...evaluateCases, ...tieCases, ...inferCases].map((c) => c.op));
  const unseen = standardOps.all.filter((op) => op.domain === "" && op.infer && !covered.has(op.name)).map((op) => op.name);
  const elsewhere = /^(Sequence|ConcatFromSequence|SplitToSequence|Optional|If$|Loop$|Scan$)/;
  expect(unseen.filter((name) => !elsewhere.test(name)).toSorted()).toEqual([
    // Withdrawn, or without a kernel in ONNX Runtime 1.30 for the CPU.
    "BitCast", "DeformConv", "ImageDecoder", "Scatter", "SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss", "TensorScatter",
  ].toSorted());
});
