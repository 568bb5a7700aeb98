/**
 * Random float models for comparison with ONNX Runtime's tool: small, valid, of static shape, covering the operators and habits that
 * placement rules care about (residuals, shared inputs, tied weights, shared biases, several outputs, moves, clips).
 */
import { Model, Tensor, attr, random, tensorType, type Attribute, type Random, type Value } from "@lathe/core";

/** A value with its shape. */
interface Edge {
  readonly value: Value;
  readonly dims: readonly number[];
}

export class GraphBuilder {
  readonly model: Model;
  readonly random: Random;
  readonly #pool: Edge[] = [];
  readonly #kept: Value[] = [];
  #names = 0;

  constructor(seed: number) {
    this.random = random(`quantize-graph-${seed}`);
    this.model = new Model({ opset: this.pick([13, 17, 21]), irVersion: 8 });
  }

  pick<T>(items: readonly T[]): T {
    return items[this.random.int(items.length)]!;
  }

  chance(p: number): boolean {
    return this.random.float() < p;
  }

  fresh(hint: string): string {
    return `${hint}_${this.#names++}`;
  }

  constant(dims: readonly number[], spread = 1): Value {
    const size = dims.reduce((p, d) => p * d, 1);
    const values = Float32Array.from({ length: size }, () => (this.random.float() + this.random.float() - 1) * spread);
    return this.#keep(this.model.graph.addInitializer(this.fresh("w"), Tensor.from("float32", dims, values)));
  }

  ints(values: readonly number[]): Value {
    return this.model.graph.addInitializer(this.fresh("shape"), Tensor.int64(values));
  }

  #keep(value: Value): Value {
    this.#kept.push(value);
    return value;
  }

  /** A constant used before, of the same shape, when there is one: tied weights. */
  tied(dims: readonly number[]): Value {
    const same = this.#kept.filter((v) => v.tensor!.dims.length === dims.length && v.tensor!.dims.every((d, i) => d === dims[i]));
    return same.length > 0 && this.chance(0.3) ? this.pick(same) : this.constant(dims);
  }

  add(opType: string, inputs: readonly (Value | null)[], dims: readonly number[], attributes: Record<string, Attribute> = {}): Edge {
    const node = this.model.graph.add({ opType, name: this.fresh(opType), inputs, outputs: [this.fresh("t")], attributes });
    node.out.type = tensorType("float32", dims);
    return this.remember({ value: node.out, dims });
  }

  remember(edge: Edge): Edge {
    this.#pool.push(edge);
    return edge;
  }

  input(dims: readonly number[]): Edge {
    const value = this.model.graph.addInput(this.fresh("x"), tensorType("float32", dims));
    return this.remember({ value, dims });
  }

  /** A recent value that satisfies the condition. */
  find(condition: (edge: Edge) => boolean): Edge | undefined {
    const found = this.#pool.slice(-8).filter(condition);
    return found.length > 0 ? this.pick(found) : undefined;
  }

  finish(last: Edge): Model {
    const { graph } = this.model;
    graph.addOutput(last.value);
    for (const { value } of this.#pool) {
      if (value.isUnused && value.producer) graph.addOutput(value);
      else if (value.producer && !value.isGraphOutput && this.chance(0.05)) graph.addOutput(value);
    }
    return this.model;
  }
}

type Grow = (g: GraphBuilder, x: Edge) => Edge | undefined;

const rank4 = (grow: Grow): Grow => (g, x) => (x.dims.length === 4 ? grow(g, x) : undefined);
const matrix = (grow: Grow): Grow => (g, x) => (x.dims.length === 2 || x.dims.length === 3 ? grow(g, x) : undefined);
const unary = (opType: string, attributes: Record<string, Attribute> = {}): Grow => (g, x) => g.add(opType, [x.value], x.dims, attributes);

const conv: Grow = (g, x) => {
  const [n, c, h, w] = x.dims as [number, number, number, number];
  const kernel = g.pick([1, 3]);
  const depthwise = g.chance(0.2);
  const out = depthwise ? c : g.pick([4, 6, 8]);
  const weight = g.tied([out, depthwise ? 1 : c, kernel, kernel]);
  const bias = g.chance(0.6) ? [g.tied([out])] : [];
  return g.add("Conv", [x.value, weight, ...bias], [n, out, h, w], {
    kernel_shape: attr.ints([kernel, kernel]), pads: attr.ints(Array.from({ length: 4 }, () => (kernel - 1) / 2)), ...(depthwise ? { group: attr.int(c) } : {}),
  });
};

const convTranspose: Grow = (g, x) => {
  const [n, c, h, w] = x.dims as [number, number, number, number];
  const out = g.pick([3, 5]);
  return g.add("ConvTranspose", [x.value, g.constant([c, out, 2, 2]), ...(g.chance(0.5) ? [g.constant([out])] : [])], [n, out, h * 2, w * 2], {
    kernel_shape: attr.ints([2, 2]), strides: attr.ints([2, 2]),
  });
};

const clip: Grow = (g, x) => {
  const low = g.model.graph.addInitializer(g.fresh("low"), Tensor.scalar("float32", 0));
  const high = g.model.graph.addInitializer(g.fresh("high"), Tensor.scalar("float32", 6));
  return g.add("Clip", [x.value, low, high], x.dims);
};

const pool = (opType: string): Grow => (g, x) => {
  const [n, c, h, w] = x.dims as [number, number, number, number];
  if (h < 2 || w < 2 || h % 2 || w % 2) return undefined;
  return g.add(opType, [x.value], [n, c, h / 2, w / 2], { kernel_shape: attr.ints([2, 2]), strides: attr.ints([2, 2]) });
};

const binary = (opType: string): Grow => (g, x) => {
  const same = g.find((e) => e.value !== x.value && e.dims.length === x.dims.length && e.dims.every((d, i) => d === x.dims[i]));
  const other = same && g.chance(0.7) ? same.value : g.constant(g.chance(0.5) ? [] : [x.dims[x.dims.length - 1]!]);
  return g.add(opType, g.chance(0.8) ? [x.value, other] : [other, x.value], x.dims);
};

const concat: Grow = (g, x) => {
  const axis = 1;
  const other = g.find((e) => e.dims.length === x.dims.length && e.dims.every((d, i) => i === axis || d === x.dims[i])) ?? x;
  const dims = x.dims.map((d, i) => (i === axis ? d + other.dims[axis]! : d));
  return g.add("Concat", [x.value, other.value], dims, { axis: attr.int(axis) });
};

const split: Grow = (g, x) => {
  if (x.dims[1]! % 2 || g.model.opset >= 18) return undefined;
  const dims = x.dims.map((d, i) => (i === 1 ? d / 2 : d));
  const node = g.model.graph.add({ opType: "Split", name: g.fresh("Split"), inputs: [x.value], outputs: [g.fresh("t"), g.fresh("t")], attributes: { axis: attr.int(1) } });
  for (const output of node.outputs) {
    output!.type = tensorType("float32", dims);
    g.remember({ value: output!, dims });
  }
  return { value: node.outputs[0]!, dims };
};

const flatten: Grow = (g, x) => g.add("Flatten", [x.value], [x.dims[0]!, x.dims.slice(1).reduce((p, d) => p * d, 1)]);
const tokens: Grow = (g, x) => {
  const [n, c, h, w] = x.dims as [number, number, number, number];
  return g.add("Reshape", [x.value, g.ints([n, c, h * w])], [n, c, h * w]);
};
const transpose: Grow = (g, x) => {
  const perm = x.dims.map((_, i) => i);
  [perm[perm.length - 1], perm[perm.length - 2]] = [perm[perm.length - 2]!, perm[perm.length - 1]!];
  return g.add("Transpose", [x.value], perm.map((p) => x.dims[p]!), { perm: attr.ints(perm) });
};
const slice: Grow = (g, x) => {
  const size = x.dims[1]!;
  if (size < 4) return undefined;
  return g.add("Slice", [x.value, g.ints([1]), g.ints([size - 1]), g.ints([1])], x.dims.map((d, i) => (i === 1 ? d - 2 : d)));
};
const pad: Grow = (g, x) => {
  const mode = g.pick(["constant", "constant", "edge", "reflect"]);
  const pads = [...x.dims.map(() => 0), ...x.dims.map((_, i) => (i === x.dims.length - 1 ? 1 : 0))];
  const value = mode === "constant" && g.chance(0.5) ? [g.model.graph.addInitializer(g.fresh("pad"), Tensor.scalar("float32", g.pick([0, 0.5])))] : [];
  return g.add("Pad", [x.value, g.ints(pads), ...value], x.dims.map((d, i) => (i === x.dims.length - 1 ? d + 1 : d)), { mode: attr.string(mode) });
};
const resize: Grow = (g, x) => {
  const [n, c, h, w] = x.dims as [number, number, number, number];
  if (h > 16) return undefined;
  const scales = g.model.graph.addInitializer(g.fresh("scales"), Tensor.from("float32", [4], [1, 1, 2, 2]));
  return g.add("Resize", [x.value, null, scales], [n, c, h * 2, w * 2], { mode: attr.string("nearest") });
};
const unsqueeze: Grow = (g, x) => {
  const wide = g.add("Unsqueeze", [x.value, g.ints([0])], [1, ...x.dims]);
  return g.add("Squeeze", [wide.value, g.ints([0])], x.dims);
};
const gather: Grow = (g, x) => g.add("Gather", [x.value, g.ints([0, 1])], x.dims.map((d, i) => (i === 1 ? 2 : d)), { axis: attr.int(1) });
const embedding: Grow = (g, x) => {
  const width = x.dims[x.dims.length - 1]!;
  const found = g.add("Gather", [g.tied([10, width]), g.ints([3])], [1, width]);
  return g.add("Add", [x.value, found.value], x.dims);
};
const where: Grow = (g, x) => {
  const condition = g.model.graph.addInitializer(g.fresh("mask"), Tensor.from("bool", [x.dims[x.dims.length - 1]!], x.dims.slice(-1).flatMap((d) => Array.from({ length: d }, (_, i) => i % 2))));
  const other = g.find((e) => e.dims.length === x.dims.length && e.dims.every((d, i) => d === x.dims[i])) ?? x;
  return g.add("Where", [condition, x.value, other.value], x.dims);
};

const matMul: Grow = (g, x) => {
  const k = x.dims[x.dims.length - 1]!;
  const n = g.pick([6, 8]);
  const other = x.dims.length === 3 && g.chance(0.4) ? undefined : g.tied([k, n]);
  if (other) return g.add("MatMul", [x.value, other], [...x.dims.slice(0, -1), n]);
  const flipped = transpose(g, x)!;
  return g.add("MatMul", [x.value, flipped.value], [...x.dims.slice(0, -1), x.dims[x.dims.length - 2]!]);
};
const gemm: Grow = (g, x) => {
  if (x.dims.length !== 2) return undefined;
  const [m, k] = x.dims as [number, number];
  const n = g.pick([5, 8]);
  const transB = g.chance(0.5);
  const bias = g.chance(0.7) ? [g.tied([n])] : [];
  const beta = bias.length > 0 && g.chance(0.2);
  return g.add("Gemm", [x.value, g.tied(transB ? [n, k] : [k, n]), ...bias], [m, n], { ...(transB ? { transB: attr.int(1) } : {}), ...(beta ? { beta: attr.float(0.5) } : {}) });
};
const batchNorm: Grow = (g, x) => {
  const c = x.dims[1]!;
  const variance = g.model.graph.addInitializer(g.fresh("var"), Tensor.from("float32", [c], new Float32Array(c).fill(0.75)));
  return g.add("BatchNormalization", [x.value, g.constant([c]), g.constant([c]), g.constant([c]), variance], x.dims);
};
const instanceNorm: Grow = (g, x) => g.add("InstanceNormalization", [x.value, g.constant([x.dims[1]!]), g.constant([x.dims[1]!])], x.dims);
const layerNorm: Grow = (g, x) =>
  g.model.opset < 17 ? undefined : g.add("LayerNormalization", [x.value, g.constant([x.dims.at(-1)!]), ...(g.chance(0.7) ? [g.constant([x.dims.at(-1)!])] : [])], x.dims);

const globalPool: Grow = (g, x) => g.add("GlobalAveragePool", [x.value], [x.dims[0]!, x.dims[1]!, 1, 1]);

/** Ways to grow, with weights. */
const steps: readonly (readonly [number, Grow])[] = [
  [6, rank4(conv)], [1, rank4(convTranspose)], [4, unary("Relu")], [3, clip], [1, unary("LeakyRelu", { alpha: attr.float(0.1) })], [2, unary("Sigmoid")],
  [1, unary("Tanh")], [1, unary("Softmax", { axis: attr.int(-1) })], [2, rank4(pool("MaxPool"))], [1, rank4(pool("AveragePool"))], [4, binary("Add")], [2, binary("Mul")],
  [1, binary("Sub")], [2, concat], [1, split], [1, rank4(flatten)], [1, rank4(tokens)], [2, transpose], [1, slice], [1, pad], [1, rank4(resize)], [1, unsqueeze],
  [1, gather], [1, embedding], [1, where], [5, matrix(matMul)], [4, gemm], [1, rank4(batchNorm)], [1, rank4(instanceNorm)], [1, layerNorm], [1, rank4(globalPool)],
];
const weighted = steps.flatMap(([weight, grow]) => Array.from({ length: weight }, () => grow));

/** The model with this number; always the same. */
export function randomGraph(seed: number): Model {
  const g = new GraphBuilder(seed);
  let edge = g.input(g.pick([[1, 4, 8, 8], [2, 3, 6, 6], [2, 12], [1, 6, 10]]));
  if (g.chance(0.2)) g.input(edge.dims);
  const length = 3 + g.random.int(10);
  for (let made = 0, tries = 0; made < length && tries < 200; tries++) {
    const from = g.chance(0.85) ? edge : (g.find(() => true) ?? edge);
    const next = g.pick(weighted)(g, from);
    if (!next) continue;
    edge = next;
    made++;
  }
  return g.finish(edge);
}
