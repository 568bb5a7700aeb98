/** Brings a feature of the student to the width and the size of the teacher's. */
import { Tensor, attr, random, type Value } from "@lathe/core";
import { distillErrors } from "../errors.ts";
import type { TermContext } from "../term.ts";
import type { Pair } from "./relations.ts";

export interface Aligned {
  readonly student: Value;
  readonly teacher: Value;
  readonly rank: number;
}

/**
 * Both features with one shape: [N, C, H, W] (maps), [N, T, C] (tokens) or [N, C]. Where the widths differ, the student passes a trained
 * projection (1x1 convolution or matrix, Romero et al. 2015), which is dropped after training; where maps differ in size, the larger is
 * average-pooled.
 * @throws DISTILL_SHAPE when ranks differ, sizes are unknown, or one map's size is no multiple of the other's
 */
export function aligned(c: TermContext, pair: Pair, term: string): Aligned {
  const [s, t] = [c.student(pair.student), c.teacher(pair.teacher)];
  const refuse = (expected: string): never => {
    throw distillErrors.DISTILL_SHAPE({ term, student: s.name, studentShape: s.shape, teacher: t.name, teacherShape: t.shape, expected });
  };
  const rank = s.shape?.length ?? 0;
  if (rank < 2 || rank > 4 || t.shape?.length !== rank) refuse("[N, C], [N, T, C] or [N, C, H, W] on both sides");
  const axis = rank === 4 ? 1 : rank - 1;
  const [from, to] = [s.shape![axis], t.shape![axis]];
  if (typeof from !== "number" || typeof to !== "number") refuse("a known width");
  const [small, large] = rank === 4 ? sameSize(c, s, t, refuse) : [s, t];
  return { student: from === to ? small : projected(c, small, rank, from as number, to as number), teacher: large, rank };
}

/** Weights are drawn as PyTorch draws those of Linear and Conv2d without bias: uniform within 1 / sqrt(from). */
function projected(c: TermContext, x: Value, rank: number, from: number, to: number): Value {
  const { float } = random(`${x.name} to ${to}`);
  const values = Float32Array.from({ length: from * to }, () => (2 * float() - 1) / Math.sqrt(from));
  if (rank === 4) return c.b.emit("Conv", [x, c.b.parameter("projection", Tensor.from("float32", [to, from, 1, 1], values))], { kernel_shape: attr.ints([1, 1]) });
  return c.b.emit("MatMul", [x, c.b.parameter("projection", Tensor.from("float32", [from, to], values))]);
}

/** Average-pools the larger of two maps to the other's size. */
export function sameSize(c: TermContext, s: Value, t: Value, refuse: (expected: string) => never): readonly [Value, Value] {
  const [a, b] = [s.shape!.slice(2), t.shape!.slice(2)];
  if (a.join() === b.join()) return [s, t];
  if (![...a, ...b].every((d) => typeof d === "number")) return refuse("known heights and widths, or equal ones");
  const pool = (x: Value, big: readonly number[], small: readonly number[]): Value => {
    const kernel = big.map((d, i) => d / small[i]!);
    if (!kernel.every((d) => Number.isInteger(d))) return refuse("a height and width that are multiples of the other's");
    return c.b.emit("AveragePool", [x], { kernel_shape: attr.ints(kernel), strides: attr.ints(kernel) });
  };
  const [m, n] = [a as number[], b as number[]];
  return m[0]! > n[0]! || m[1]! > n[1]! ? [pool(s, m, n), t] : [s, pool(t, n, m)];
}
