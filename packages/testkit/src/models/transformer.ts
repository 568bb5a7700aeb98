import { attr, tensorType, type Model, type Value } from "@lathe/core";
import { LayerBuilder } from "./builder.ts";

export interface TinyTransformerOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Default 16. */
  readonly vocabulary?: number;
  /** Width, a multiple of `heads`. Default 16. */
  readonly width?: number;
  /** Default 2. */
  readonly heads?: number;
  /** Default 1. */
  readonly layers?: number;
  /** Longest sequence. Default 12. */
  readonly length?: number;
  /** Default 21. */
  readonly opset?: number;
}

/**
 * tokens int64 [N, T] -> logits float32 [N, 4]. An encoder (Vaswani et al. 2017) with the normalisation before each block, written in the
 * plain operators that exporters emit: embedding and position tables, scaled dot-product attention, GELU by Erf, mean over the sequence.
 */
export function tinyTransformer(options: TinyTransformerOptions = {}): Model {
  const { seed = 0, vocabulary = 16, width = 16, heads = 2, layers = 1, length = 12, opset = 21 } = options;
  const b = new LayerBuilder(seed, opset);
  const tokens = b.graph.addInput("tokens", tensorType("int64", ["N", "T"]));
  let x = embed(b, tokens, vocabulary, width, length);
  for (let layer = 0; layer < layers; layer++) {
    x = b.node("Add", [x, attention(b, norm(b, x, width), width, heads)]);
    x = b.node("Add", [x, feedForward(b, norm(b, x, width), width)]);
  }
  const mean = b.node("ReduceMean", [norm(b, x, width), b.int64("axes", [1])], { keepdims: attr.int(0) });
  return b.finish(b.node("Gemm", [mean, b.weight("weight", [width, 4], width), b.uniform("bias", [4], -0.1, 0.1)]), "logits");
}

function embed(b: LayerBuilder, tokens: Value, vocabulary: number, width: number, length: number): Value {
  const words = b.node("Gather", [b.uniform("embedding", [vocabulary, width], -1, 1), tokens]);
  const end = b.node("Shape", [tokens], { start: attr.int(1), end: attr.int(2) });
  const positions = b.node("Slice", [b.uniform("positions", [length, width], -0.5, 0.5), b.int64("starts", [0]), end, b.int64("axes", [0])]);
  return b.node("Add", [words, positions]);
}

const norm = (b: LayerBuilder, x: Value, width: number): Value =>
  b.node("LayerNormalization", [x, b.uniform("scale", [width], 0.5, 1.5), b.uniform("shift", [width], -0.2, 0.2)], { axis: attr.int(-1) });

const linear = (b: LayerBuilder, x: Value, input: number, output: number): Value =>
  b.node("Add", [b.node("MatMul", [x, b.weight("weight", [input, output], 2 * input)]), b.uniform("bias", [output], -0.1, 0.1)]);

function attention(b: LayerBuilder, x: Value, width: number, heads: number): Value {
  const shape = b.int64("heads", [0, 0, heads, width / heads]);
  const split = (perm: readonly number[]): Value => b.node("Transpose", [b.node("Reshape", [linear(b, x, width, width), shape])], { perm: attr.ints(perm) });
  const [q, kT, v] = [split([0, 2, 1, 3]), split([0, 2, 3, 1]), split([0, 2, 1, 3])];
  const scores = b.node("Mul", [b.node("MatMul", [q, kT]), b.scalar("scaling", 1 / Math.sqrt(width / heads))]);
  const mixed = b.node("MatMul", [b.node("Softmax", [scores], { axis: attr.int(-1) }), v]);
  const merged = b.node("Reshape", [b.node("Transpose", [mixed], { perm: attr.ints([0, 2, 1, 3]) }), b.int64("merged", [0, 0, width])]);
  return linear(b, merged, width, width);
}

function feedForward(b: LayerBuilder, x: Value, width: number): Value {
  const wide = linear(b, x, width, 2 * width);
  const erf = b.node("Erf", [b.node("Mul", [wide, b.scalar("root_half", Math.SQRT1_2)])]);
  const gate = b.node("Mul", [b.node("Add", [erf, b.scalar("one", 1)]), b.scalar("half", 0.5)]);
  return linear(b, b.node("Mul", [wide, gate]), 2 * width, width);
}
