/** Which constants single-weight pruning works on, and along which axis they are summed over. */
import type { Model, Node, Tensor, Value } from "@lathe/core";
import { pruneErrors } from "../errors.ts";
import { allConstants } from "../structure/constants.ts";

export interface Weight {
  readonly value: Value;
  readonly tensor: Tensor;
  /** Axis that the operator sums over. */
  readonly axis: number;
  /** Axis of the outputs. */
  readonly outputAxis: number;
}

/**
 * Kernels and matrices: float32 constants with two or more axes that Conv, ConvTranspose, Gemm or MatMul multiply with.
 * @throws PRUNE_UNKNOWN_WEIGHT for a name in `exclude` that the model does not have; PRUNE_NO_WEIGHTS when none is left.
 */
export function weightsOf(model: Model, exclude: readonly string[] = []): Weight[] {
  const values = allConstants(model);
  for (const name of exclude) if (!values.some((v) => v.name === name)) throw pruneErrors.PRUNE_UNKNOWN_WEIGHT({ weight: name });
  const found = values.flatMap((value) => {
    const { tensor } = value;
    if (tensor?.dtype !== "float32" || tensor.dims.length < 2 || exclude.includes(value.name)) return [];
    const axes = value.uses.map((u) => axesOf(u.node, u.index, tensor.dims.length)).find((a) => a !== undefined);
    return axes === undefined ? [] : [{ value, tensor, axis: axes[0], outputAxis: axes[1] }];
  });
  if (found.length === 0) throw pruneErrors.PRUNE_NO_WEIGHTS({});
  return found;
}

/** [summed axis, output axis] of an operand. */
function axesOf(node: Node, index: number, rank: number): readonly [number, number] | undefined {
  if (node.is("MatMul")) return index === 1 ? [rank - 2, rank - 1] : [rank - 1, rank - 2];
  if (index !== 1) return undefined;
  if (node.is("Conv")) return [1, 0];
  if (node.is("ConvTranspose")) return [0, 1];
  if (!node.is("Gemm")) return undefined;
  return node.int("transB", 0) === 1 ? [1, 0] : [0, 1];
}
