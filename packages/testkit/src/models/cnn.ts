import { attr, tensorType, type Model, type Value } from "@lathe/core";
import { LayerBuilder } from "./builder.ts";

export interface TinyCnnOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Default 8. */
  readonly channels?: number;
  /** Default 10. */
  readonly classes?: number;
  /** Height and width of the image, an even number. Default 8. */
  readonly size?: number;
  /** Default 21. */
  readonly opset?: number;
}

/**
 * image float32 [N, 1, size, size] -> logits float32 [N, classes]. Small, but with what makes convnets hard to edit: batch normalisation,
 * a depthwise convolution, a residual sum, a concatenation, pooling and a flattened head.
 */
export function tinyCnn({ seed = 0, channels = 8, classes = 10, size = 8, opset = 21 }: TinyCnnOptions = {}): Model {
  const b = new LayerBuilder(seed, opset);
  const image = b.graph.addInput("image", tensorType("float32", ["N", 1, size, size]));
  const stem = b.node("Relu", [normalized(b, conv(b, image, 1, channels, 3), channels)]);
  const pooled = b.node("MaxPool", [stem], { kernel_shape: attr.ints([2, 2]), strides: attr.ints([2, 2]) });
  const depthwise = b.node("Relu", [normalized(b, conv(b, pooled, channels, channels, 3, channels), channels)]);
  const pointwise = conv(b, depthwise, channels, channels, 1);
  const sum = b.node("Relu", [b.node("Add", [pooled, pointwise])]);
  const both = b.node("Concat", [sum, pooled], { axis: attr.int(1) });
  const flat = b.node("Flatten", [b.node("GlobalAveragePool", [both])]);
  const logits = b.node("Gemm", [flat, b.weight("weight", [classes, 2 * channels], 2 * channels), b.uniform("bias", [classes], -0.1, 0.1)], { transB: attr.int(1) });
  return b.finish(logits, "logits");
}

function conv(b: LayerBuilder, x: Value, input: number, output: number, kernel: number, group = 1): Value {
  const fanIn = (input / group) * kernel * kernel;
  const w = b.weight("weight", [output, input / group, kernel, kernel], fanIn);
  const pad = (kernel - 1) / 2;
  return b.node("Conv", [x, w, b.uniform("bias", [output], -0.1, 0.1)], { pads: attr.ints([pad, pad, pad, pad]), group: attr.int(group) });
}

function normalized(b: LayerBuilder, x: Value, channels: number): Value {
  const scale = b.uniform("scale", [channels], 0.5, 1.5);
  const shift = b.uniform("shift", [channels], -0.2, 0.2);
  return b.node("BatchNormalization", [x, scale, shift, b.uniform("mean", [channels], -0.2, 0.2), b.uniform("variance", [channels], 0.5, 1.5)]);
}
