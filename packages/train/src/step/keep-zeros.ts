/** Weights that were pruned to zero stay zero: their gradients and their updates are masked. */
import { Tensor, type Graph, type Value } from "@lathe/core";
import { isKernel } from "./parameters.ts";
import type { OptimizerContext } from "./optimizers.ts";

/** True for each element that may change. */
export type ZeroMasks = ReadonlyMap<Value, Tensor>;

/** Masks of the kernels and matrices that hold zeros; biases, norm scales and the like may leave zero. Ask before the backward pass is written. */
export function zeroMasks(parameters: Iterable<Value>): ZeroMasks {
  return new Map([...parameters].flatMap((value) => {
    const tensor = value.tensor!;
    if (!isKernel(value)) return [];
    const keep = Uint8Array.from(tensor.toFloat32(), (x) => (x === 0 ? 0 : 1));
    return keep.includes(0) ? [[value, Tensor.fromBytes("bool", tensor.dims, keep)] as const] : [];
  }));
}

/** Selects rather than multiplies: no infinity becomes NaN, and no zero gets a sign. */
export function masking(graph: Graph, c: OptimizerContext, masks: ZeroMasks): (parameter: Value, x: Value) => Value {
  const constants = new Map([...masks].map(([parameter, mask]) => [parameter, graph.addInitializer(graph.freshName(`update/keep/${parameter.name}`), mask)]));
  return (parameter, x) => {
    const mask = constants.get(parameter);
    return mask ? c.emit("Where", [mask, x, c.scalar(0)]) : x;
  };
}
