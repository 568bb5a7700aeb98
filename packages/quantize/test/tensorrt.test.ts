/** Where TensorRT wants Q and DQ: at the operands of layers that gain, and nowhere else. */
import { describe, expect, it } from "vitest";
import { Tensor, attr, tensorType, type Attribute, type Feeds, type Model, type Node, type Value } from "@lathe/core";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { quantizeStatic, type StaticOptionsInput, type StaticResult } from "@lathe/quantize";
import { LayerBuilder, tinyTransformer } from "@lathe/testkit";

const runtime = ortRuntime();

const quantize = (model: Model, options: StaticOptionsInput = {}, data: Feeds[] = [0, 1].map((seed) => randomFeeds(model, { seed, unbound: 4 }))): Promise<StaticResult> =>
  quantizeStatic(model, { target: "tensorrt", simplify: false, ...options }, { runtime, data });

/** "Conv: dq dq -; Relu: Conv; ..." : what each operator reads, weights and biases by "-", quantizers left out. */
const reads = ({ model }: StaticResult): Record<string, string> =>
  Object.fromEntries([...model.graph.nodes].filter((n) => !n.is("QuantizeLinear") && !n.is("DequantizeLinear")).map((n) => [n.name, n.inputs.map((v) => origin(v)).join(" ")]));
const origin = (value: Value | null): string => (!value ? "none" : value.producer?.is("DequantizeLinear") ? "dq" : value.constant ? "-" : "float");

class Net extends LayerBuilder {
  constructor() {
    super(0, 17);
  }

  conv(x: Value, to: number, from: number, attributes: Record<string, Attribute> = {}, kernel = [1, 1]): Value {
    const own = from / Number(attributes.group?.value ?? 1);
    return this.node("Conv", [x, this.weight("w", [to, own, ...kernel], own), this.uniform("b", [to], -0.1, 0.1)], attributes);
  }

  image(channels = 16, size = 4): Value {
    return this.graph.addInput("x", tensorType("float32", ["N", channels, size, size]));
  }
}

it("quantizes operands, and leaves outputs, biases and other readers in float", async () => {
  const net = new Net();
  const a = net.node("Relu", [net.conv(net.image(), 16, 16)]);
  const b = net.conv(a, 16, 16);
  const y = net.node("Mul", [b, net.node("Sigmoid", [a])]);
  const made = await quantize(net.finish(y, "y"));
  expect(reads(made)).toEqual({ Conv: "dq dq -", Relu: "float", Conv_2: "dq dq -", Sigmoid: "float", Mul: "float float" });
  expect(made.report).toMatchObject({ activations: 2, weights: 2, biases: 0 });
});

it("writes one pair for all layers that read a tensor, always with an int8 zero point of 0", async () => {
  const net = new Net();
  const x = net.image();
  const { model } = await quantize(net.finish(net.node("Mul", [net.conv(x, 16, 16), net.conv(x, 16, 16)]), "y"));
  const quantizers = [...model.graph.nodes].filter((n) => n.is("QuantizeLinear"));
  expect(quantizers).toHaveLength(1);
  expect(quantizers[0]!.out.useCount).toBe(1);
  for (const node of model.graph.nodes) {
    if (!node.is("QuantizeLinear") && !node.is("DequantizeLinear")) continue;
    expect(node.input(2)!.constant!.dtype).toBe("int8");
    expect(node.input(2)!.constant!.toNumbers().every((z) => z === 0)).toBe(true);
    expect(node.input(1)!.constant!.dims.length === 1).toBe(node.int("axis") !== undefined);
  }
});

describe("a weight that several layers read", () => {
  const shared = (build: (net: Net, x: Value, w: Value) => Value): Model => {
    const net = new Net();
    const x = net.graph.addInput("x", tensorType("float32", [4, 32]));
    return net.finish(build(net, x, net.weight("w", [32, 32], 32)), "y");
  };

  it("stays float for those that stay float", async () => {
    const made = await quantize(shared((net, x, w) => net.node("Mul", [net.node("MatMul", [x, w]), net.node("ReduceMean", [w], { keepdims: attr.int(0) })])));
    expect(reads(made)).toEqual({ MatMul: "dq dq", ReduceMean: "-", Mul: "float float" });
  });

  it("has one axis: a layer that counts outputs along another stays float", async () => {
    const made = await quantize(shared((net, x, w) => net.node("Gemm", [net.node("MatMul", [x, w]), w], { transB: attr.int(1) })));
    expect(reads(made)).toEqual({ MatMul: "dq dq", Gemm: "float -" });
    expect(made.declined).toEqual([{ node: "Gemm", reason: "a layer that counts its outputs along another axis shares its weight" }]);
  });
});

describe("a residual Add reads the skip branch quantized", () => {
  it("when the skip is a tensor of before", async () => {
    const net = new Net();
    const x = net.node("Relu", [net.conv(net.image(), 16, 16)]);
    const y = net.node("Add", [x, net.conv(net.node("Relu", [net.conv(x, 16, 16)]), 16, 16)]);
    expect(reads(await quantize(net.finish(y, "y")))).toMatchObject({ Add: "dq float" });
  });

  it("when the skip is a shorter path with a layer of its own", async () => {
    const net = new Net();
    const x = net.image();
    const main = net.conv(net.node("Relu", [net.conv(x, 16, 16)]), 16, 16);
    expect(reads(await quantize(net.finish(net.node("Add", [main, net.conv(x, 16, 16)]), "y")))).toMatchObject({ Add: "float dq" });
  });

  it("also behind the layer's bias", async () => {
    const net = new Net();
    const x = net.graph.addInput("x", tensorType("float32", ["N", 4, 16]));
    const product = net.node("MatMul", [x, net.weight("w", [16, 16], 16)]);
    const y = net.node("Add", [net.node("Add", [product, net.uniform("b", [16], -1, 1)]), x]);
    expect(reads(await quantize(net.finish(y, "y")))).toMatchObject({ MatMul: "dq dq", Add: "float -", Add_2: "float dq" });
  });

  it.each<[string, (net: Net, x: Value) => Value]>([
    ["no quantized layer makes an input", (net, x) => net.node("Mul", [net.node("Add", [net.node("Relu", [x]), net.node("Neg", [x])]), net.conv(x, 16, 16)])],
    ["the layer has other readers", (net, x) => {
      const c = net.conv(x, 16, 16);
      return net.node("Mul", [net.node("Add", [c, x]), c]);
    }],
  ])("not when %s", async (_, build) => {
    const net = new Net();
    expect(reads(await quantize(net.finish(build(net, net.image()), "y")))).toMatchObject({ Add: "float float" });
  });
});

describe("Concat", () => {
  /** Two branches of very different range, joined and read by a layer; `again` joins the result once more. */
  const joined = (again: boolean): Model => {
    const net = new Net();
    const x = net.image();
    const loud = net.node("Mul", [x, net.scalar("ten", 10)]);
    let cat = net.node("Concat", [x, loud], { axis: attr.int(1) });
    if (again) cat = net.node("Concat", [cat, net.node("Mul", [x, net.scalar("thirty", 30)])], { axis: attr.int(1) });
    return net.finish(net.conv(cat, 16, again ? 48 : 32), "y");
  };
  const scalesAround = ({ model }: StaticResult): Set<number> => {
    const around = [...model.graph.nodes].filter((n) => n.is("Concat")).flatMap((n) => [...n.inputs.map((v) => v!.producer!), ...n.out.consumers.filter((c) => c.is("QuantizeLinear"))]);
    return new Set(around.map((n) => n.input(1)!.constant!.toNumbers()[0]!));
  };

  it.each([[false, 10], [true, 30]])("has one scale around it, of the widest range (joined again: %s)", async (again, factor) => {
    const model = joined(again);
    const data = [{ x: Tensor.from("float32", [1, 16, 4, 4], Float32Array.from({ length: 256 }, (_, i) => (i - 128) / 128)) }];
    const made = await quantize(model, {}, data);
    expect([...scalesAround(made)].map((s) => s * 127)).toEqual([expect.closeTo(factor, 4)]);
    expect(reads(made)).toMatchObject({ Concat: "dq dq", ...(again ? { Concat_2: "dq dq" } : {}) });
  });

  it("stays float when no layer reads its result", async () => {
    const net = new Net();
    const x = net.image();
    expect(reads(await quantize(net.finish(net.node("Concat", [net.conv(x, 16, 16), x], { axis: attr.int(1) }), "y")))).toMatchObject({ Concat: "float float" });
  });
});

describe("layers that gain nothing stay float, with the reason", () => {
  const conv = (from: number, to: number, kernel: number[], group = 1, behind = false) => (): Model => {
    const net = new Net();
    const x = net.image(from, 8);
    const wide = net.conv(x, 32, from, {}, [1, 1]);
    const y = net.conv(behind ? net.node("Relu", [x]) : x, to, from, { group: attr.int(group) }, kernel);
    return net.finish(net.node("Mul", [net.node("ReduceMean", [wide]), y]), "y");
  };
  const product = (rows: (number | string)[], k: number, n: number, transB = false) => (): Model => {
    const net = new Net();
    const x = net.graph.addInput("x", tensorType("float32", [...rows, k]));
    const weight = net.weight("w", transB ? [n, k] : [k, n], k);
    const y = transB ? net.node("Gemm", [x, weight], { transB: attr.int(1) }) : net.node("MatMul", [x, weight]);
    const c = net.graph.addInput("c", tensorType("float32", [4, 32]));
    return net.finish(net.node("Mul", [y, net.node("ReduceMean", [net.node("MatMul", [c, net.weight("v", [32, 32], 32)])])]), "y");
  };
  const kept = async (build: () => Model, options: StaticOptionsInput = {}): Promise<string[]> => (await quantize(build(), options)).declined.map((d) => d.reason);

  it.each<[string, () => Model, string | undefined]>([
    ["wide enough", conv(16, 16, [3, 3]), undefined],
    ["first layer with aligned outputs", conv(3, 8, [3, 3]), undefined],
    ["later layer of 3 channels and 8 outputs", conv(3, 8, [3, 3], 1, true), "it is too narrow for tensor cores: 3 channels in, 8 out"],
    ["one side wide", conv(8, 32, [3, 3], 1, true), undefined],
    ["a window that is not square", conv(8, 32, [1, 3], 1, true), "it is too narrow for tensor cores: 8 channels in, 32 out"],
    ["depthwise 3x3", conv(16, 16, [3, 3], 16), undefined],
    ["depthwise 1x1", conv(16, 16, [1, 1], 16), "grouped int8 kernels need windows of 3 and a multiple of 8 channels; it has 1x1 and 16"],
    ["matrix", product(["N", 4], 16, 16), undefined],
    ["matrix, transposed", product(["N"], 64, 16, true), undefined],
    ["few outputs", product(["N"], 64, 10, true), "it is too narrow for tensor cores: 64 inputs, 10 outputs"],
    ["few inputs", product(["N"], 8, 32), "it is too narrow for tensor cores: 8 inputs, 32 outputs"],
    ["one row", product([1, 1], 32, 32), "it multiplies a vector"],
    ["one column", product(["N"], 32, 1), "it multiplies a vector"],
  ])("%s", async (_, build, reason) => {
    expect(await kept(build)).toEqual(reason === undefined ? [] : [reason]);
  });

  it.each<[string, () => Model, string]>([
    ["16 channels", conv(32, 16, [3, 3]), "float8 kernels need more than 16 channels, and it has 32 in, 16 out"],
    ["a window of 49", conv(32, 64, [7, 7]), "float8 kernels end at 32 taps, and it has 49"],
  ])("float8: %s", async (_, build, reason) => {
    expect(await kept(build, { activationType: "float8e4m3fn", weightType: "float8e4m3fn" })).toContain(reason);
  });
});

it("says why nothing is left to quantize", async () => {
  const net = new Net();
  await expect(quantize(net.finish(net.conv(net.node("Relu", [net.image(3)]), 8, 3), "y"))).rejects.toThrow('looked for Conv, ConvTranspose, MatMul, Gemm, Add, Concat; "Conv" stays float: it is too narrow for tensor cores: 3 channels in, 8 out)');
});

it("quantizes the linear layers of a transformer, and neither its attention nor what normalises", async () => {
  const model = tinyTransformer({ width: 32 });
  const made = await quantize(model);
  const byOp = (op: string): string[] => [...made.model.graph.nodes].filter((n: Node) => n.is(op)).map((n) => n.inputs.map(origin).join(" "));
  expect(byOp("MatMul").filter((r) => r === "dq dq")).toHaveLength(6);
  expect(byOp("MatMul").filter((r) => r === "float float")).toHaveLength(2);
  for (const op of ["Softmax", "LayerNormalization", "Erf"]) expect(byOp(op).join(" ")).not.toContain("dq");
});
