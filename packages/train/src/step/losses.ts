/**
 * Losses, written as ONNX nodes behind the model's outputs. Each adds the inputs it needs (labels, soft targets) and gives a float32 scalar,
 * the mean over the batch. They may be summed with weights.
 */
import { Node, Tensor, Value, attr, tensorType, type Attribute, type Graph, type Shape } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import { STOPS_GRADIENT } from "../grad/backward.ts";

/** What a loss is written with: the graph of the step and shorthands. */
export class LossBuilder {
  readonly graph: Graph;
  /** Parameters that belong to the loss: trained with the model's own, and not part of the result. */
  readonly parameters: Value[] = [];
  readonly #prefix: string;
  #count = 0;

  /** `prefix` begins the names of what is written. */
  constructor(graph: Graph, prefix = "loss") {
    this.graph = graph;
    this.#prefix = prefix;
  }

  /** A model output or intermediate value, by name. @throws TRAIN_NO_VALUE */
  value(name: string): Value {
    const found = this.graph.value(name);
    if (!found) throw trainErrors.TRAIN_NO_VALUE({ value: name, outputs: this.graph.outputs.map((o) => o.name) });
    return found;
  }

  /** An input of the step; made on first use. */
  input(name: string, dtype: "float32" | "int64", shape: Shape): Value {
    return this.graph.inputs.find((v) => v.name === name) ?? this.graph.addInput(name, tensorType(dtype, shape));
  }

  /** A name that this builder gives once. */
  label(what: string): string {
    return `${this.#prefix}/${what}_${this.#count++}`;
  }

  emit(opType: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}, shape?: Shape): Value {
    const output = new Value(this.label(opType), shape ? tensorType("float32", shape) : undefined);
    this.graph.append(new Node({ opType, name: output.name, inputs, outputs: [output], attributes }));
    return output;
  }

  /** A parameter of the loss itself, for instance a projection between two widths; it changes with the model's and is dropped afterwards. */
  parameter(name: string, tensor: Tensor): Value {
    const value = this.graph.addInitializer(this.graph.freshName(`loss/${name}`), tensor);
    this.parameters.push(value);
    return value;
  }

  constant(tensor: Tensor): Value {
    return this.graph.addInitializer(this.label("const"), tensor);
  }

  scalar(value: number): Value {
    return this.constant(Tensor.from("float32", [], [value]));
  }

  axes(values: readonly number[]): Value {
    return this.constant(Tensor.int64(values));
  }

  /** The same value without a gradient: what reads it does not change the parameters behind it. */
  detach(x: Value): Value {
    const value = this.emit("Identity", [x], {}, x.shape);
    value.producer!.metadata = new Map([[STOPS_GRADIENT, "1"]]);
    return value;
  }

  /** Mean over all elements, as a scalar. */
  mean(x: Value): Value {
    return this.emit("ReduceMean", [x], { keepdims: attr.int(0) }, []);
  }

  /** Sum over one axis, which goes. */
  sum(x: Value, axis: number): Value {
    return this.emit("ReduceSum", [x, this.axes([axis])], { keepdims: attr.int(0) }, x.shape?.filter((_, i) => i !== (axis < 0 ? axis + x.shape!.length : axis)));
  }
}

/** A loss is a function that writes itself. */
export type Loss = (b: LossBuilder) => Value;

export interface CrossEntropyOptions {
  /** Output with unnormalised logits [N, classes]; default: the first output. */
  readonly logits?: string;
  /** Name of the int64 [N] input to add. Default "labels". */
  readonly labels?: string;
  /** Share of probability spread evenly over all classes (Szegedy et al. 2016). */
  readonly labelSmoothing?: number;
}

const firstOutput = (b: LossBuilder, name: string | undefined): Value => (name ? b.value(name) : b.graph.outputs[0]!);

/** Softmax cross-entropy with integer labels: -mean(sum_k t_k log softmax(z)_k), t = one-hot, smoothed. */
export const crossEntropy = (options: CrossEntropyOptions = {}): Loss => (b) => {
  const logits = firstOutput(b, options.logits);
  const shape = logits.shape;
  const classes = shape?.at(-1);
  if (!shape || shape.length !== 2 || typeof classes !== "number") throw trainErrors.TRAIN_LOSS_SHAPE({ loss: "crossEntropy", value: logits.name, expected: "[N, classes] with a known class count" });
  const labels = b.input(options.labels ?? "labels", "int64", [shape[0]!]);
  const smoothing = options.labelSmoothing ?? 0;
  const off = smoothing / classes;
  const values = b.constant(Tensor.from("float32", [2], [off, 1 - smoothing + off]));
  const target = b.emit("OneHot", [labels, b.axes([classes]), values], { axis: attr.int(-1) }, shape);
  return softCrossEntropy(b, logits, target);
};

function softCrossEntropy(b: LossBuilder, logits: Value, target: Value): Value {
  const { shape } = logits;
  const log = b.emit("LogSoftmax", [logits], { axis: attr.int(-1) }, shape);
  const perSample = b.sum(b.emit("Mul", [log, target], {}, shape), -1);
  return b.emit("Neg", [b.mean(perSample)], {}, []);
}

export interface TargetOptions {
  /** The model's output; default: the first. */
  readonly output?: string;
  /** Name of the float32 input to add, of the output's shape. Default "target". */
  readonly target?: string;
}

/** Applies f to (output, target) elementwise and takes the mean. */
const regression = (f: (b: LossBuilder, y: Value, t: Value, shape: Shape) => Value) => (options: TargetOptions = {}): Loss => (b) => {
  const y = firstOutput(b, options.output);
  if (!y.shape) throw trainErrors.TRAIN_LOSS_SHAPE({ loss: "regression", value: y.name, expected: "a known shape" });
  return b.mean(f(b, y, b.input(options.target ?? "target", "float32", y.shape), y.shape));
};

const difference = (b: LossBuilder, y: Value, t: Value, shape: Shape): Value => b.emit("Sub", [y, t], {}, shape);

/** mean((y - t)^2). */
export const meanSquaredError = regression((b, y, t, shape) => {
  const d = difference(b, y, t, shape);
  return b.emit("Mul", [d, d], {}, shape);
});

/** mean(|y - t|). */
export const meanAbsoluteError = regression((b, y, t, shape) => b.emit("Abs", [difference(b, y, t, shape)], {}, shape));

/** Binary cross-entropy from logits: mean(max(z, 0) - z t + log(1 + e^-|z|)), which does not overflow. */
export const binaryCrossEntropy = regression((b, z, t, shape) => {
  const positive = b.emit("Relu", [z], {}, shape);
  const product = b.emit("Mul", [z, t], {}, shape);
  const tail = b.emit("Softplus", [b.emit("Neg", [b.emit("Abs", [z], {}, shape)], {}, shape)], {}, shape);
  return b.emit("Add", [b.emit("Sub", [positive, product], {}, shape), tail], {}, shape);
});

/** 1 - mean cosine similarity along the last axis. */
export const cosineDistance = (options: TargetOptions = {}): Loss => (b) => {
  const y = firstOutput(b, options.output);
  if (!y.shape) throw trainErrors.TRAIN_LOSS_SHAPE({ loss: "cosineDistance", value: y.name, expected: "a known shape" });
  const t = b.input(options.target ?? "target", "float32", y.shape);
  const dot = b.sum(b.emit("Mul", [y, t], {}, y.shape), -1);
  const norm = (v: Value): Value => b.emit("ReduceL2", [v, b.axes([-1])], { keepdims: attr.int(0) }, y.shape!.slice(0, -1));
  const length = b.emit("Max", [b.emit("Mul", [norm(y), norm(t)], {}, dot.shape), b.scalar(1e-8)], {}, dot.shape);
  return b.emit("Sub", [b.scalar(1), b.mean(b.emit("Div", [dot, length], {}, dot.shape))], {}, []);
};

export interface DistillationOptions {
  readonly logits?: string;
  /** Name of the float32 input with the teacher's logits. Default "teacher_logits". */
  readonly teacher?: string;
  /** Default 4. */
  readonly temperature?: number;
}

/**
 * T^2 * KL(softmax(teacher / T) || softmax(student / T)), mean over the batch (Hinton et al. 2015); the factor keeps the size
 * of the gradient independent of T.
 */
export const distillation = ({ logits, teacher = "teacher_logits", temperature = 4 }: DistillationOptions = {}): Loss => (b) => {
  const z = firstOutput(b, logits);
  if (!z.shape) throw trainErrors.TRAIN_LOSS_SHAPE({ loss: "distillation", value: z.name, expected: "a known shape" });
  const soften = (v: Value): Value => logSoftened(b, v, temperature);
  const kl = b.mean(b.sum(divergenceTerms(b, soften(b.input(teacher, "float32", z.shape)), soften(z)), -1));
  return b.emit("Mul", [kl, b.scalar(temperature * temperature)], {}, []);
};

/** log softmax(z / T) over the last axis. */
export function logSoftened(b: LossBuilder, z: Value, temperature: number): Value {
  const scaled = b.emit("Mul", [z, b.scalar(1 / temperature)], {}, z.shape);
  return b.emit("LogSoftmax", [scaled], { axis: attr.int(-1) }, z.shape);
}

/** The summands p (log p - log q) of KL(p || q), one for each class, from log-probabilities of one shape. */
export function divergenceTerms(b: LossBuilder, logP: Value, logQ: Value): Value {
  const p = b.emit("Exp", [logP], {}, logP.shape);
  return b.emit("Mul", [p, b.emit("Sub", [logP, logQ], {}, logP.shape)], {}, logP.shape);
}

/** Weighted sum: `combine([[0.5, crossEntropy()], [0.5, distillation()]])`. */
export const combine = (terms: readonly (readonly [number, Loss])[]): Loss => (b) =>
  terms.map(([weight, loss]) => b.emit("Mul", [loss(b), b.scalar(weight)], {}, [])).reduce((a, c) => b.emit("Add", [a, c], {}, []));
