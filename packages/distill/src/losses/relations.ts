/** Matching how examples, or classes, relate to each other rather than their values. */
import type { Value } from "@lathe/core";
import { distillErrors } from "../errors.ts";
import type { Term } from "../term.ts";
import { comparing, needBatchFirst, type Sides } from "./compare.ts";
import type { Kit } from "./kit.ts";
import { logits, type Logits } from "./soft-targets.ts";

export interface CorrelationOptions extends Logits {
  readonly weight?: number;
  /** Default 1. */
  readonly temperature?: number;
  /** Weight of the correlation over the classes of an example. Default 1. */
  readonly inter?: number;
  /** Weight of the correlation over the examples of a class. Default 1. */
  readonly intra?: number;
}

/**
 * inter T^2 mean_n(1 - r(p_s[n, :], p_t[n, :])) + intra T^2 mean_c(1 - r(p_s[:, c], p_t[:, c])), r Pearson's correlation of
 * probabilities (Huang et al. 2022, DIST). It bears teachers much stronger than the student.
 */
export const correlation = (options: CorrelationOptions = {}): Term => comparing("correlation", options, (k, sides) => {
  const { temperature = 1, inter = 1, intra = 1 } = options;
  needBatchFirst(k, sides);
  const [z, t] = logits(sides).map((v) => k.softmax(k.scale(v, 1 / temperature))) as [Value, Value];
  const apart = (axis: number): Value => k.sub(k.b.scalar(1), k.mean(k.sum(k.mul(k.unit(centred(k, z, axis), [axis]), k.unit(centred(k, t, axis), [axis])), [axis])));
  return k.scale(k.add(k.scale(apart(-1), inter), k.scale(apart(0), intra)), temperature * temperature);
});

const centred = (k: Kit, x: Value, axis: number): Value => k.sub(x, k.average(x, [axis], true));

/** A tensor of each side. */
export interface Pair {
  readonly student: string;
  readonly teacher: string;
  readonly weight?: number;
}

/** [N, ...] as [N, features]. @throws DISTILL_SHAPE */
function flat(k: Kit, sides: Sides): readonly [Value, Value] {
  const { student, teacher, refuse } = sides;
  needBatchFirst(k, sides);
  if ((student.shape?.length ?? 0) < 2 || (teacher.shape?.length ?? 0) < 2) refuse("[N, ...] on both sides");
  return [k.reshape(student, [0, -1]), k.reshape(teacher, [0, -1])];
}

/** ||G_s - G_t||_F^2 / N^2, G = F F^T with rows of length 1 (Tung and Mori 2019). Widths may differ. */
export const similarity = (pair: Pair): Term => comparing("similarity", pair, (k, sides) => {
  const gram = (f: Value): Value => k.unit(k.matmul(f, k.transpose(f, [1, 0])), [1]);
  const [s, t] = flat(k, sides);
  // The mean over N x N elements is the division by N^2.
  return k.mean(k.square(k.sub(gram(s), gram(t))));
});

export interface RelationalOptions extends Pair {
  /** Weight of the distances. Default 25. */
  readonly distance?: number;
  /** Weight of the angles, whose memory grows with N^3. Default 50; 0 leaves them out. */
  readonly angle?: number;
}

/** Huber loss between all pair distances, each divided by their mean, and all angles in triples (Park et al. 2019). Widths may differ. */
export const relational = (options: RelationalOptions): Term => comparing("relational", options, (k, sides) => {
  const { distance = 25, angle = 50 } = options;
  const [s, t] = flat(k, sides);
  const parts = [...(distance > 0 ? [k.scale(huber(k, distances(k, s), distances(k, t)), distance)] : []), ...(angle > 0 ? [k.scale(huber(k, angles(k, s), angles(k, t)), angle)] : [])];
  if (parts.length === 0) throw distillErrors.DISTILL_OPTION({ option: "distance and angle", expected: "not both 0", received: "0 and 0" });
  return parts.reduce((a, b) => k.add(a, b));
});

/** Mean of 0.5 d^2 where |d| < 1, |d| - 0.5 beyond: m (|d| - m / 2) with m = min(|d|, 1). */
function huber(k: Kit, x: Value, y: Value): Value {
  const size = k.b.emit("Abs", [k.sub(x, y)]);
  const near = k.b.emit("Min", [size, k.b.scalar(1)]);
  return k.mean(k.mul(near, k.sub(size, k.scale(near, 0.5))));
}

/** [N, N] distances over their mean (the zeros of the diagonal not counted). */
function distances(k: Kit, f: Value): Value {
  const squares = k.sum(k.square(f), [1], true);
  const squared = k.sub(k.add(squares, k.transpose(squares, [1, 0])), k.scale(k.matmul(f, k.transpose(f, [1, 0])), 2));
  // The difference of large numbers is not exactly 0 on the diagonal.
  const off = k.sub(k.b.scalar(1), k.b.emit("EyeLike", [k.b.emit("ConstantOfShape", [k.b.emit("Shape", [squared])])]));
  const d = k.mul(k.sqrt(k.atLeast(squared, 1e-12)), off);
  const n = k.batch(f);
  // A single example has no pairs.
  const mean = k.div(k.total(d), k.atLeast(k.mul(n, k.sub(n, k.b.scalar(1))), 1));
  return k.div(d, k.atLeast(mean, 1e-12));
}

/** [N, N, N] cosines of the angle at i between j and k. */
function angles(k: Kit, f: Value): Value {
  const difference = k.sub(k.b.emit("Unsqueeze", [f, k.b.axes([0])]), k.b.emit("Unsqueeze", [f, k.b.axes([1])]));
  const edges = k.unit(difference, [2]);
  return k.matmul(edges, k.transpose(edges, [0, 2, 1]));
}
