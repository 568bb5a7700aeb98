/** BatchNormalization, Mul, Add, Sub and Div folded into layers: when, when not, and the numbers. */
import { describe, expect, test } from "vitest";
import { attr, foldAffine, foldBatchNorm, Graph, type Value } from "@lathe/core";
import { applied, Build, expectUntouched, opsOf } from "./build.ts";

const norm = (b: Build, x: ReturnType<Build["op"]>, channels: number, extra = {}) =>
  b.op("BatchNormalization", [x, b.weight([channels]), b.weight([channels]), b.weight([channels]), b.weight([channels], undefined, true)], { epsilon: attr.float(1e-3), ...extra });

describe("BatchNormalization folds", () => {
  test.each([
    ["Conv", () => { const b = new Build(); const x = b.input("x", ["N", 3, 8, 8]); return b.output(norm(b, b.op("Conv", [x, b.weight([4, 3, 3, 3])]), 4)); }],
    ["Conv with bias", () => { const b = new Build(); const x = b.input("x", [1, 4, 8, 8]); return b.output(norm(b, b.op("Conv", [x, b.weight([6, 2, 3, 3]), b.weight([6])], { group: attr.int(2), pads: attr.ints([1, 1, 1, 1]) }), 6)); }],
    ["1-D Conv", () => { const b = new Build(); const x = b.input("x", [1, 3, 9]); return b.output(norm(b, b.op("Conv", [x, b.weight([4, 3, 3])]), 4)); }],
    ["grouped ConvTranspose", () => { const b = new Build(); const x = b.input("x", [1, 4, 5, 5]); return b.output(norm(b, b.op("ConvTranspose", [x, b.weight([4, 3, 3, 2])], { group: attr.int(2), strides: attr.ints([2, 2]) }), 6)); }],
    ["Gemm with alpha, beta and transB", () => { const b = new Build(); const x = b.input("x", ["N", 5]); return b.output(norm(b, b.op("Gemm", [x, b.weight([4, 5]), b.weight([1, 4])], { transB: attr.int(1), alpha: attr.float(0.5), beta: attr.float(2) }), 4)); }],
    ["Gemm with a scalar bias", () => { const b = new Build(); const x = b.input("x", [2, 5]); return b.output(norm(b, b.op("Gemm", [x, b.weight([5, 4]), b.scalar(0.3)]), 4)); }],
    ["opset 7 with spatial", () => { const b = new Build(7); const x = b.input("x", [1, 3, 8, 8]); return b.output(norm(b, b.op("Conv", [x, b.weight([4, 3, 3, 3])]), 4, { spatial: attr.int(1) })); }],
  ])("into %s", async (_name, make) => {
    const { model, modified } = await applied(foldBatchNorm, make());
    expect(modified).toBe(true);
    expect(opsOf(model)).not.toContain("BatchNormalization");
    expect(opsOf(model).length).toBe(1);
  });

  test("into the Conv behind it when that does not pad", async () => {
    const b = new Build();
    b.output(b.op("Conv", [norm(b, b.input("x", [1, 4, 8, 8]), 4), b.weight([6, 2, 3, 3])], { group: attr.int(2) }));
    const { model } = await applied(foldBatchNorm, b);
    expect(opsOf(model)).toEqual(["Conv"]);
    expect(model.graph.firstNode!.inputs.length).toBe(3);
  });

  test("keeps the names of weights and output", async () => {
    const b = new Build();
    b.output(norm(b, b.op("Conv", [b.input("x", [1, 3, 8, 8]), b.weight([4, 3, 3, 3], "conv.weight"), b.weight([4], "conv.bias")]), 4), "logits");
    const { model } = await applied(foldBatchNorm, b);
    const conv = model.graph.firstNode!;
    expect([conv.input(1)!.name, conv.input(2)!.name, conv.out.name]).toEqual(["conv.weight", "conv.bias", "logits"]);
  });

  test("a weight shared with another layer is not changed there", async () => {
    const b = new Build();
    const x = b.input("x", [1, 3, 8, 8]);
    const w = b.weight([4, 3, 3, 3]);
    b.output(norm(b, b.op("Conv", [x, w]), 4)).output(b.op("Conv", [x, w]));
    expect(opsOf((await applied(foldBatchNorm, b)).model)).toEqual(["Conv", "Conv"]);
  });
});

describe("BatchNormalization stays", () => {
  test.each([
    ["when the Conv is read elsewhere", () => { const b = new Build(); const c = b.op("Conv", [b.input("x", [1, 3, 8, 8]), b.weight([4, 3, 3, 3])]); return b.output(norm(b, c, 4)).output(b.op("Relu", [c])); }],
    ["when the Conv is an output", () => { const b = new Build(); const c = b.op("Conv", [b.input("x", [1, 3, 8, 8]), b.weight([4, 3, 3, 3])]); return b.output(c).output(norm(b, c, 4)); }],
    ["when it trains", () => { const b = new Build(); const c = b.op("Conv", [b.input("x", [1, 3, 8, 8]), b.weight([4, 3, 3, 3])]); return b.output(norm(b, c, 4, { training_mode: attr.int(1) })); }],
    ["when the weight is computed", () => { const b = new Build(); const c = b.op("Conv", [b.input("x", [1, 3, 8, 8]), b.input("w", [4, 3, 3, 3])]); return b.output(norm(b, c, 4)); }],
    ["when the weight is quantized", () => {
      const b = new Build();
      const w = b.op("DequantizeLinear", [b.constant("int8", [1, 1, 1, 1], [3]), b.scalar(0.1), b.constant("int8", [], [0])]);
      return b.output(norm(b, b.op("Conv", [b.input("x", [1, 1, 4, 4]), w]), 1));
    }],
    ["in a branch that returns it, when the Conv is outside", () => {
      const b = new Build();
      const c = b.op("Conv", [b.input("x", [1, 3, 8, 8]), b.weight([4, 3, 3, 3])]);
      const branch = (name: string, make: (inner: Build) => Value): Graph => {
        const graph = new Graph(name);
        const inner = new Build(21, graph);
        return inner.output(make(inner), name), graph;
      };
      const branches = { then_branch: attr.graph(branch("t", (t) => norm(t, c, 4))), else_branch: attr.graph(branch("e", (e) => e.weight([1, 4, 6, 6]))) };
      return b.output(b.op("If", [b.input("flag", [], "bool")], branches));
    }],
    ["in front of a Conv that pads", () => { const b = new Build(); return b.output(b.op("Conv", [norm(b, b.input("x", [1, 3, 8, 8]), 3), b.weight([4, 3, 3, 3])], { pads: attr.ints([1, 1, 1, 1]) })); }],
    ["in front of a Conv with SAME padding", () => { const b = new Build(); return b.output(b.op("Conv", [norm(b, b.input("x", [1, 3, 8, 8]), 3), b.weight([4, 3, 3, 3])], { auto_pad: attr.string("SAME_UPPER") })); }],
    ["behind a Gemm whose bias varies by row", () => { const b = new Build(); return b.output(norm(b, b.op("Gemm", [b.input("x", [2, 5]), b.weight([5, 4]), b.weight([2, 4])]), 4)); }],
    ["when float16 would overflow", () => {
      const b = new Build();
      const h = (dims: number[], value: number) => b.constant("float16", dims, Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => value));
      const c = b.op("Conv", [b.input("x", [1, 1, 4, 4], "float16"), h([1, 1, 1, 1], 30000)]);
      return b.output(b.op("BatchNormalization", [c, h([1], 100), h([1], 0), h([1], 0), h([1], 1)]));
    }],
  ])("%s", async (_name, make) => expectUntouched(foldBatchNorm, make()));
});

const conv = (b: Build, pads = 0) => b.op("Conv", [b.input("x", [1, 3, 8, 8]), b.weight([4, 3, 3, 3])], { pads: attr.ints([pads, pads, pads, pads]) });

describe("arithmetic with constants folds", () => {
  test.each([
    ["Mul per channel behind Conv", (b: Build) => b.op("Mul", [conv(b), b.weight([4, 1, 1])])],
    ["Mul by a number behind Conv", (b: Build) => b.op("Mul", [b.scalar(0.25), conv(b, 1)])],
    ["Add per channel behind Conv", (b: Build) => b.op("Add", [b.weight([1, 4, 1, 1]), conv(b, 1)])],
    ["Sub behind Conv", (b: Build) => b.op("Sub", [conv(b), b.weight([4, 1, 1])])],
    ["Sub from a constant behind Conv", (b: Build) => b.op("Sub", [b.weight([4, 1, 1]), conv(b)])],
    ["Div behind Conv", (b: Build) => b.op("Div", [conv(b), b.weight([4, 1, 1], undefined, true)])],
    ["Mul behind ConvTranspose", (b: Build) => b.op("Mul", [b.op("ConvTranspose", [b.input("x", [1, 4, 5, 5]), b.weight([4, 3, 2, 2])], { group: attr.int(2) }), b.weight([6, 1, 1])])],
    ["Add behind Gemm", (b: Build) => b.op("Add", [b.op("Gemm", [b.input("x", ["N", 5]), b.weight([5, 4])]), b.weight([4])])],
    ["Mul behind a batched MatMul", (b: Build) => b.op("Mul", [b.typed(b.op("MatMul", [b.input("x", [2, 3, 5]), b.weight([5, 4])]), [2, 3, 4]), b.weight([4])])],
    ["Mul in front of a padding Conv", (b: Build) => b.op("Conv", [b.op("Mul", [b.input("x", [1, 3, 8, 8]), b.weight([3, 1, 1])]), b.weight([4, 3, 3, 3])], { pads: attr.ints([1, 1, 1, 1]) })],
    ["Sub in front of a Conv", (b: Build) => b.op("Conv", [b.op("Sub", [b.input("x", [1, 4, 8, 8]), b.weight([4, 1, 1])]), b.weight([4, 2, 3, 3])], { group: attr.int(2) })],
  ])("%s", async (_name, make) => {
    const b = new Build();
    b.output(make(b));
    const { model, modified } = await applied(foldAffine, b);
    expect(modified).toBe(true);
    expect(opsOf(model).length).toBe(1);
  });
});

describe("arithmetic stays", () => {
  test.each([
    ["a constant along the last axis behind Conv", (b: Build) => b.op("Mul", [conv(b), b.weight([6])])],
    ["a constant of higher rank", (b: Build) => b.op("Mul", [conv(b), b.weight([2, 1, 1, 1, 1])])],
    ["a division by the layer", (b: Build) => b.op("Div", [b.weight([4, 1, 1]), conv(b)])],
    ["a division by zero", (b: Build) => b.op("Div", [conv(b), b.scalar(0)])],
    ["an Add behind MatMul", (b: Build) => b.op("Add", [b.typed(b.op("MatMul", [b.input("x", [2, 5]), b.weight([5, 4])]), [2, 4]), b.weight([4])])],
    ["a product of two activations", (b: Build) => b.op("Mul", [conv(b), b.input("z", [1, 4, 1, 1])])],
    ["an Add in front of a padding Conv", (b: Build) => b.op("Conv", [b.op("Add", [b.input("x", [1, 3, 8, 8]), b.weight([3, 1, 1])]), b.weight([4, 3, 3, 3])], { pads: attr.ints([1, 1, 1, 1]) })],
    ["a broadcast in front of a Conv", (b: Build) => b.op("Conv", [b.op("Mul", [b.input("x", [1, 1, 8, 8]), b.weight([1, 3, 1, 1])]), b.weight([4, 3, 3, 3])])],
  ])("%s", async (_name, make) => {
    const b = new Build();
    await expectUntouched(foldAffine, b.output(make(b)));
  });
});
