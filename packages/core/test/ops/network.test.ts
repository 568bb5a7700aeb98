/** Shape and cost rules of network layers: against ONNX Runtime's results, and in tables. */
import { describe, expect, test } from "vitest";
import { attr, inferShapes, opTable, standardOps, typeToString, type CostContext, type OpDef, type Shape } from "@lathe/core";
import fc from "fast-check";
import { build, constant as k, f, fed, ints, row, runCase, weight, type OpCase } from "./harness.ts";
import { networkCases } from "./network-cases.ts";

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
  test.each(networkCases.map((c) => [`${c.domain ?? ""} ${c.note}`.trim(), c] as const))("%s", async (_, c) => {
    const results = await runCase(c);
    const wanted = results.map((t) => typeToString({ kind: "tensor", dtype: t.dtype, shape: t.dims }));
    const known = inferred(c);
    if (c.op === "Unique") expect(known.map((t) => t.replace(/\[.*/, ""))).toEqual(wanted.map((t) => t.replace(/\[.*/, "")));
    else expect(known).toEqual(wanted);
  });
});

test("convolution lengths equal those of ONNX Runtime for any stride, dilation and padding", async () => {
  const settings = fc.record({
    length: fc.integer({ min: 1, max: 12 }), kernel: fc.integer({ min: 1, max: 4 }), stride: fc.integer({ min: 1, max: 4 }), dilation: fc.integer({ min: 1, max: 3 }),
    pads: fc.tuple(fc.nat(2), fc.nat(2)), ceil: fc.boolean(), op: fc.constantFrom("Conv", "MaxPool", "ConvTranspose"),
  });
  await fc.assert(fc.asyncProperty(settings, async ({ length, kernel, stride, dilation, pads, ceil, op }) => {
    const reach = (kernel - 1) * dilation + 1;
    fc.pre(op === "ConvTranspose" ? stride * (length - 1) + reach > pads[0] + pads[1] : length + pads[0] + pads[1] >= reach && pads[0] < kernel && pads[1] < kernel);
    const common = { strides: [stride], dilations: [dilation], pads: [...pads] };
    const c = op === "MaxPool" ? row(op, [f(1, 1, length)], { ...common, kernel_shape: [kernel], ceil_mode: Number(ceil) }) : row(op, [f(1, 1, length), weight(1, 1, kernel)], common);
    const [y] = await runCase(c);
    expect(inferred(c)).toEqual([`float32[${y!.dims.join(",")}]`]);
  }), { numRuns: 150 });
});

describe("symbolic shapes", () => {
  const image = ["N", 3, "H", "W"] as const;
  test.each<readonly [string, OpCase, readonly (Shape | undefined)[], readonly string[]]>([
    ["Conv, stride 2", row("Conv", [f(1, 3, 4, 4), weight(8, 3, 3, 3)], { pads: [1, 1, 1, 1], strides: [2, 2] }), [image], ["float32[N,8,floor((H + 1)/2),floor((W + 1)/2)]"]],
    ["Conv that keeps its size", row("Conv", [f(1, 3, 4, 4), weight(8, 3, 3, 3)], { pads: [1, 1, 1, 1] }), [image], ["float32[N,8,H,W]"]],
    ["Conv SAME_UPPER", row("Conv", [f(1, 3, 4, 4), weight(8, 3, 3, 3)], { auto_pad: "SAME_UPPER", strides: [2, 1] }), [image], ["float32[N,8,floor((H + 1)/2),W]"]],
    ["ConvTranspose doubles", row("ConvTranspose", [f(1, 3, 4, 4), weight(3, 2, 2, 2)], { strides: [2, 2] }), [image], ["float32[N,2,2*H,2*W]"]],
    ["MaxPool with ceil_mode", row("MaxPool", [f(1, 3, 4, 4)], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }), [image], ["float32[N,3,floor((H + 1)/2),floor((W + 1)/2)]"]],
    ["GlobalAveragePool", row("GlobalAveragePool", [f(1, 3, 4, 4)]), [image], ["float32[N,3,1,1]"]],
    ["MatMul with broadcast batch", row("MatMul", [f(1, 1, 2, 3), f(3, 4)]), [["N", "T", 2, 3], [3, 4]], ["float32[N,T,2,4]"]],
    ["Gemm", row("Gemm", [f(1, 3), weight(3, 4)]), [["N", 3]], ["float32[N,4]"]],
    ["Einsum with an ellipsis", row("Einsum", [f(1, 2, 3), f(3, 4)], { equation: "...k,kn->...n" }), [["N", "T", 3], [3, 4]], ["float32[N,T,4]"]],
    ["LSTM", row("LSTM", [f(5, 1, 3), weight(1, 16, 3), weight(1, 16, 4)], { hidden_size: 4 }, { outputs: 3 }), [["T", "N", 3]], ["float32[T,1,N,4]", "float32[1,N,4]", "float32[1,N,4]"]],
    ["LSTM, batch first", row("LSTM", [f(1, 5, 3), weight(1, 16, 3), weight(1, 16, 4)], { hidden_size: 4, layout: 1 }, { outputs: 2 }), [["N", "T", 3]], ["float32[N,T,1,4]", "float32[N,1,4]"]],
    ["Resize by a fraction", row("Resize", [f(1, 3, 4, 4), null, k("float32", [1, 1, 2, 0.5])]), [image], ["float32[N,3,2*H,floor(W/2)]"]],
    ["Attention with a cache", row("Attention", [f(1, 2, 3, 4), f(1, 2, 3, 4), f(1, 2, 3, 4), null, f(1, 2, 5, 4), f(1, 2, 5, 4)], {}, { opset: 23, outputs: 2 }), [["N", 2, "S", 4], ["N", 2, "S", 4], ["N", 2, "S", 4], undefined, ["N", 2, "P", 4]], ["float32[N,2,S,4]", "float32[N,2,P + S,4]"]],
    ["QuantizeLinear", row("QuantizeLinear", [f(1, 3), k("float32", [1], []), k("int8", [0], [])]), [["N", 3]], ["int8[N,3]"]],
    ["MatMulNBits", row("MatMulNBits", [f(1, 1, 32), k("uint8", new Array<number>(128).fill(0), [8, 2, 8]), weight(16)], { K: 32, N: 8, bits: 4, block_size: 16 }, { domain: "com.microsoft" }), [["N", "T", 32]], ["float32[N,T,8]"]],
    ["loss", row("SoftmaxCrossEntropyLoss", [f(1, 3), fed("int64", [0])], { reduction: "none" }), [["N", 3], ["N"]], ["float32[N]"]],
  ])("%s", (_, c, shapes, wanted) => expect(inferred(c, shapes)).toEqual(wanted));
});

describe("contradictions are named", () => {
  test.each<readonly [OpCase, RegExp]>([
    [row("Conv", [f(1, 4, 5, 5), weight(2, 3, 3, 3)]), /expects 3 input channels .* but 4 came/],
    [row("Conv", [f(1, 3, 5), weight(2, 3, 3, 3)]), /data and filter of one rank/],
    [row("Conv", [f(1, 3, 5, 5), weight(2, 3, 3, 3)], { strides: [2] }), /expects 2 strides for 2 spatial axes, but 1 came/],
    [row("MaxPool", [f(1, 3, 5, 5)], { kernel_shape: [2] }), /expects a kernel of 2 axes/],
    [row("MatMul", [f(2, 3), weight(4, 5)]), /equal inner lengths, but 3 and 4 came/],
    [row("Gemm", [f(2, 3), weight(3, 4)], { transA: 1 }), /equal inner lengths, but 2 and 3 came/],
    [row("Gemm", [f(1, 2, 3), weight(3, 4)]), /expects matrices/],
    [row("Einsum", [f(2, 3), f(4, 5)], { equation: "ij,jk->ik" }), /one length of "j", but 3 and 4 came/],
    [row("LSTM", [f(2, 3), weight(1, 16, 3), weight(1, 16, 4)]), /data of rank 3/],
    [row("Resize", [f(1, 2, 3, 5), null, k("float32", [2, 2])]), /expects 4 scales, but 2 came/],
    [row("Attention", [f(1, 3, 8), f(1, 3, 8), f(1, 3, 8)], {}, { opset: 23 }), /expects q_num_heads/],
  ])("$note", (c, message) => expect(inferred(c).join(" ")).toMatch(message));
});

describe("cost", () => {
  const costOf = (c: OpCase): { macs: number; elementOps?: number } | undefined => {
    const { model, node } = build(c);
    inferShapes(model);
    const context: CostContext = {
      node,
      shape: (i) => c.inputs[i]?.tensor.dims,
      outShape: (i) => node.output(i)?.shape as readonly number[] | undefined,
      dtype: (i) => c.inputs[i]?.tensor.dtype,
      constant: (i) => (c.inputs[i]?.constant ? c.inputs[i].tensor : undefined),
    };
    return standardOps.of(node)?.cost?.(context);
  };
  test.each<readonly [OpCase, number]>([
    [row("Conv", [f(1, 3, 8, 8), weight(16, 3, 3, 3)], { pads: [1, 1, 1, 1] }), 16 * 64 * 27],
    [row("Conv", [f(1, 8, 8, 8), weight(8, 1, 3, 3)], { group: 8 }), 8 * 36 * 9],
    [row("ConvTranspose", [f(1, 3, 4, 4), weight(3, 2, 2, 2)], { strides: [2, 2] }), 3 * 16 * 2 * 4],
    [row("MatMul", [f(2, 5, 3), weight(3, 4)]), 2 * 5 * 3 * 4],
    [row("Gemm", [f(3, 2), weight(4, 3)], { transA: 1, transB: 1 }), 2 * 3 * 4],
    [row("Einsum", [f(2, 3), f(3, 4)], { equation: "ij,jk->ik" }), 24],
    [row("LSTM", [f(5, 2, 3), weight(1, 16, 3), weight(1, 16, 4)], { hidden_size: 4 }), 5 * 2 * 4 * 4 * (3 + 4)],
    [row("Attention", [f(1, 2, 3, 4), f(1, 2, 5, 4), f(1, 2, 5, 4)], {}, { opset: 23 }), 2 * 3 * 5 * 8],
    [row("Relu", [f(2, 3)]), 0],
    [row("MatMulNBits", [f(2, 32), k("uint8", new Array<number>(128).fill(0), [8, 2, 8]), weight(16)], { K: 32, N: 8, bits: 4, block_size: 16 }, { domain: "com.microsoft" }), 2 * 32 * 8],
  ])("$note", (c, macs) => expect(costOf(c)?.macs).toBe(macs));

  test("pools and normalizations count element operations", () => {
    expect(costOf(row("MaxPool", [f(1, 2, 4, 4)], { kernel_shape: [2, 2], strides: [2, 2] }))).toEqual({ macs: 0, elementOps: 8 * 4 });
    expect(costOf(row("BatchNormalization", [f(2, 3), weight(3), weight(3), weight(3), weight(3)]))).toEqual({ macs: 0, elementOps: 12 });
    expect(costOf(row("Resize", [f(1, 1, 2, 2), null, null, ints(1, 1, 4, 4)], { mode: "linear" }))?.elementOps).toBe(7 * 16);
    expect(costOf(row("Softmax", [f(2, 3)], { axis: 1, alpha: attr.float(1) }))?.macs).toBe(0);
  });
});
