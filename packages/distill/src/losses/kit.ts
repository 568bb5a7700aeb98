/** Shorthands in which the losses of this package are written. Shapes are inferred afterwards. */
import { Tensor, attr, type Value } from "@lathe/core";
import type { LossBuilder } from "@lathe/train";

export interface Kit {
  readonly b: LossBuilder;
  add(x: Value, y: Value): Value;
  sub(x: Value, y: Value): Value;
  mul(x: Value, y: Value): Value;
  div(x: Value, y: Value): Value;
  scale(x: Value, factor: number): Value;
  exp(x: Value): Value;
  log(x: Value): Value;
  sqrt(x: Value): Value;
  /** max(x, least). */
  atLeast(x: Value, least: number): Value;
  square(x: Value): Value;
  softmax(x: Value): Value;
  logSoftmax(x: Value): Value;
  matmul(x: Value, y: Value): Value;
  transpose(x: Value, perm: readonly number[]): Value;
  reshape(x: Value, dims: readonly number[]): Value;
  /** Sums over these axes, which stay with length 1 when `keep`. */
  sum(x: Value, axes: readonly number[], keep?: boolean): Value;
  average(x: Value, axes: readonly number[], keep?: boolean): Value;
  /** Mean of all elements, a scalar. */
  mean(x: Value): Value;
  /** Sum of all elements, a scalar. */
  total(x: Value): Value;
  /** Length of the batch, as a float32 scalar. */
  batch(x: Value): Value;
  /** x / ||x||_2 over these axes; 0 where the norm is 0. */
  unit(x: Value, axes: readonly number[]): Value;
}

/** Keeps square roots and quotients differentiable at 0. */
const TINY = 1e-12;

export function kit(b: LossBuilder): Kit {
  const ints = (values: readonly number[]): Value => b.graph.addInitializer(b.graph.freshName("loss/ints"), Tensor.int64(values));
  const reduce = (op: string) => (x: Value, axes: readonly number[], keep = false): Value => b.emit(op, [x, ints(axes)], { keepdims: attr.int(keep ? 1 : 0) });
  const binary = (op: string) => (x: Value, y: Value): Value => b.emit(op, [x, y]);
  const unary = (op: string) => (x: Value): Value => b.emit(op, [x]);
  const along = (op: string) => (x: Value): Value => b.emit(op, [x], { axis: attr.int(-1) });
  const [mul, add, div, sum, sqrt] = [binary("Mul"), binary("Add"), binary("Div"), reduce("ReduceSum"), unary("Sqrt")];
  const square = (x: Value): Value => mul(x, x);
  return {
    b, add, mul, div, sum, sqrt, square,
    sub: binary("Sub"), matmul: binary("MatMul"), exp: unary("Exp"), log: unary("Log"), softmax: along("Softmax"), logSoftmax: along("LogSoftmax"),
    average: reduce("ReduceMean"),
    scale: (x, factor) => mul(x, b.scalar(factor)),
    atLeast: (x, least) => b.emit("Max", [x, b.scalar(least)]),
    transpose: (x, perm) => b.emit("Transpose", [x], { perm: attr.ints(perm) }),
    reshape: (x, dims) => b.emit("Reshape", [x, ints(dims)]),
    mean: (x) => b.emit("ReduceMean", [x], { keepdims: attr.int(0) }, []),
    total: (x) => b.emit("ReduceSum", [x], { keepdims: attr.int(0) }, []),
    batch: (x) => b.emit("Cast", [b.emit("Squeeze", [b.emit("Shape", [x], { start: attr.int(0), end: attr.int(1) })])], { to: attr.int(1) }, []),
    unit: (x, axes) => div(x, sqrt(add(sum(square(x), axes, true), b.scalar(TINY)))),
  };
}
