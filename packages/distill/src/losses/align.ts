/** Brings a feature of the student to the width and the size of the teacher's. */
import { Tensor, attr, random, type Value } from "@lathe/core";
import type { LossBuilder } from "@lathe/train";
import type { Sides } from "./compare.ts";

export interface Aligned {
  readonly student: Value;
  readonly teacher: Value;
  /** The axis of the features. */
  readonly axis: number;
}

/**
 * Both features with one shape: [N, C, H, W] (maps), [N, T, C] (tokens) or [N, C]. Where the widths differ, the student passes a trained
 * projection (1x1 convolution or matrix, Romero et al. 2015), which is dropped after training; where maps differ in size, the larger is
 * average-pooled.
 * @throws DISTILL_SHAPE when ranks differ, sizes are unknown, or one map's size is no multiple of the other's
 */
export function aligned(b: LossBuilder, sides: Sides): Aligned {
  const { student, teacher, refuse } = sides;
  const rank = student.shape?.length ?? 0;
  if (rank < 2 || rank > 4 || teacher.shape?.length !== rank) refuse("[N, C], [N, T, C] or [N, C, H, W] on both sides");
  const axis = rank === 4 ? 1 : rank - 1;
  const [from, to] = [student.shape![axis], teacher.shape![axis]];
  if (typeof from !== "number" || typeof to !== "number") return refuse("a known width");
  const [small, large] = rank === 4 ? sameSize(b, sides) : [student, teacher];
  return { student: from === to ? small : projected(b, small, rank, from, to), teacher: large, axis };
}

/** Weights are drawn as PyTorch draws those of Linear and Conv2d without bias: uniform within 1 / sqrt(from). */
function projected(b: LossBuilder, x: Value, rank: number, from: number, to: number): Value {
  const { float } = random(`${x.name} to ${to}`);
  const values = Float32Array.from({ length: from * to }, () => (2 * float() - 1) / Math.sqrt(from));
  if (rank === 4) return b.emit("Conv", [x, b.parameter("projection", Tensor.from("float32", [to, from, 1, 1], values))], { kernel_shape: attr.ints([1, 1]) });
  return b.emit("MatMul", [x, b.parameter("projection", Tensor.from("float32", [from, to], values))]);
}

/** Average-pools the larger of two maps to the other's size. */
export function sameSize(b: LossBuilder, { student: s, teacher: t, refuse }: Sides): readonly [Value, Value] {
  const [m, n] = [s.shape!.slice(2), t.shape!.slice(2)];
  if (m.join() === n.join()) return [s, t];
  if (![...m, ...n].every((d) => typeof d === "number")) return refuse("known heights and widths, or equal ones");
  const pool = (x: Value, big: readonly number[], small: readonly number[]): Value => {
    const kernel = big.map((d, i) => d / small[i]!);
    if (!kernel.every((d) => Number.isInteger(d))) return refuse("a height and width that are multiples of the other's");
    return b.emit("AveragePool", [x], { kernel_shape: attr.ints(kernel), strides: attr.ints(kernel) });
  };
  const [own, other] = [m as number[], n as number[]];
  return own[0]! > other[0]! || own[1]! > other[1]! ? [pool(s, own, other), t] : [s, pool(t, other, own)];
}
