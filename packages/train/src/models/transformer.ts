/** Transformers: a small ViT and a BERT-shaped encoder, with attention written in plain ONNX operators. */
import { attr, type Model, type Value } from "@lathe/core";
import { ModelBuilder, type Uniform } from "./builder.ts";
import type { ImageModelOptions } from "./cnn.ts";

interface BlockShape {
  readonly tokens: number;
  readonly hidden: number;
  readonly heads: number;
  readonly mlp: number;
}

/** Multi-head self-attention (Vaswani et al. 2017). x [N, T, H] -> [N, T, H]; `bias` [N, 1, 1, T] is added to the scores. */
function attention(b: ModelBuilder, x: Value, name: string, { tokens, hidden, heads }: BlockShape, bias?: Value): Value {
  const head = hidden / heads;
  const split = (part: string, perm: readonly number[]): Value =>
    b.transpose(b.reshape(b.dense(x, `${name}.${part}`, hidden, hidden), `${name}.${part}`, [-1, tokens, heads, head]), perm);
  const q = split("query", [0, 2, 1, 3]);
  const k = split("key", [0, 2, 3, 1]);
  const v = split("value", [0, 2, 1, 3]);
  let scores = b.node("Mul", [b.node("MatMul", [q, k]), b.scalar(`${name}.scale`, 1 / Math.sqrt(head))]);
  if (bias) scores = b.node("Add", [scores, bias]);
  const mixed = b.node("MatMul", [b.node("Softmax", [scores], { axis: attr.int(-1) }), v]);
  const joined = b.reshape(b.transpose(mixed, [0, 2, 1, 3]), `${name}.join`, [-1, tokens, hidden]);
  return b.dense(joined, `${name}.out`, hidden, hidden);
}

const mlp = (b: ModelBuilder, x: Value, name: string, { hidden, mlp: inner }: BlockShape): Value =>
  b.dense(b.node("Gelu", [b.dense(x, `${name}.fc1`, hidden, inner)]), `${name}.fc2`, inner, hidden);

export interface VitOptions extends ImageModelOptions {
  readonly patch?: number;
  readonly hidden?: number;
  readonly heads?: number;
  readonly layers?: number;
  readonly mlp?: number;
}

/** Vision transformer with mean pooling over patches (Dosovitskiy et al. 2020; pre-norm). */
export function vit({ random, channels = 1, size = 28, classes = 10, patch = 4, hidden = 64, heads = 4, layers = 4, mlp: inner = 128 }: VitOptions): Model {
  const b = new ModelBuilder({ name: "vit", random });
  const input = b.input("input", ["N", channels, size, size]);
  const tokens = (size / patch) ** 2;
  const shape: BlockShape = { tokens, hidden, heads, mlp: inner };
  const patches = b.conv(input, "patch", channels, hidden, { kernel: patch, stride: patch, pad: 0, bias: true });
  let x = b.transpose(b.reshape(patches, "tokens", [-1, hidden, tokens]), [0, 2, 1]);
  x = b.node("Add", [x, b.normal("position", [1, tokens, hidden], 0.02)]);
  for (let i = 0; i < layers; i++) {
    x = b.node("Add", [x, attention(b, b.layerNorm(x, `block${i}.norm1`, hidden), `block${i}.attention`, shape)]);
    x = b.node("Add", [x, mlp(b, b.layerNorm(x, `block${i}.norm2`, hidden), `block${i}.mlp`, shape)]);
  }
  x = b.node("ReduceMean", [b.layerNorm(x, "norm", hidden), b.ints("pool.axes", [1])], { keepdims: attr.int(0) });
  return b.output(b.linear(x, "head", hidden, classes), "logits", ["N", classes]);
}

export interface BertOptions {
  readonly random: Uniform;
  readonly vocabulary?: number;
  readonly tokens?: number;
  readonly hidden?: number;
  readonly heads?: number;
  readonly layers?: number;
  readonly mlp?: number;
  readonly classes?: number;
}

/** BERT-shaped encoder with a classifier on the first token (Devlin et al. 2018; post-norm). Defaults are BERT-tiny's (2 layers, 128 wide). */
export function bert({ random, vocabulary = 30522, tokens = 128, hidden = 128, heads = 2, layers = 2, mlp: inner = 512, classes = 2 }: BertOptions): Model {
  const b = new ModelBuilder({ name: "bert", random });
  const ids = b.input("input_ids", ["N", tokens], "int64");
  const mask = b.input("attention_mask", ["N", tokens], "int64");
  const shape: BlockShape = { tokens, hidden, heads, mlp: inner };
  const hide = b.node("Mul", [b.node("Sub", [b.scalar("mask.one", 1), b.node("Cast", [mask], { to: attr.int(1) })]), b.scalar("mask.low", -10000)]);
  const bias = b.node("Unsqueeze", [hide, b.ints("mask.axes", [1, 2])]);
  const words = b.node("Gather", [b.normal("embeddings.word", [vocabulary, hidden], 0.02), ids]);
  let x = b.layerNorm(b.node("Add", [words, b.normal("embeddings.position", [1, tokens, hidden], 0.02)]), "embeddings.norm", hidden, 1e-12);
  for (let i = 0; i < layers; i++) {
    x = b.layerNorm(b.node("Add", [x, attention(b, x, `layer${i}.attention`, shape, bias)]), `layer${i}.norm1`, hidden, 1e-12);
    x = b.layerNorm(b.node("Add", [x, mlp(b, x, `layer${i}.mlp`, shape)]), `layer${i}.norm2`, hidden, 1e-12);
  }
  const first = b.node("Gather", [x, b.ints("first", [0], [])], { axis: attr.int(1) });
  const pooled = b.node("Tanh", [b.linear(first, "pooler", hidden, hidden)]);
  return b.output(b.linear(pooled, "classifier", hidden, classes), "logits", ["N", classes]);
}
