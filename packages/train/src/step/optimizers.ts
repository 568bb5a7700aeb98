/**
 * Optimizers, written as ONNX nodes: new parameter and state from old ones and the gradient. The learning rate is an input of the step,
 * so that schedules need no rebuild. All tensors float32; formulas follow PyTorch's, whose results they reproduce.
 */
import { Node, Tensor, Value, attr, tensorType, type Attribute, type Graph, type Shape } from "@lathe/core";

export interface OptimizerContext {
  readonly emit: (opType: string, inputs: readonly Value[], shape?: Shape) => Value;
  readonly scalar: (value: number) => Value;
  /** Sum of squares of all elements, a scalar. */
  readonly squaredNorm: (x: Value) => Value;
  /** float32 scalar. */
  readonly learningRate: Value;
  /** float32 scalars 1 - beta1^t and 1 - beta2^t of step t (from 1); made by the loop for optimizers that ask for `bias`. */
  readonly bias1: Value;
  readonly bias2: Value;
}

export interface Optimizer {
  readonly name: string;
  /** State tensors a parameter has, of the parameter's shape, zero at first. */
  readonly state: readonly string[];
  /** Decay rates for the bias correction; absent when not needed. */
  readonly betas?: readonly [number, number];
  /** `decay` is false for parameters without weight decay. */
  readonly update: (c: OptimizerContext, parameter: Value, gradient: Value, state: readonly Value[], decay: boolean) => { parameter: Value; state: readonly Value[] };
}

const axpy = (c: OptimizerContext, x: Value, a: number, y: Value): Value => c.emit("Add", [x, c.emit("Mul", [y, c.scalar(a)])]);

export interface SgdOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}

/** v = momentum v + g; w -= lr v (or g + momentum v with Nesterov). Sutskever et al. 2013. */
export function sgd({ momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimizer {
  return {
    name: "sgd",
    state: momentum === 0 ? [] : ["momentum"],
    update: (c, w, g, [v], decay) => {
      const gradient = decay && weightDecay !== 0 ? axpy(c, g, weightDecay, w) : g;
      const velocity = v ? c.emit("Add", [c.emit("Mul", [v, c.scalar(momentum)]), gradient]) : undefined;
      const step = velocity ? (nesterov ? axpy(c, gradient, momentum, velocity) : velocity) : gradient;
      return { parameter: c.emit("Sub", [w, c.emit("Mul", [step, c.learningRate])]), state: velocity ? [velocity] : [] };
    },
  };
}

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
}

/** m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= lr (m / bias1) / (sqrt(v / bias2) + eps). Kingma & Ba 2015. */
function adamFamily(name: string, decoupled: boolean, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 }: AdamOptions): Optimizer {
  return {
    name,
    state: ["exp_avg", "exp_avg_sq"],
    betas: [beta1, beta2],
    update: (c, w, g, [m, v], decay) => {
      const decays = decay && weightDecay !== 0;
      const gradient = decays && !decoupled ? axpy(c, g, weightDecay, w) : g;
      const mean = c.emit("Add", [c.emit("Mul", [m!, c.scalar(beta1)]), c.emit("Mul", [gradient, c.scalar(1 - beta1)])]);
      const square = c.emit("Add", [c.emit("Mul", [v!, c.scalar(beta2)]), c.emit("Mul", [c.emit("Mul", [gradient, gradient]), c.scalar(1 - beta2)])]);
      const root = c.emit("Add", [c.emit("Sqrt", [c.emit("Div", [square, c.bias2])]), c.scalar(epsilon)]);
      const rate = c.emit("Div", [c.learningRate, c.bias1]);
      const kept = decays && decoupled ? c.emit("Sub", [w, c.emit("Mul", [w, c.emit("Mul", [c.learningRate, c.scalar(weightDecay)])])]) : w;
      return { parameter: c.emit("Sub", [kept, c.emit("Mul", [c.emit("Div", [mean, root]), rate])]), state: [mean, square] };
    },
  };
}

export const adam = (options: AdamOptions = {}): Optimizer => adamFamily("adam", false, options);

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019); default decay 0.01. */
export const adamW = (options: AdamOptions = {}): Optimizer => adamFamily("adamw", true, { weightDecay: 0.01, ...options });

export interface RmsPropOptions {
  readonly alpha?: number;
  readonly epsilon?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
}

/** v = a v + (1-a) g^2; w -= lr g / (sqrt(v) + eps) (Tieleman & Hinton 2012), optionally with momentum. */
export function rmsProp({ alpha = 0.99, epsilon = 1e-8, momentum = 0, weightDecay = 0 }: RmsPropOptions = {}): Optimizer {
  return {
    name: "rmsprop",
    state: momentum === 0 ? ["square_avg"] : ["square_avg", "momentum"],
    update: (c, w, g, [v, b], decay) => {
      const gradient = decay && weightDecay !== 0 ? axpy(c, g, weightDecay, w) : g;
      const square = c.emit("Add", [c.emit("Mul", [v!, c.scalar(alpha)]), c.emit("Mul", [c.emit("Mul", [gradient, gradient]), c.scalar(1 - alpha)])]);
      const scaled = c.emit("Div", [gradient, c.emit("Add", [c.emit("Sqrt", [square]), c.scalar(epsilon)])]);
      const buffer = b ? c.emit("Add", [c.emit("Mul", [b, c.scalar(momentum)]), scaled]) : undefined;
      return { parameter: c.emit("Sub", [w, c.emit("Mul", [buffer ?? scaled, c.learningRate])]), state: buffer ? [square, buffer] : [square] };
    },
  };
}

/** The emit functions of a context over a graph. */
export function optimizerContext(graph: Graph, inputs: Pick<OptimizerContext, "learningRate" | "bias1" | "bias2">): OptimizerContext {
  let count = 0;
  const scalars = new Map<number, Value>();
  const append = (opType: string, values: readonly Value[], shape?: Shape, attributes: Readonly<Record<string, Attribute>> = {}): Value => {
    const output = new Value(`update/${opType}_${count++}`, shape ? tensorType("float32", shape) : undefined);
    graph.append(new Node({ opType, name: output.name, inputs: values, outputs: [output], attributes }));
    return output;
  };
  return {
    ...inputs,
    emit: (opType, values, shape) => append(opType, values, shape),
    squaredNorm: (x) => append("ReduceSumSquare", [x], [], { keepdims: attr.int(0) }),
    scalar: (value) => {
      let made = scalars.get(value);
      if (!made) scalars.set(value, (made = graph.addInitializer(`update/const_${count++}`, Tensor.from("float32", [], [value]))));
      return made;
    },
  };
}
