/** Rewrites for ONNX Runtime's CPU kernels: they change no result, and the engine then runs what they are for. */
import { describe, expect, test } from "vitest";
import { Model, Tensor, attr, random, tensorType, verify, type Feeds, type Graph, type Value } from "@lathe/core";
import { compare, optimizedGraph, ortRuntime } from "@lathe/ort";
import { quantizeDynamic, quantizeStatic, reductionLayout, type StaticOptionsInput } from "@lathe/quantize";

const runtime = ortRuntime();
const uniform = (seed: string, dims: readonly number[]): Tensor => {
  const r = random(seed);
  return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => r.float() * 2 - 1));
};

interface Stem {
  readonly channels: number;
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly pads: readonly number[];
}

function stemModel({ channels, size, kernel, stride, pads }: Stem): Model {
  const model = new Model({ opset: 17, irVersion: 8 });
  const { graph } = model;
  const x = graph.addInput("image", tensorType("float32", ["N", channels, ...size]));
  const w = graph.addInitializer("w", uniform("w", [16, channels, ...kernel]));
  const b = graph.addInitializer("b", uniform("b", [16]));
  const attributes = { strides: attr.ints([stride, stride]), pads: attr.ints(pads) };
  const y = graph.add({ opType: "Conv", name: "stem", inputs: [x, w, b], outputs: ["y"], attributes }).out;
  const z = graph.add({ opType: "Conv", name: "next", inputs: [y, graph.addInitializer("v", uniform("v", [16, 16, 1, 1]))], outputs: ["z"] }).out;
  z.type = tensorType("float32");
  graph.addOutput(z);
  return model;
}

async function bothWays(model: Model, data: Feeds[], options: StaticOptionsInput = {}): Promise<[Model, Model]> {
  const plain: StaticOptionsInput = { floatTail: false, saturationSafe: false, groupedConv: true, ...options };
  const make = async (target: StaticOptionsInput["target"]): Promise<Model> => (await quantizeStatic(model, { ...plain, target }, { runtime, data })).model;
  // Both targets choose the same types and nodes; only x64 has the kernel.
  return [await make("wasm"), await make("x64-vnni")];
}

const stems: readonly (Stem & { readonly expected: "Pad" | "SpaceToDepth" })[] = [
  { channels: 3, size: [12, 16], kernel: [7, 7], stride: 2, pads: [3, 3, 3, 3], expected: "SpaceToDepth" },
  { channels: 3, size: [12, 16], kernel: [3, 3], stride: 2, pads: [1, 1, 1, 1], expected: "SpaceToDepth" },
  { channels: 3, size: [12, 16], kernel: [3, 3], stride: 2, pads: [0, 0, 1, 1], expected: "SpaceToDepth" },
  { channels: 3, size: [10, 8], kernel: [4, 2], stride: 2, pads: [1, 0, 2, 0], expected: "SpaceToDepth" },
  { channels: 1, size: [12, 16], kernel: [5, 3], stride: 2, pads: [2, 1, 2, 1], expected: "SpaceToDepth" },
  { channels: 3, size: [13, 16], kernel: [3, 3], stride: 2, pads: [1, 1, 1, 1], expected: "Pad" },
  { channels: 3, size: [12, 16], kernel: [3, 3], stride: 1, pads: [1, 1, 1, 1], expected: "Pad" },
  { channels: 1, size: [9, 9], kernel: [5, 5], stride: 1, pads: [0, 0, 0, 0], expected: "Pad" },
  { channels: 6, size: [9, 9], kernel: [3, 3], stride: 3, pads: [0, 1, 0, 1], expected: "Pad" },
];

describe("input channels of the first convolution", () => {
  test.each(stems)("$channels channels, kernel $kernel, stride $stride, pads $pads, size $size: $expected", async ({ expected, ...stem }) => {
    const data = [0, 1, 2].map((i) => ({ image: uniform(`x${i}`, [2, stem.channels, ...stem.size]) }));
    const [plain, tuned] = await bothWays(stemModel(stem), data);
    expect(verify(tuned).filter((issue) => issue.severity === "error")).toEqual([]);
    expect([...tuned.graph.nodes].filter((n) => n.opType === "Pad" || n.opType === "SpaceToDepth").map((n) => n.opType)).toEqual([expected]);
    const { tensors } = await compare(plain, tuned, data, { runtime, optimization: "all" });
    expect(tensors["z"]!.maxAbs).toBe(0);
  });

  test.each(stems)("$channels channels, kernel $kernel, stride $stride, pads $pads: saturation-safe weights are so in their new places", async (stem) => {
    const data = [{ image: uniform("x", [1, stem.channels, ...stem.size]) }];
    // Two neighbours of one sign may add up to 128: a pair beyond that overflows beside activations of 255.
    const worst = async (saturationSafe: boolean): Promise<number> => {
      const { model } = await quantizeStatic(stemModel(stem), { target: "x64", saturationSafe, floatTail: false }, { runtime, data });
      const conv = [...model.graph.nodes].find((n) => n.name === "stem")!;
      const weights = conv.input(1)!.producer!.input(0)!.constant!;
      const codes = weights.data() as Int8Array;
      const { channels, start, orders } = reductionLayout(conv, weights.dims)!;
      const sums = orders.flatMap((order) => Array.from({ length: channels }, (_, c) => Array.from({ length: order.length >> 1 }, (_, k) => {
        const [a, b] = [codes[start(c) + order[2 * k]!]!, codes[start(c) + order[2 * k + 1]!]!];
        return a * b > 0 ? Math.abs(a + b) : 0;
      })));
      return Math.max(...sums.flat());
    };
    expect(await worst(false)).toBeGreaterThan(128);
    expect(await worst(true)).toBeLessThanOrEqual(128);
  });

  test("stay as they are where four divides them, where outputs are few, and for points", async () => {
    for (const [channels, kernel] of [[4, 3], [3, 1]] as const) {
      const stem: Stem = { channels, size: [8, 8], kernel: [kernel, kernel], stride: 1, pads: [0, 0, 0, 0] };
      const [plain, tuned] = await bothWays(stemModel(stem), [{ image: uniform("x", [1, channels, 8, 8]) }]);
      expect([...tuned.graph.nodes]).toHaveLength([...plain.graph.nodes].length);
    }
  });

  test("the engine still fuses the layer, in QOperator form too", async () => {
    const stem: Stem = { channels: 3, size: [12, 12], kernel: [3, 3], stride: 2, pads: [1, 1, 1, 1] };
    for (const format of ["qdq", "qoperator"] as const) {
      const [, tuned] = await bothWays(stemModel(stem), [{ image: uniform("x", [1, 3, 12, 12]) }], { format });
      expect((await optimizedGraph(tuned)).integer.filter((n) => n.op.endsWith("QLinearConv"))).toHaveLength(2);
    }
  });
});

function residual(decomposed: boolean): Model {
  const model = new Model({ opset: 17, irVersion: 8 });
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", [1, 4, 32]));
  const linear = graph.add({ opType: "MatMul", name: "linear", inputs: [x, graph.addInitializer("w", uniform("w", [32, 32]))] }).out;
  const biased = graph.add({ opType: "Add", name: "bias", inputs: [linear, graph.addInitializer("b", uniform("b", [32]))] }).out;
  const sum = graph.add({ opType: "Add", name: "residual", inputs: [biased, x] }).out;
  const y = decomposed ? difference(graph, sum) : graph.add({ opType: "LayerNormalization", name: "norm", inputs: [sum, graph.addInitializer("g", uniform("g", [32])), graph.addInitializer("h", uniform("h", [32]))], outputs: ["y"] }).out;
  y.type = tensorType("float32", [1, 4, 32]);
  graph.addOutput(y);
  return model;
}

function difference(graph: Graph, sum: Value): Value {
  const mean = graph.add({ opType: "ReduceMean", name: "mean", inputs: [sum], attributes: { axes: attr.ints([-1]) } }).out;
  return graph.add({ opType: "Sub", name: "centred", inputs: [sum, mean], outputs: ["y"] }).out;
}

describe("Add before LayerNormalization", () => {
  test.each([false, true])("becomes Sum, with the same values (decomposed: %s)", async (decomposed) => {
    const model = residual(decomposed);
    const feeds = { x: uniform("x", [1, 4, 32]) };
    const [plain, tuned] = [quantizeDynamic(model).model, quantizeDynamic(model, { target: "x64-vnni" }).model];
    expect(verify(tuned).filter((issue) => issue.severity === "error")).toEqual([]);
    expect([...tuned.graph.nodes].filter((n) => n.opType === "Sum").map((n) => n.name)).toEqual(["residual"]);
    const { tensors } = await compare(plain, tuned, [feeds], { runtime });
    expect(tensors["y"]!.maxAbs).toBeLessThan(1e-5);
  });

  test("is not fused into SkipLayerNormalization, and the bias still is into its product", async () => {
    const ops = async (target: "x64-vnni" | "tensorrt"): Promise<string> => Object.keys((await optimizedGraph(quantizeDynamic(residual(false), { target }).model)).opCounts).sort().join();
    expect(await ops("tensorrt")).toBe("com.microsoft.DynamicQuantizeMatMul,com.microsoft.SkipLayerNormalization");
    expect(await ops("x64-vnni")).toBe("LayerNormalization,Sum,com.microsoft.DynamicQuantizeMatMul");
  });
});

describe("grouped convolutions", () => {
  test("stay float for wasm, and are quantized for x64", async () => {
    const model = new Model({ opset: 17, irVersion: 8 });
    const { graph } = model;
    const conv = (name: string, x: Value, dims: number[], group: number): Value =>
      graph.add({ opType: "Conv", name, inputs: [x, graph.addInitializer(`${name}.w`, uniform(name, dims))], outputs: [name], attributes: { group: attr.int(group) } }).out;
    const deep = conv("deep", conv("full", graph.addInput("image", tensorType("float32", [1, 8, 6, 6])), [8, 8, 1, 1], 1), [8, 1, 3, 3], 8);
    const last = conv("last", deep, [4, 8, 1, 1], 1);
    last.type = tensorType("float32");
    graph.addOutput(last);
    const data = [{ image: uniform("image", [1, 8, 6, 6]) }];
    const integers = async (target: StaticOptionsInput["target"]): Promise<string[]> => {
      const { model: made } = await quantizeStatic(model, { target, floatTail: false }, { runtime, data });
      return [...made.graph.nodes].filter((n) => n.opType === "Conv" && n.input(1)?.producer?.is("DequantizeLinear")).map((n) => n.name);
    };
    expect(await integers("wasm")).toEqual(["full", "last"]);
    expect(await integers("x64-vnni")).toEqual(["full", "deep", "last"]);
  });
});
