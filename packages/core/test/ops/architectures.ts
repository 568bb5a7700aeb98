/** Small networks with the connections that structured pruning meets in exported models. Weights are random; shapes are what matters. */
import { attr, Graph, Model, Tensor, tensorType, type Attribute, type Value } from "@lathe/core";
import { numbers, type Attrs } from "./harness.ts";

export class Net {
  readonly graph = new Graph("net");
  readonly #x: Value;
  #seed = 0;

  constructor(...shape: number[]) {
    this.#x = this.graph.addInput("x", tensorType("float32", shape));
  }

  get x(): Value {
    return this.#x;
  }

  w(...dims: number[]): Value {
    const count = dims.reduce((p, d) => p * d, 1);
    return this.graph.addInitializer(`w${++this.#seed}`, Tensor.from("float32", dims, numbers(count, this.#seed).map((v) => v / 4)));
  }

  positive(...dims: number[]): Value {
    const { tensor } = this.w(...dims);
    return this.graph.addInitializer(`p${this.#seed}`, Tensor.from("float32", dims, tensor!.toNumbers().map((v) => Math.abs(v) + 0.5)));
  }

  ints(...values: number[]): Value {
    return this.graph.addInitializer(`i${++this.#seed}`, Tensor.int64(values));
  }

  nodes(opType: string, inputs: readonly (Value | null)[], attrs: Attrs = {}, outputs = 1): readonly Value[] {
    const attributes = Object.fromEntries(Object.entries(attrs).map(([k, v]): [string, Attribute] =>
      [k, typeof v === "number" ? attr.int(v) : typeof v === "string" ? attr.string(v) : Array.isArray(v) ? attr.ints(v as number[]) : (v as Attribute)]));
    const name = `${opType}${this.graph.nodeCount}`;
    return this.graph.add({ opType, name, inputs, attributes, outputs: Array.from({ length: outputs }, (_, i) => `${name}.${i}`) }).outputs.map((o) => o!);
  }

  op(opType: string, inputs: readonly (Value | null)[], attrs: Attrs = {}): Value {
    return this.nodes(opType, inputs, attrs)[0]!;
  }

  /** A 3x3 convolution that keeps the size. */
  conv(x: Value, from: number, to: number, group = 1): Value {
    return this.op("Conv", [x, this.w(to, from / group, 3, 3), this.w(to)], { pads: [1, 1, 1, 1], group });
  }

  linear(x: Value, from: number, to: number): Value {
    return this.op("Add", [this.op("MatMul", [x, this.w(from, to)]), this.w(to)]);
  }

  norm(x: Value, channels: number): Value {
    return this.op("BatchNormalization", [x, this.w(channels), this.w(channels), this.w(channels), this.positive(channels)]);
  }

  reshape(x: Value, ...shape: number[]): Value {
    return this.op("Reshape", [x, this.ints(...shape)]);
  }

  relu(x: Value): Value {
    return this.op("Relu", [x]);
  }

  transpose(x: Value, ...perm: number[]): Value {
    return this.op("Transpose", [x], { perm });
  }

  done(y: Value): Model {
    this.graph.addOutput(y);
    return new Model({ graph: this.graph, opset: 21 });
  }
}

const head = (n: Net, x: Value, channels: number): Model => n.done(n.linear(n.op("Flatten", [n.op("GlobalAveragePool", [x])]), channels, 5));

export const architectures: Readonly<Record<string, () => Model>> = {
  "residual blocks share one width": () => {
    const n = new Net(1, 3, 6, 6);
    const stem = n.relu(n.norm(n.conv(n.x, 3, 8), 8));
    const one = n.op("Add", [n.conv(n.relu(n.conv(stem, 8, 6)), 6, 8), stem]);
    const two = n.op("Add", [n.conv(n.relu(n.conv(one, 8, 4)), 4, 8), one]);
    return head(n, two, 8);
  },
  "inverted residual with squeeze and excitation": () => {
    const n = new Net(1, 3, 6, 6);
    const wide = n.op("HardSwish", [n.norm(n.conv(n.conv(n.x, 3, 4), 4, 8), 8)]);
    const deep = n.relu(n.conv(wide, 8, 8, 8));
    const pooled = n.op("ReduceMean", [deep, n.ints(2, 3)]);
    const gate = n.op("HardSigmoid", [n.op("Conv", [n.relu(n.op("Conv", [pooled, n.w(2, 8, 1, 1)])), n.w(8, 2, 1, 1)])]);
    return head(n, n.conv(n.op("Mul", [deep, gate]), 8, 4), 4);
  },
  "channel shuffle": () => {
    const n = new Net(1, 3, 4, 4);
    const grouped = n.conv(n.conv(n.x, 3, 8), 8, 12, 2);
    const shuffled = n.reshape(n.transpose(n.reshape(grouped, 1, 2, 6, 4, 4), 0, 2, 1, 3, 4), 1, 12, 4, 4);
    return head(n, n.conv(n.conv(shuffled, 12, 12, 12), 12, 6), 6);
  },
  "split and concatenate channels": () => {
    const n = new Net(1, 3, 4, 4);
    const [a, b] = n.nodes("Split", [n.relu(n.conv(n.x, 3, 8)), n.ints(3, 5)], { axis: 1 }, 2);
    const joined = n.op("Concat", [a!, n.conv(b!, 5, 4), b!], { axis: 1 });
    const first = n.op("Slice", [joined, n.ints(0), n.ints(6), n.ints(1)]);
    const second = n.op("Slice", [joined, n.ints(6), n.ints(12), n.ints(1)]);
    return head(n, n.op("Add", [n.conv(first, 6, 4), n.conv(second, 6, 4)]), 4);
  },
  "U-Net": () => {
    const n = new Net(1, 3, 8, 8);
    const top = n.relu(n.conv(n.x, 3, 4));
    const down = n.relu(n.conv(n.op("MaxPool", [top], { kernel_shape: [2, 2], strides: [2, 2] }), 4, 6));
    const up = n.op("Resize", [down, null, null, n.ints(1, 6, 8, 8)], { mode: "nearest" });
    const learned = n.op("ConvTranspose", [down, n.w(6, 3, 2, 2), n.w(3)], { strides: [2, 2] });
    return n.done(n.conv(n.relu(n.conv(n.op("Concat", [top, up, learned], { axis: 1 }), 13, 5)), 5, 2));
  },
  "pixel shuffle": () => {
    const n = new Net(1, 3, 4, 4);
    const big = n.op("DepthToSpace", [n.conv(n.x, 3, 12)], { blocksize: 2, mode: "CRD" });
    const small = n.op("SpaceToDepth", [n.relu(n.conv(big, 3, 4))], { blocksize: 2 });
    return head(n, n.conv(small, 16, 4), 4);
  },
  "flattened features": () => {
    const n = new Net(1, 3, 4, 4);
    const flat = n.op("Flatten", [n.op("PRelu", [n.conv(n.x, 3, 4), n.w(4, 1, 1)])]);
    return n.done(n.op("Gemm", [n.op("Tanh", [n.op("Gemm", [flat, n.w(6, 64), n.w(6)], { transB: 1 })]), n.w(6, 3), n.w(3)]));
  },
  "group normalization as reshapes": () => {
    const n = new Net(1, 3, 4, 4);
    const rows = n.reshape(n.conv(n.x, 3, 8), 0, 4, -1);
    const normed = n.reshape(n.op("InstanceNormalization", [rows, n.w(4), n.w(4)]), 1, 8, 4, 4);
    const scaled = n.op("Add", [n.op("Mul", [normed, n.w(8, 1, 1)]), n.w(8, 1, 1)]);
    return head(n, n.conv(scaled, 8, 4), 4);
  },
  "multi-head attention with a packed projection": () => {
    const n = new Net(1, 4, 6);
    const qkv = n.transpose(n.reshape(n.linear(n.x, 6, 24), 1, 4, 3, 2, 4), 2, 0, 3, 1, 4);
    const [q, k, v] = [0, 1, 2].map((i) => n.op("Gather", [qkv, n.graph.addInitializer(`index${i}`, Tensor.int64([i], []))]));
    const scores = n.op("Softmax", [n.op("Mul", [n.op("MatMul", [q!, n.transpose(k!, 0, 1, 3, 2)]), n.graph.addInitializer("scale", Tensor.from("float32", [], [0.5]))])]);
    return n.done(n.linear(n.reshape(n.transpose(n.op("MatMul", [scores, v!]), 0, 2, 1, 3), 1, 4, 8), 8, 6));
  },
  "grouped-query attention": () => {
    const n = new Net(1, 3, 6);
    const heads = (x: Value, count: number): Value => n.transpose(n.reshape(x, 1, 3, count, 2), 0, 2, 1, 3);
    const repeat = (x: Value): Value => n.reshape(n.op("Expand", [n.op("Unsqueeze", [x, n.ints(2)]), n.ints(1, 2, 2, 3, 2)]), 1, 4, 3, 2);
    const q = heads(n.op("MatMul", [n.x, n.w(6, 8)]), 4);
    const [k, v] = [repeat(heads(n.op("MatMul", [n.x, n.w(6, 4)]), 2)), repeat(heads(n.op("MatMul", [n.x, n.w(6, 4)]), 2))];
    const scores = n.op("Softmax", [n.op("MatMul", [q, n.transpose(k, 0, 1, 3, 2)])]);
    return n.done(n.op("MatMul", [n.reshape(n.transpose(n.op("MatMul", [scores, v]), 0, 2, 1, 3), 1, 3, 8), n.w(8, 6)]));
  },
  "attention by Einsum": () => {
    const n = new Net(1, 3, 6);
    const heads = (x: Value): Value => n.reshape(n.op("MatMul", [x, n.w(6, 8)]), 1, 3, 4, 2);
    const scores = n.op("Softmax", [n.op("Einsum", [heads(n.x), heads(n.x)], { equation: "bqhd,bkhd->bhqk" })]);
    return n.done(n.op("Einsum", [n.op("Einsum", [scores, heads(n.x)], { equation: "bhqk,bkhd->bqhd" }), n.w(4, 2, 6)], { equation: "bqhd,hde->bqe" }));
  },
  "gated feed-forward": () => {
    const n = new Net(1, 3, 6);
    const [gate, up] = n.nodes("Split", [n.linear(n.x, 6, 16)], { axis: -1, num_outputs: 2 }, 2);
    return n.done(n.linear(n.op("Mul", [n.op("Mul", [gate!, n.op("Sigmoid", [gate!])]), up!]), 8, 6));
  },
  "transformer with a residual stream": () => {
    const n = new Net(1, 3, 5);
    const stream = n.linear(n.x, 5, 6);
    const hidden = n.linear(n.op("LayerNormalization", [stream, n.w(6), n.w(6)]), 6, 8);
    return n.done(n.linear(n.op("Add", [stream, n.linear(n.op("Gelu", [hidden]), 8, 6)]), 6, 2));
  },
  "shifted windows": () => {
    const n = new Net(1, 3, 4, 4);
    const x = n.transpose(n.conv(n.x, 3, 6), 0, 2, 3, 1);
    const roll = n.op("Concat", [n.op("Slice", [x, n.ints(1), n.ints(4), n.ints(1)]), n.op("Slice", [x, n.ints(0), n.ints(1), n.ints(1)])], { axis: 1 });
    const windows = n.reshape(n.transpose(n.reshape(roll, 1, 2, 2, 2, 2, 6), 0, 1, 3, 2, 4, 5), 4, 4, 6);
    return n.done(n.linear(windows, 6, 2));
  },
  "recurrent layers": () => {
    const n = new Net(4, 1, 3);
    const [y] = n.nodes("LSTM", [n.x, n.w(2, 12, 3), n.w(2, 12, 3), n.w(2, 24)], { hidden_size: 3, direction: "bidirectional" }, 1);
    const joined = n.reshape(n.transpose(y!, 0, 2, 1, 3), 4, 1, 6);
    const [z] = n.nodes("GRU", [joined, n.w(1, 6, 6), n.w(1, 6, 2), n.w(1, 12)], { hidden_size: 2 }, 1);
    return n.done(n.linear(n.op("Squeeze", [z!, n.ints(1)]), 2, 3));
  },
  "quantized convolution": () => {
    const n = new Net(1, 3, 4, 4);
    const scale = (v: number): Value => n.graph.addInitializer("s", Tensor.from("float32", [], [v]));
    const zero = n.graph.addInitializer("z", Tensor.from("uint8", [], [128]));
    const qdq = (x: Value): Value => n.op("DequantizeLinear", [n.op("QuantizeLinear", [x, scale(0.05), zero]), scale(0.05), zero]);
    const weight = (to: number, from: number): Value => {
      const codes = Tensor.from("int8", [to, from, 1, 1], numbers(to * from, to).map((v) => Math.round(v * 8)));
      return n.op("DequantizeLinear", [n.graph.addInitializer("q", codes), n.positive(to)], { axis: 0 });
    };
    const a = n.relu(n.op("Conv", [qdq(n.x), weight(6, 3)]));
    return head(n, n.op("Conv", [qdq(a), weight(4, 6)]), 4);
  },
  "embedding": () => {
    const n = new Net(1, 4, 3);
    const ids = n.op("Cast", [n.op("ReduceMax", [n.op("Abs", [n.x]), n.ints(2)], { keepdims: 0 })], { to: 7 });
    const words = n.op("Gather", [n.w(7, 6), ids]);
    return n.done(n.linear(n.op("Add", [words, n.w(1, 4, 6)]), 6, 2));
  },
  "layer normalization in single steps": () => {
    const n = new Net(1, 3, 5);
    const x = n.linear(n.x, 5, 6);
    const centred = n.op("Sub", [x, n.op("ReduceMean", [x, n.ints(-1)])]);
    const variance = n.op("ReduceMean", [n.op("Mul", [centred, centred]), n.ints(-1)]);
    const normed = n.op("Div", [centred, n.op("Sqrt", [n.op("Add", [variance, n.graph.addInitializer("eps", Tensor.from("float32", [], [1e-5]))])])]);
    return n.done(n.linear(n.op("Mul", [normed, n.w(6)]), 6, 2));
  },
};
