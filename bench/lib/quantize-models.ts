/** The models whose quantization is measured, with random inputs of a fitting shape and range. */
import { readFileSync } from "node:fs";
import { Model, Tensor, attr, decodeModel, random, tensorType, type Feeds, type Value } from "@lathe/core";
import { modelFiles } from "../../packages/quantize/test/models.ts";

export interface QuantizeCase {
  readonly name: string;
  readonly model: () => Model;
  readonly feeds: (count: number) => Feeds[];
}

const uniform = (seed: string, dims: readonly number[], scale = 1): Tensor => {
  const r = random(seed);
  return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => r.float() * scale));
};

const inputs = (name: string, dims: readonly number[], scale = 1) => (count: number): Feeds[] =>
  Array.from({ length: count }, (_, i) => ({ [name]: uniform(`${name}${i}`, dims, scale) }));

const file = (name: string, feeds: QuantizeCase["feeds"]): QuantizeCase => ({ name, feeds, model: () => decodeModel(readFileSync(modelFiles[name]!())) });

export const quantizeCases = (): readonly QuantizeCase[] => [
  file("fashion-mobilenet", inputs("image", [1, 1, 28, 28])),
  file("mnist-lenet", inputs("image", [1, 1, 28, 28])),
  file("fashion-vit", inputs("image", [1, 1, 28, 28])),
  file("ch_ppocr_mobile_v2.0_cls_infer", inputs("x", [1, 3, 48, 192])),
  file("ch_PP-OCRv4_rec_infer", inputs("x", [1, 3, 48, 320])),
  file("ch_PP-OCRv4_det_infer", inputs("x", [1, 3, 320, 320])),
  file("mlsd_320x320_tiny", inputs("input_image_with_alpha:0", [1, 320, 320, 4], 255)),
  { name: "resnet50-shaped", model: resnet50, feeds: inputs("image", [1, 3, 224, 224]) },
  { name: "transformer-12x384", model: () => encoder(), feeds: inputs("tokens", [1, 128, 384]) },
];

/** ResNet-50 with random weights, BatchNormalization folded: 25.6 million weights, 102 MB. */
export function resnet50(): Model {
  const model = new Model({ opset: 17, irVersion: 8 });
  const { graph } = model;
  const r = random("resnet50");
  let names = 0;
  const weight = (dims: readonly number[]): Value => {
    const fan = dims.slice(1).reduce((p, d) => p * d, 1);
    const spread = Math.sqrt(6 / fan);
    return graph.addInitializer(`w${names++}`, Tensor.from("float32", dims, Float32Array.from({ length: fan * dims[0]! }, () => (r.float() * 2 - 1) * spread)));
  };
  const conv = (x: Value, from: number, to: number, kernel: number, stride: number, relu: boolean): Value => {
    const pad = (kernel - 1) / 2;
    const bias = graph.addInitializer(`b${names++}`, Tensor.from("float32", [to], Float32Array.from({ length: to }, () => (r.float() - 0.5) * 0.1)));
    const attributes = { kernel_shape: attr.ints([kernel, kernel]), strides: attr.ints([stride, stride]), pads: attr.ints([pad, pad, pad, pad]) };
    const y = graph.add({ opType: "Conv", name: `conv${names}`, inputs: [x, weight([to, from, kernel, kernel]), bias], outputs: [`c${names}`], attributes }).out;
    return relu ? graph.add({ opType: "Relu", name: `relu${names}`, inputs: [y], outputs: [`r${names}`] }).out : y;
  };
  let x = conv(graph.addInput("image", tensorType("float32", ["N", 3, 224, 224])), 3, 64, 7, 2, true);
  x = graph.add({ opType: "MaxPool", name: "pool", inputs: [x], outputs: ["p"], attributes: { kernel_shape: attr.ints([3, 3]), strides: attr.ints([2, 2]), pads: attr.ints([1, 1, 1, 1]) } }).out;
  let width = 64;
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const inner = 64 << stage;
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const side = block === 0 ? conv(x, width, inner * 4, 1, stride, false) : x;
      const main = conv(conv(conv(x, width, inner, 1, 1, true), inner, inner, 3, stride, true), inner, inner * 4, 1, 1, false);
      const sum = graph.add({ opType: "Add", name: `add${names}`, inputs: [main, side], outputs: [`s${names}`] }).out;
      x = graph.add({ opType: "Relu", name: `out${names}`, inputs: [sum], outputs: [`o${names}`] }).out;
      width = inner * 4;
    }
  }
  const pooled = graph.add({ opType: "GlobalAveragePool", name: "gap", inputs: [x], outputs: ["g"] }).out;
  const flat = graph.add({ opType: "Flatten", name: "flat", inputs: [pooled], outputs: ["f"] }).out;
  const y = graph.add({ opType: "Gemm", name: "fc", inputs: [flat, weight([1000, 2048]), graph.addInitializer("fc_b", Tensor.from("float32", [1000], new Float32Array(1000)))], outputs: ["logits"], attributes: { transB: attr.int(1) } }).out;
  y.type = tensorType("float32", ["N", 1000]);
  graph.addOutput(y);
  return model;
}

/** Encoder layers over 128 tokens, random weights; twelve of width 384 have the shape of a small sentence encoder. */
export function encoder(layers = 12, width = 384): Model {
  const [heads, tokens] = [12, 128];
  const model = new Model({ opset: 17, irVersion: 8 });
  const { graph } = model;
  const r = random("encoder");
  let names = 0;
  const constant = (dims: readonly number[], make: () => number): Value => graph.addInitializer(`w${names++}`, Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, make)));
  const add = (opType: string, ins: readonly Value[], attributes = {}): Value => graph.add({ opType, name: `${opType}${names}`, inputs: ins, outputs: [`t${names++}`], attributes }).out;
  const linear = (x: Value, from: number, to: number): Value =>
    add("Add", [add("MatMul", [x, constant([from, to], () => (r.float() * 2 - 1) * Math.sqrt(3 / from))]), constant([to], () => 0.02 * (r.float() - 0.5))]);
  const norm = (x: Value): Value => add("LayerNormalization", [x, constant([width], () => 1), constant([width], () => 0)]);
  const split = graph.addInitializer("split", Tensor.int64([1, tokens, heads, width / heads]));
  const join = graph.addInitializer("join", Tensor.int64([1, tokens, width]));
  const scale = graph.addInitializer("scale", Tensor.scalar("float32", Math.sqrt(width / heads)));
  const head = (x: Value, perm: readonly number[]): Value => add("Transpose", [add("Reshape", [linear(x, width, width), split])], { perm: attr.ints(perm) });
  let x: Value = graph.addInput("tokens", tensorType("float32", [1, tokens, width]));
  for (let layer = 0; layer < layers; layer++) {
    const scores = add("Div", [add("MatMul", [head(x, [0, 2, 1, 3]), head(x, [0, 2, 3, 1])]), scale]);
    const mixed = add("MatMul", [add("Softmax", [scores], { axis: attr.int(-1) }), head(x, [0, 2, 1, 3])]);
    const attended = linear(add("Reshape", [add("Transpose", [mixed], { perm: attr.ints([0, 2, 1, 3]) }), join]), width, width);
    x = norm(add("Add", [x, attended]));
    const inner = linear(x, width, 4 * width);
    x = norm(add("Add", [x, linear(add("Relu", [inner]), 4 * width, width)]));
  }
  x.type = tensorType("float32", [1, tokens, width]);
  graph.addOutput(x);
  return model;
}
