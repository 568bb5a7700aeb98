/** Elementary operators recognised as one, and the forms that are not the same. */
import { describe, expect, test } from "vitest";
import { attr, foldPad, fuseAttention, fuseGelu, fuseHardSwish, fuseNorm, fuseSoftmax, fuseSwish, toGemm, type Pass, type Value } from "@lathe/core";
import { applied, Build, expectUntouched, opsOf } from "./build.ts";

type Make = (b: Build, x: Value) => Value;
const axes = (b: Build, ...list: number[]) => (b.model.opset < 18 ? { attributes: { axes: attr.ints(list) }, inputs: [] } : { attributes: {}, inputs: [b.ints(...list)] });
const mean = (b: Build, x: Value, ...list: number[]) => { const a = axes(b, ...list); return b.op("ReduceMean", [x, ...a.inputs], a.attributes); };
const shape = [2, 5, 8];
const run = async (pass: Pass, opset: number, make: Make): Promise<string[]> => {
  const b = new Build(opset);
  b.output(make(b, b.typed(b.op("Neg", [b.input("x", shape)]), shape)));
  return opsOf((await applied(pass, b, { tolerance: 2e-6 })).model).slice(1);
};
const untouched = async (pass: Pass, opset: number, make: Make): Promise<void> => {
  const b = new Build(opset);
  await expectUntouched(pass, b.output(make(b, b.typed(b.op("Neg", [b.input("x", shape)]), shape))));
};

const erf: Make = (b, x) => b.op("Add", [b.op("Erf", [b.op("Div", [x, b.scalar(Math.SQRT2)])]), b.scalar(1)]);
const tanh: Make = (b, x) => {
  const cube = b.op("Mul", [b.op("Pow", [x, b.scalar(3)]), b.scalar(0.044715)]);
  return b.op("Add", [b.op("Tanh", [b.op("Mul", [b.op("Add", [x, cube]), b.scalar(Math.sqrt(2 / Math.PI))])]), b.scalar(1)]);
};

describe("fuse-gelu", () => {
  test.each<[string, Make]>([
    ["x * (1 + erf) * 0.5", (b, x) => b.op("Mul", [b.op("Mul", [x, erf(b, x)]), b.scalar(0.5)])],
    ["0.5 * x * (1 + erf)", (b, x) => b.op("Mul", [b.op("Mul", [b.scalar(0.5), x]), erf(b, x)])],
    ["x * (0.5 * (1 + erf))", (b, x) => b.op("Mul", [x, b.op("Mul", [b.scalar(0.5), erf(b, x)])])],
    ["x / 2 * (1 + erf)", (b, x) => b.op("Mul", [erf(b, x), b.op("Div", [x, b.scalar(2)])])],
    ["the tanh form", (b, x) => b.op("Mul", [b.op("Mul", [x, b.scalar(0.5)]), tanh(b, x)])],
    ["the tanh form with a product for the cube", (b, x) => {
      const cube = b.op("Mul", [b.op("Mul", [x, b.op("Mul", [x, x])]), b.scalar(0.044715)]);
      const t = b.op("Tanh", [b.op("Mul", [b.op("Add", [x, cube]), b.scalar(0.7978845608)])]);
      return b.op("Mul", [x, b.op("Mul", [b.scalar(0.5), b.op("Add", [b.scalar(1), t])])]);
    }],
  ])("recognises %s", async (_name, make) => expect(await run(fuseGelu, 20, make)).toEqual(["Gelu"]));

  test.each<[string, number, Make]>([
    ["below opset 20", 17, (b, x) => b.op("Mul", [b.op("Mul", [x, erf(b, x)]), b.scalar(0.5)])],
    ["another constant", 20, (b, x) => b.op("Mul", [b.op("Mul", [x, erf(b, x)]), b.scalar(0.51)])],
    ["two different inputs", 20, (b, x) => b.op("Mul", [b.op("Mul", [x, erf(b, b.op("Relu", [x]))]), b.scalar(0.5)])],
    ["an inner value that is read elsewhere", 20, (b, x) => { const e = erf(b, x); b.output(e, "inner"); return b.op("Mul", [b.op("Mul", [x, e]), b.scalar(0.5)]); }],
  ])("leaves %s", async (_name, opset, make) => untouched(fuseGelu, opset, make));
});

const layerNorm = (b: Build, x: Value, variant: "div" | "mul" = "div", axis = -1): Value => {
  const centred = b.op("Sub", [x, mean(b, x, axis)]);
  const variance = mean(b, variant === "div" ? b.op("Pow", [centred, b.scalar(2)]) : b.op("Mul", [centred, centred]), axis);
  const deviation = b.op("Sqrt", [b.op("Add", [variance, b.scalar(1e-5)])]);
  return variant === "div" ? b.op("Div", [centred, deviation]) : b.op("Mul", [centred, b.op("Reciprocal", [deviation])]);
};
const rms = (b: Build, x: Value): Value => b.op("Div", [x, b.op("Sqrt", [b.op("Add", [mean(b, b.op("Mul", [x, x]), -1), b.scalar(1e-6)])])]);

describe("fuse-norm", () => {
  test.each<[string, number, Make, string]>([
    ["with scale and bias", 17, (b, x) => b.op("Add", [b.op("Mul", [layerNorm(b, x), b.weight([8])]), b.weight([8])]), "LayerNormalization"],
    ["with scale", 18, (b, x) => b.op("Mul", [b.weight([8]), layerNorm(b, x, "mul")]), "LayerNormalization"],
    ["over the axis counted from the front", 17, (b, x) => b.op("Add", [b.op("Mul", [layerNorm(b, x, "div", 2), b.weight([8])]), b.weight([8])]), "LayerNormalization"],
    ["without centring", 23, (b, x) => b.op("Mul", [rms(b, x), b.weight([8])]), "RMSNormalization"],
  ])("recognises normalisation %s", async (_name, opset, make, expected) => expect(await run(fuseNorm, opset, make)).toEqual([expected]));

  test.each<[string, number, Make]>([
    ["below opset 17", 13, (b, x) => b.op("Add", [b.op("Mul", [layerNorm(b, x), b.weight([8])]), b.weight([8])])],
    ["below opset 23 without centring", 22, (b, x) => b.op("Mul", [rms(b, x), b.weight([8])])],
    ["an inner axis", 18, (b, x) => b.op("Mul", [layerNorm(b, x, "div", 1), b.weight([5, 1])])],
    ["a scale that broadcasts otherwise", 18, (b, x) => b.op("Mul", [layerNorm(b, x), b.weight([5, 8])])],
    ["a scale of one element", 18, (b, x) => b.op("Mul", [layerNorm(b, x), b.weight([1])])],
    ["a mean over other axes than the variance", 18, (b, x) => {
      const centred = b.op("Sub", [x, mean(b, x, 1)]);
      const deviation = b.op("Sqrt", [b.op("Add", [mean(b, b.op("Mul", [centred, centred]), -1), b.scalar(1e-5)])]);
      return b.op("Mul", [b.op("Div", [centred, deviation]), b.weight([8])]);
    }],
  ])("leaves %s", async (_name, opset, make) => untouched(fuseNorm, opset, make));
});

const softmax = (b: Build, x: Value, maxAxis: number, sumAxis = maxAxis): Value => {
  const a = axes(b, maxAxis);
  const e = b.op("Exp", [b.op("Sub", [x, b.op("ReduceMax", [x, ...a.inputs], a.attributes)])]);
  return b.op("Div", [e, b.op("ReduceSum", [e, b.ints(sumAxis)])]);
};

describe("fuse-softmax", () => {
  test.each<[string, number, number]>([["the last axis", 18, -1], ["an inner axis", 18, 1], ["an axis attribute", 13, 2]])("recognises %s", async (_name, opset, axis) => {
    expect(await run(fuseSoftmax, opset, (b, x) => softmax(b, x, axis))).toEqual(["Softmax"]);
  });
  test("leaves a sum over another axis than the maximum", async () => untouched(fuseSoftmax, 18, (b, x) => softmax(b, x, 1, 2)));
  test("leaves a division by another sum", async () => untouched(fuseSoftmax, 18, (b, x) => {
    const e = b.op("Exp", [b.op("Sub", [x, b.op("ReduceMax", [x, b.ints(-1)])])]);
    return b.op("Div", [e, b.op("ReduceSum", [b.op("Exp", [x]), b.ints(-1)])]);
  }));
});

const relu6: Make = (b, x) => (b.model.opset < 11 ? b.op("Clip", [b.op("Add", [x, b.scalar(3)])], { min: attr.float(0), max: attr.float(6) }) : b.op("Clip", [b.op("Add", [x, b.scalar(3)]), b.scalar(0), b.scalar(6)]));

describe("fuse-hard-swish and fuse-swish", () => {
  test.each<[string, number, Make, string[]]>([
    ["x * clip(x + 3) / 6", 14, (b, x) => b.op("Div", [b.op("Mul", [x, relu6(b, x)]), b.scalar(6)]), ["HardSwish"]],
    ["x * (clip(x + 3) * 1/6)", 18, (b, x) => b.op("Mul", [x, b.op("Mul", [relu6(b, x), b.scalar(1 / 6)])]), ["HardSwish"]],
    ["x * HardSigmoid", 14, (b, x) => b.op("Mul", [x, b.op("HardSigmoid", [x], { alpha: attr.float(1 / 6), beta: attr.float(0.5) })]), ["HardSwish"]],
    ["HardSwish before opset 14", 9, (b, x) => b.op("Div", [b.op("Mul", [x, relu6(b, x)]), b.scalar(6)]), ["HardSigmoid", "Mul"]],
    ["HardSigmoid", 9, (b, x) => b.op("Div", [relu6(b, x), b.scalar(6)]), ["HardSigmoid"]],
  ])("recognises %s", async (_name, opset, make, expected) => expect(await run(fuseHardSwish, opset, make)).toEqual(expected));

  test("recognises x * sigmoid(x) from opset 24 on", async () => expect(await run(fuseSwish, 24, (b, x) => b.op("Mul", [b.op("Sigmoid", [x]), x]))).toEqual(["Swish"]));

  test.each<[string, number, Make]>([
    ["x * sigmoid(x) before opset 24", 23, (b, x) => b.op("Mul", [b.op("Sigmoid", [x]), x])],
    ["another slope", 14, (b, x) => b.op("Mul", [x, b.op("HardSigmoid", [x])])],
    ["another offset", 14, (b, x) => b.op("Div", [b.op("Mul", [x, b.op("Clip", [b.op("Add", [x, b.scalar(2)]), b.scalar(0), b.scalar(6)])]), b.scalar(6)])],
    ["sigmoid of something else", 24, (b, x) => b.op("Mul", [b.op("Sigmoid", [b.op("Abs", [x])]), x])],
  ])("leaves %s", async (_name, opset, make) => {
    await untouched(fuseSwish, opset, make);
    await untouched(fuseHardSwish, opset, make);
  });
});

describe("fuse-attention", () => {
  const heads = (b: Build, name: string, length = 5, size = 8): Value => b.typed(b.op("Neg", [b.input(name, [2, 3, length, size])]), [2, 3, length, size]);
  const turned = (b: Build, k: Value, perm = [0, 1, 3, 2], shape = [2, 3, 8, 6]): Value => b.typed(b.op("Transpose", [k], { perm: attr.ints(perm) }), shape);
  const attend = (b: Build, scores: Value, v: Value): Value => b.op("MatMul", [b.op("Softmax", [scores], { axis: attr.int(-1) }), v]);

  test.each<[string, (b: Build) => Value, string[]]>([
    ["divided scores", (b) => attend(b, b.op("Div", [b.op("MatMul", [heads(b, "q"), turned(b, heads(b, "k", 6))]), b.scalar(Math.sqrt(8))]), heads(b, "v", 6)), ["Neg", "Neg", "Neg", "Attention"]],
    ["scaled queries and keys", (b) => attend(b, b.op("MatMul", [b.op("Mul", [heads(b, "q"), b.scalar(0.6)]), b.op("Mul", [turned(b, heads(b, "k", 6)), b.scalar(0.6)])]), heads(b, "v", 6, 4)), ["Neg", "Neg", "Neg", "Attention"]],
    ["a mask", (b) => attend(b, b.op("Add", [b.op("Mul", [b.op("MatMul", [heads(b, "q"), turned(b, heads(b, "k", 6))]), b.scalar(0.3)]), b.weight([5, 6])]), heads(b, "v", 6)), ["Neg", "Neg", "Neg", "Attention"]],
    ["keys that come in another order", (b) => {
      const k = b.typed(b.op("Neg", [b.input("k", [2, 6, 3, 8])]), [2, 6, 3, 8]);
      return attend(b, b.op("MatMul", [heads(b, "q"), turned(b, k, [0, 2, 3, 1])]), heads(b, "v", 6));
    }, ["Neg", "Neg", "Neg", "Transpose", "Attention"]],
  ])("recognises %s", async (_name, make, expected) => {
    for (const opset of [23, 24]) {
      const b = new Build(opset);
      b.output(make(b));
      expect(opsOf((await applied(fuseAttention, b, { tolerance: 2e-6 })).model).sort()).toEqual([...expected].sort());
    }
  });

  test.each<[string, number, (b: Build) => Value]>([
    ["below opset 23", 22, (b) => attend(b, b.op("MatMul", [heads(b, "q"), turned(b, heads(b, "k", 6))]), heads(b, "v", 6))],
    ["a softmax over the queries", 23, (b) => b.op("MatMul", [b.op("Softmax", [b.op("MatMul", [heads(b, "q"), turned(b, heads(b, "k", 6))])], { axis: attr.int(2) }), heads(b, "v", 6)])],
    ["a mask that broadcasts over keys", 23, (b) => attend(b, b.op("Add", [b.op("MatMul", [heads(b, "q"), turned(b, heads(b, "k", 6))]), b.weight([5, 1])]), heads(b, "v", 6))],
    ["weights that are read elsewhere", 23, (b) => { const s = b.op("Softmax", [b.op("MatMul", [heads(b, "q"), turned(b, heads(b, "k", 6))])]); b.output(s); return b.op("MatMul", [s, heads(b, "v", 6)]); }],
  ])("leaves %s", async (_name, opset, make) => {
    const b = new Build(opset);
    await expectUntouched(fuseAttention, b.output(make(b)));
  });
});

describe("to-gemm", () => {
  const matrix = (b: Build): Value => b.op("Relu", [b.typed(b.input("m", [3, 5]), [3, 5])]);
  const typed = (b: Build, v: Value): Value => b.typed(v, [3, 5]);
  test.each<[string, (b: Build) => Value, string[]]>([
    ["MatMul and Add", (b) => b.op("Add", [b.op("MatMul", [typed(b, matrix(b)), b.weight([5, 4])]), b.weight([4])]), ["Relu", "Gemm"]],
    ["a bias in front, per row", (b) => b.op("Add", [b.weight([3, 1]), b.op("MatMul", [typed(b, matrix(b)), b.weight([5, 4])])]), ["Relu", "Gemm"]],
    ["Transpose in front of Gemm", (b) => b.op("Gemm", [b.op("Transpose", [b.weight([5, 3])], { perm: attr.ints([1, 0]) }), b.op("Transpose", [b.weight([4, 5])], { perm: attr.ints([1, 0]) })], { transB: attr.int(0) }), ["Gemm"]],
  ])("%s", async (_name, make, expected) => {
    const b = new Build();
    b.output(make(b));
    expect(opsOf((await applied(toGemm, b)).model)).toEqual(expected);
  });

  test.each<[string, (b: Build) => Value]>([
    ["batched products", (b) => b.op("Add", [b.op("MatMul", [b.input("m", [2, 3, 5]), b.weight([5, 4])]), b.weight([4])])],
    ["a bias that makes the result larger", (b) => b.op("Add", [b.op("MatMul", [b.input("m", [1, 5]), b.weight([5, 4])]), b.weight([3, 4])])],
    ["a bias of higher rank", (b) => b.op("Add", [b.op("MatMul", [b.input("m", [3, 5]), b.weight([5, 4])]), b.weight([1, 3, 4])])],
    ["quantized operands", (b) => b.op("Add", [b.op("MatMul", [b.input("m", [3, 5]), b.typed(b.op("DequantizeLinear", [b.constant("int8", [5, 1], [1, 2, 3, 4, 5]), b.scalar(0.5), b.constant("int8", [], [0])]), [5, 1])]), b.weight([1])])],
    ["a product that is read elsewhere", (b) => { const p = b.op("MatMul", [b.input("m", [3, 5]), b.weight([5, 4])]); b.output(p); return b.op("Add", [p, b.weight([4])]); }],
    ["integers", (b) => b.op("Add", [b.op("MatMul", [b.input("m", [3, 2], "int32"), b.constant("int32", [2, 2], [1, 2, 3, 4])]), b.constant("int32", [2], [1, 2])])],
  ])("leaves %s", async (_name, make) => {
    const b = new Build();
    await expectUntouched(toGemm, b.output(make(b)));
  });
});

describe("fold-pad", () => {
  const img = [1, 2, 6, 6];
  const pads = (b: Build, ...list: number[]) => b.ints(0, 0, list[0]!, list[1]!, 0, 0, list[2]!, list[3]!);
  const pool = (b: Build, op: string, x: Value, extra = {}) => b.op(op, [x], { kernel_shape: attr.ints([3, 3]), strides: attr.ints([2, 2]), ...extra });
  const padded = (b: Build, x: Value, value?: number) => b.op("Pad", [x, pads(b, 1, 0, 1, 2), ...(value === undefined ? [] : [b.scalar(value)])]);
  const conv = (b: Build, x: Value, extra = {}) => b.op("Conv", [x, b.weight([3, 2, 3, 3])], extra);

  test.each<[string, number, Make, string[]]>([
    ["Conv", 21, (b, x) => conv(b, padded(b, x)), ["Conv"]],
    ["Conv that pads already", 21, (b, x) => conv(b, padded(b, x, 0), { pads: attr.ints([1, 1, 1, 1]) }), ["Conv"]],
    ["Conv with VALID padding", 21, (b, x) => conv(b, padded(b, x), { auto_pad: attr.string("VALID") }), ["Conv"]],
    ["Conv of opset 9", 9, (b, x) => conv(b, b.op("Pad", [x], { pads: attr.ints([0, 0, 1, 1, 0, 0, 0, 2]) })), ["Conv"]],
    ["Conv, padded along named axes", 21, (b, x) => conv(b, b.op("Pad", [x, b.ints(1, 2), null, b.ints(-1)])), ["Conv"]],
    ["MaxPool by minus infinity", 21, (b, x) => pool(b, "MaxPool", padded(b, x, -Infinity)), ["MaxPool"]],
    ["MaxPool by zero behind Relu", 21, (b, x) => pool(b, "MaxPool", padded(b, b.op("Relu", [x]))), ["Relu", "MaxPool"]],
    ["AveragePool", 21, (b, x) => pool(b, "AveragePool", padded(b, x)), ["AveragePool"]],
    ["AveragePool that counts its padding", 21, (b, x) => pool(b, "AveragePool", padded(b, x), { pads: attr.ints([1, 0, 0, 0]), count_include_pad: attr.int(1) }), ["AveragePool"]],
  ])("into %s", async (_name, opset, make, expected) => {
    const b = new Build(opset);
    b.output(make(b, b.input("x", img)));
    expect(opsOf((await applied(foldPad, b)).model)).toEqual(expected);
  });

  test.each<[string, Make]>([
    ["zeros in front of MaxPool: its own padding never wins, zeros do", (b, x) => pool(b, "MaxPool", padded(b, x))],
    ["zeros in front of a dilated MaxPool", (b, x) => pool(b, "MaxPool", padded(b, b.op("Relu", [x])), { dilations: attr.ints([2, 2]) })],
    ["the lowest number in front of MaxPool", (b, x) => pool(b, "MaxPool", padded(b, x, -3e38))],
    ["in front of AveragePool that does not count its padding", (b, x) => pool(b, "AveragePool", padded(b, x), { pads: attr.ints([1, 0, 0, 0]) })],
    ["in front of AveragePool with partial windows", (b, x) => pool(b, "AveragePool", padded(b, x), { ceil_mode: attr.int(1) })],
    ["a value other than zero", (b, x) => conv(b, padded(b, x, 0.5))],
    ["reflection", (b, x) => conv(b, b.op("Pad", [x, pads(b, 1, 1, 1, 1)], { mode: attr.string("reflect") }))],
    ["cropping", (b, x) => conv(b, b.op("Pad", [x, pads(b, -1, 0, 0, 0)]))],
    ["padded channels", (b, x) => b.op("Conv", [b.op("Pad", [x, b.ints(0, 1, 0, 0, 0, 0, 0, 0)]), b.weight([2, 3, 3, 3])])],
    ["SAME padding", (b, x) => conv(b, padded(b, x), { auto_pad: attr.string("SAME_UPPER") })],
    ["pads as wide as the window", (b, x) => pool(b, "AveragePool", b.op("Pad", [x, pads(b, 3, 0, 0, 0)]))],
  ])("leaves %s", async (_name, make) => {
    const b = new Build();
    await expectUntouched(foldPad, b.output(make(b, b.input("x", img))));
  });

  test("leaves AveragePool of opset 6, which cannot count its padding", async () => {
    const b = new Build(6);
    const wider = b.op("Pad", [b.input("x", img)], { pads: attr.ints([0, 0, 1, 1, 0, 0, 1, 2]) });
    await expectUntouched(foldPad, b.output(pool(b, "AveragePool", wider)));
  });
});
