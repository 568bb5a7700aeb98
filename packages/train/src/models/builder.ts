/** Writes layers as ONNX nodes: what the model builders, examples and tests share. */
import { Model, Tensor, attr, tensorType, type Attribute, type Shape, type Value } from "@lathe/core";

/** Uniform numbers in [0, 1). */
export type Uniform = () => number;

export interface BuilderOptions {
  readonly name: string;
  /** Default 21. */
  readonly opset?: number;
  readonly random: Uniform;
}

/** Standard normal numbers by the Box-Muller transform. */
export function gaussian(random: Uniform): () => number {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

export class ModelBuilder {
  readonly model: Model;
  readonly #normal: () => number;
  readonly #random: Uniform;
  readonly #counts = new Map<string, number>();

  constructor(options: BuilderOptions) {
    this.model = new Model({ opset: options.opset ?? 21, irVersion: 10 });
    this.model.graph.name = options.name;
    this.model.producerName = "lathe";
    this.#random = options.random;
    this.#normal = gaussian(options.random);
  }

  input(name: string, shape: Shape, dtype: "float32" | "int64" = "float32"): Value {
    return this.model.graph.addInput(name, tensorType(dtype, shape));
  }

  /** Finishes the model with one output. */
  output(value: Value, name: string, shape: Shape): Model {
    value.name = name;
    value.type = tensorType("float32", shape);
    this.model.graph.addOutput(value);
    return this.model;
  }

  node(opType: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}, outputs = 1): Value {
    const count = this.#counts.get(opType) ?? 0;
    this.#counts.set(opType, count + 1);
    const name = `${opType}_${count}`;
    const names = Array.from({ length: outputs }, (_, i) => (i === 0 ? `${name}_out` : `${name}_out${i}`));
    return this.model.graph.add({ opType, name, inputs, outputs: names, attributes }).out;
  }

  param(name: string, dims: readonly number[], data: Float32Array): Value {
    return this.model.graph.addInitializer(name, Tensor.from("float32", dims, data));
  }

  filled(name: string, dims: readonly number[], value: number): Value {
    return this.param(name, dims, new Float32Array(dims.reduce((p, d) => p * d, 1)).fill(value));
  }

  normal(name: string, dims: readonly number[], deviation: number): Value {
    return this.param(name, dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => this.#normal() * deviation));
  }

  uniform(name: string, dims: readonly number[], bound: number): Value {
    return this.param(name, dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => (this.#random() * 2 - 1) * bound));
  }

  ints(name: string, values: readonly number[], dims?: readonly number[]): Value {
    return this.model.graph.addInitializer(name, Tensor.int64(values, dims ?? [values.length]));
  }

  /** Kernel [out, in / group, k, k] with Kaiming normal weights (He et al. 2015, fan-out). */
  conv(x: Value, name: string, inChannels: number, outChannels: number, options: { kernel?: number; stride?: number; pad?: number; group?: number; bias?: boolean } = {}): Value {
    const { kernel = 3, stride = 1, group = 1, bias = false } = options;
    const pad = options.pad ?? Math.floor(kernel / 2);
    const fanOut = (kernel * kernel * outChannels) / group;
    const weight = this.normal(`${name}.weight`, [outChannels, inChannels / group, kernel, kernel], Math.sqrt(2 / fanOut));
    const inputs = bias ? [x, weight, this.filled(`${name}.bias`, [outChannels], 0)] : [x, weight];
    return this.node("Conv", inputs, {
      kernel_shape: attr.ints([kernel, kernel]), strides: attr.ints([stride, stride]), pads: attr.ints([pad, pad, pad, pad]), group: attr.int(group),
    });
  }

  /** BatchNormalization in inference form; the training graph switches it to batch statistics. */
  batchNorm(x: Value, name: string, channels: number): Value {
    const vectors = [["weight", 1], ["bias", 0], ["running_mean", 0], ["running_var", 1]] as const;
    return this.node("BatchNormalization", [x, ...vectors.map(([part, value]) => this.filled(`${name}.${part}`, [channels], value))], { epsilon: attr.float(1e-5), momentum: attr.float(0.9) });
  }

  relu(x: Value): Value {
    return this.node("Relu", [x]);
  }

  /** Gemm with W [out, in], Kaiming uniform weights as in PyTorch's Linear (bound 1 / sqrt(in)). For rank-2 values. */
  linear(x: Value, name: string, inFeatures: number, outFeatures: number): Value {
    const bound = 1 / Math.sqrt(inFeatures);
    const weight = this.uniform(`${name}.weight`, [outFeatures, inFeatures], bound);
    return this.node("Gemm", [x, weight, this.uniform(`${name}.bias`, [outFeatures], bound)], { transB: attr.int(1) });
  }

  /** MatMul + Add with W [in, out], truncated-normal-like weights (deviation 0.02, as BERT and ViT). For any rank. */
  dense(x: Value, name: string, inFeatures: number, outFeatures: number): Value {
    const weight = this.normal(`${name}.weight`, [inFeatures, outFeatures], 0.02);
    return this.node("Add", [this.node("MatMul", [x, weight]), this.filled(`${name}.bias`, [outFeatures], 0)]);
  }

  layerNorm(x: Value, name: string, features: number, epsilon = 1e-5): Value {
    return this.node("LayerNormalization", [x, this.filled(`${name}.weight`, [features], 1), this.filled(`${name}.bias`, [features], 0)], { axis: attr.int(-1), epsilon: attr.float(epsilon) });
  }

  reshape(x: Value, name: string, dims: readonly number[]): Value {
    return this.node("Reshape", [x, this.ints(`${name}.shape`, dims)]);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.node("Transpose", [x], { perm: attr.ints(perm) });
  }

  scalar(name: string, value: number): Value {
    return this.param(name, [], Float32Array.of(value));
  }

  maxPool(x: Value, kernel: number, stride = kernel): Value {
    return this.node("MaxPool", [x], { kernel_shape: attr.ints([kernel, kernel]), strides: attr.ints([stride, stride]) });
  }

  globalAveragePool(x: Value): Value {
    return this.node("Flatten", [this.node("GlobalAveragePool", [x])], { axis: attr.int(1) });
  }
}
