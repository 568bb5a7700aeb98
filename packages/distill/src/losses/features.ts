/** Matching tensors inside the models: hints, attention, hidden states. */
import type { Value } from "@lathe/core";
import type { Term } from "../term.ts";
import { aligned, sameSize } from "./align.ts";
import { comparing, needBatchFirst } from "./compare.ts";
import type { Pair } from "./relations.ts";

export interface HintOptions extends Pair {
  /** `mean`: mean of all squared differences. `paper`: half their sum over an example, mean over the batch. Default mean. */
  readonly reduction?: "mean" | "paper";
}

/** ||r(F_s) - F_t||^2 (Romero et al. 2015, FitNets), r a projection where the widths differ. @throws DISTILL_SHAPE */
export const hint = (options: HintOptions): Term => comparing("hint", options, (k, sides) => {
  if (options.reduction === "paper") needBatchFirst(k, sides);
  const { student, teacher } = aligned(k.b, sides);
  const squares = k.square(k.sub(student, teacher));
  return options.reduction === "paper" ? k.scale(k.div(k.total(squares), k.batch(student)), 0.5) : k.mean(squares);
});

export interface AttentionTransferOptions extends Pair {
  /** `paper`: Euclidean distance of normalised maps. `code`: mean of squared differences, as the authors' code has it; give it a weight near 1000. Default paper. */
  readonly mode?: "paper" | "code";
}

/**
 * Distance of spatial attention maps Q = vec(sum over channels of F^2), each of length 1 (Zagoruyko and Komodakis 2017). [N, C, H, W];
 * widths may differ. It helps between networks of one family and can harm between different ones.
 * @throws DISTILL_SHAPE
 */
export const attentionTransfer = (options: AttentionTransferOptions): Term => comparing("attention transfer", options, (k, sides) => {
  if (sides.student.shape?.length !== 4 || sides.teacher.shape?.length !== 4) sides.refuse("[N, C, H, W] on both sides");
  const map = (f: Value): Value => k.unit(k.reshape(k.average(k.square(f), [1]), [0, -1]), [1]);
  const [s, t] = sameSize(k.b, sides);
  const squares = k.square(k.sub(map(s), map(t)));
  return options.mode === "code" ? k.mean(squares) : k.mean(k.sqrt(k.atLeast(k.sum(squares, [1]), 1e-12)));
});

/** 1 - mean cosine of hidden states along the last axis (Sanh et al. 2019, DistilBERT), projected where the widths differ. [N, T, C] or [N, C]. */
export const hiddenCosine = (pair: Pair): Term => comparing("hidden cosine", pair, (k, sides) => {
  const { student, teacher, axis } = aligned(k.b, sides);
  return k.sub(k.b.scalar(1), k.mean(k.sum(k.mul(k.unit(student, [axis]), k.unit(teacher, [axis])), [axis])));
});

/**
 * mean((A_s - A_t)^2) over attention scores or probabilities [N, heads, T, T] (Jiao et al. 2020, TinyBERT, which takes the scores before
 * the softmax). Where the numbers of heads differ, means over the heads are compared.
 * @throws DISTILL_SHAPE
 */
export const attentionMaps = (pair: Pair): Term => comparing("attention maps", pair, (k, { student, teacher, refuse }) => {
  const [s, t] = [student.shape, teacher.shape];
  if (s?.length !== 4 || t?.length !== 4 || s.slice(2).join() !== t.slice(2).join()) return refuse("[N, heads, T, T] with one T");
  const overHeads = (x: Value): Value => (s[1] === t[1] ? x : k.average(x, [1]));
  return k.mean(k.square(k.sub(overHeads(student), overHeads(teacher))));
});
