/** Dynamic quantization of what is not a plain MatMul: recurrent layers, embeddings, attention, subgraphs. */
import { describe, expect, it } from "vitest";
import { Graph, Model, Tensor, attr, pipeline, random, tensorType, type Feeds } from "@lathe/core";
import { compare, optimizedGraph } from "@lathe/ort";
import { dynamicQuantize, quantizeDynamic, type DynamicOptionsInput } from "@lathe/quantize";
import { countOps } from "./models.ts";

const values = (seed: string, dims: readonly number[], spread = 1): Tensor => {
  const r = random(seed);
  return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => (r.float() * 2 - 1) * spread));
};

function model(build: (graph: Graph, m: Model) => void): Model {
  const made = new Model({ opset: 17, irVersion: 8 });
  build(made.graph, made);
  return made;
}

const lstm = (directions: 1 | 2): Model =>
  model((g) => {
    const x = g.addInput("x", tensorType("float32", [5, 2, 12]));
    const w = g.addInitializer("w", values("w", [directions, 32, 12], 0.4));
    const r = g.addInitializer("r", values("r", [directions, 32, 8], 0.4));
    const b = g.addInitializer("b", values("b", [directions, 64], 0.2));
    const node = g.add({ opType: "LSTM", name: "lstm", inputs: [x, w, r, b], outputs: ["y", "y_h"], attributes: { hidden_size: attr.int(8), direction: attr.string(directions === 2 ? "bidirectional" : "forward") } });
    for (const output of node.outputs) g.addOutput(output!);
  });

const embedding = (): Model =>
  model((g) => {
    const ids = g.addInput("ids", tensorType("int64", [1, 4]));
    const table = g.addInitializer("table", values("table", [20, 16]));
    const head = g.addInitializer("head", values("head", [16, 6]));
    const token = g.add({ opType: "Gather", name: "embed", inputs: [table, ids], outputs: ["e"] }).out;
    const logits = g.add({ opType: "MatMul", name: "head", inputs: [token, head], outputs: ["y"] }).out;
    g.addOutput(logits);
    g.addOutput(g.add({ opType: "ReduceMean", name: "mean", inputs: [token], outputs: ["m"] }).out);
  });

const attention = (): Model =>
  model((g, m) => {
    m.opsetImports.set("com.microsoft", 1);
    const x = g.addInput("x", tensorType("float32", [2, 5, 16]));
    const w = g.addInitializer("w", values("aw", [16, 48], 0.5));
    const b = g.addInitializer("b", values("ab", [48], 0.1));
    g.addOutput(g.add({ opType: "Attention", domain: "com.microsoft", name: "attn", inputs: [x, w, b], outputs: ["y"], attributes: { num_heads: attr.int(2) } }).out);
    g.outputs[0]!.type = tensorType("float32", [2, 5, 16]);
  });

/** A weight of the main graph used there and in both branches of an If, which also captures an activation. */
const branches = (): Model =>
  model((g) => {
    const x = g.addInput("x", tensorType("float32", [3, 8]));
    const flag = g.addInput("flag", tensorType("bool", []));
    const w = g.addInitializer("w", values("tied", [8, 8], 0.5));
    const h = g.add({ opType: "MatMul", name: "outer", inputs: [x, w], outputs: ["h"] }).out;
    const branch = (name: string, op: string): Graph => {
      const inner = new Graph(name);
      const y = inner.add({ opType: "MatMul", name: `${name}_product`, inputs: [h, w], outputs: [`${name}_t`] }).out;
      const out = inner.add({ opType: op, name: `${name}_act`, inputs: [y], outputs: [`${name}_y`] }).out;
      out.type = tensorType("float32", [3, 8]);
      inner.addOutput(out);
      return inner;
    };
    const y = g.add({ opType: "If", name: "if", inputs: [flag], outputs: ["y"], attributes: { then_branch: attr.graph(branch("then", "Relu")), else_branch: attr.graph(branch("else", "Tanh")) } }).out;
    y.type = tensorType("float32", [3, 8]);
    g.addOutput(y);
  });

const x = (dims: readonly number[]): Feeds => ({ x: values("x", dims) });
const ids: Feeds = { ids: Tensor.int64([3, 1, 19, 3], [1, 4]) };

const cases: [string, Model, Feeds, DynamicOptionsInput, Record<string, number>][] = [
  ["LSTM, a scale for each gate", lstm(1), x([5, 2, 12]), {}, { "com.microsoft.DynamicQuantizeLSTM": 1 }],
  ["bidirectional LSTM, a scale for each direction", lstm(2), x([5, 2, 12]), { perChannel: false }, { "com.microsoft.DynamicQuantizeLSTM": 1 }],
  ["embedding: the MatMul takes the integers, others the dequantized values", embedding(), ids, {}, { Gather: 1, DequantizeLinear: 1, MatMulInteger: 1 }],
  ["attention", attention(), x([2, 5, 16]), {}, { "com.microsoft.QAttention": 1 }],
  ["attention per tensor", attention(), x([2, 5, 16]), { perChannel: false }, { "com.microsoft.QAttention": 1 }],
  ["If, first branch", branches(), { ...x([3, 8]), flag: Tensor.from("bool", [], [1]) }, {}, { MatMulInteger: 3, DynamicQuantizeLinear: 3 }],
  ["If, second branch", branches(), { ...x([3, 8]), flag: Tensor.from("bool", [], [0]) }, {}, { MatMulInteger: 3 }],
];

describe("dynamic quantization", () => {
  it.each(cases)("%s: integer, and near the float model", async (_, float, feeds, options, ops) => {
    const { model: quantized } = quantizeDynamic(float, options);
    expect(countOps(quantized)).toMatchObject(ops);
    const { tensors } = await compare(float, quantized, feeds, { optimization: "all" });
    for (const { sqnr } of Object.values(tensors)) expect(sqnr).toBeGreaterThan(20);
  });

  it("stores a weight that is used in several places once", () => {
    const { model: quantized, report } = quantizeDynamic(branches());
    expect(report).toMatchObject({ weights: 1, quantized: { MatMul: 3 } });
    expect([...quantized.graph.allGraphs()].flatMap((g) => Array.from(g.initializers, (v) => v.name)).filter((n) => n.startsWith("w_"))).toEqual(["w_quantized", "w_scale", "w_zero_point"]);
  });

  it("quantizes an activation once for all products that read it; ONNX Runtime then fuses them", async () => {
    const shared = model((g) => {
      const input = g.addInput("x", tensorType("float32", [4, 8]));
      for (const name of ["q", "k", "v"]) {
        const w = g.addInitializer(`w_${name}`, values(name, [8, 8]));
        g.addOutput(g.add({ opType: "MatMul", name, inputs: [input, w], outputs: [`y_${name}`] }).out);
        g.outputs.at(-1)!.type = tensorType("float32", [4, 8]);
      }
    });
    const { model: quantized } = quantizeDynamic(shared);
    expect(countOps(quantized).DynamicQuantizeLinear).toBe(1);
    expect((await optimizedGraph(quantized)).opCounts).toMatchObject({ "com.microsoft.MatMulIntegerToFloat": 3 });
  });

  it("leaves depthwise convolutions alone unless asked, and gives others a scale for each channel", async () => {
    const convs = model((g) => {
      const input = g.addInput("x", tensorType("float32", [1, 4, 6, 6]));
      const w1 = g.addInitializer("w1", values("c1", [4, 4, 3, 3]));
      const b1 = g.addInitializer("b1", values("c1b", [4]));
      const w2 = g.addInitializer("w2", values("c2", [4, 1, 3, 3]));
      const t = g.add({ opType: "Conv", name: "full", inputs: [input, w1, b1], outputs: ["t"] }).out;
      g.addOutput(g.add({ opType: "Conv", name: "depthwise", inputs: [t, w2], outputs: ["y"], attributes: { group: attr.int(4) } }).out);
      g.outputs[0]!.type = tensorType("float32", [1, 4, 2, 2]);
    });
    const plain = quantizeDynamic(convs).model;
    expect(countOps(plain)).toMatchObject({ Conv: 1, ConvInteger: 1 });
    expect(plain.graph.value("w1_scale")!.tensor!.dims).toEqual([4, 1, 1]);
    expect(plain.graph.value("w1_quantized")!.dtype).toBe("uint8");
    expect(countOps(quantizeDynamic(convs, { groupedConv: true }).model)).toMatchObject({ ConvInteger: 2 });
    for (const groupedConv of [false, true]) {
      const { tensors } = await compare(convs, quantizeDynamic(convs, { groupedConv }).model, x([1, 4, 6, 6]));
      expect(tensors.y!.sqnr).toBeGreaterThan(20);
    }
  });

  it("runs in a pipeline", async () => {
    const { report } = await pipeline(dynamicQuantize()).run(branches()).result;
    expect(report.data.steps[0]!.details).toEqual({ quantized: { MatMul: 3 } });
  });

  it.each([
    ["an unknown node", () => quantizeDynamic(branches(), { nodes: ["nope"] }), "QUANT_UNKNOWN_NAME"],
    ["nothing to do", () => quantizeDynamic(branches(), { opTypes: ["Conv"] }), "QUANT_NOTHING_TO_DO"],
    ["a quantized model", () => quantizeDynamic(quantizeDynamic(branches()).model), "QUANT_ALREADY"],
    ["a weight with NaN", () => {
      const broken = branches();
      broken.graph.setInitializer(broken.graph.value("w")!, Tensor.from("float32", [8, 8], new Float32Array(64).fill(NaN)));
      return quantizeDynamic(broken);
    }, "QUANT_WEIGHT_NOT_FINITE"],
    ["a float16 model", () => {
      const half = branches();
      half.graph.setInitializer(half.graph.value("w")!, half.graph.value("w")!.tensor!.cast("float16"));
      return quantizeDynamic(half);
    }, "QUANT_FLOAT16"],
  ])("refuses %s", (_, act, code) => {
    expect(act).toThrow(expect.objectContaining({ code }));
  });
});
