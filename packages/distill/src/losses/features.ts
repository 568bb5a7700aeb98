/** Matching tensors inside the models: hints, attention, hidden states. */
import type { Value } from "@lathe/core";
import { distillErrors } from "../errors.ts";
import type { Term } from "../term.ts";
import { aligned, sameSize } from "./align.ts";
import { kit, type Kit } from "./kit.ts";
import type { Pair } from "./relations.ts";

export interface HintOptions extends Pair {
  /** `mean`: mean of all squared differences. `paper`: half their sum over an example, mean over the batch. Default mean. */
  readonly reduction?: "mean" | "paper";
}

/** ||r(F_s) - F_t||^2 (Romero et al. 2015, FitNets), r a projection where the widths differ. @throws DISTILL_SHAPE */
export const hint = (options: HintOptions): Term => ({
  name: "hint", weight: options.weight ?? 1, reads: [options.teacher],
  write(c) {
    const k = kit(c.b);
    const { student, teacher } = aligned(c, options, "hint");
    const squares = k.square(k.sub(student, teacher));
    return options.reduction === "paper" ? k.scale(k.div(k.total(squares), k.batch(student)), 0.5) : k.mean(squares);
  },
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
export const attentionTransfer = (options: AttentionTransferOptions): Term => ({
  name: "attention transfer", weight: options.weight ?? 1, reads: [options.teacher],
  write(c) {
    const k = kit(c.b);
    const [s, t] = [c.student(options.student), c.teacher(options.teacher)];
    const refuse = (expected: string): never => {
      throw distillErrors.DISTILL_SHAPE({ term: "attention transfer", student: s.name, studentShape: s.shape, teacher: t.name, teacherShape: t.shape, expected });
    };
    if (s.shape?.length !== 4 || t.shape?.length !== 4) refuse("[N, C, H, W] on both sides");
    const map = (f: Value): Value => k.unit(k.reshape(k.average(k.square(f), [1]), [0, -1]), [1]);
    const [a, b] = sameSize(c, s, t, refuse);
    const squares = k.square(k.sub(map(a), map(b)));
    return options.mode === "code" ? k.mean(squares) : k.mean(k.sqrt(k.atLeast(k.sum(squares, [1]), 1e-12)));
  },
});

/** 1 - mean cosine of hidden states along the last axis (Sanh et al. 2019, DistilBERT), projected where the widths differ. [N, T, C] or [N, C]. */
export const hiddenCosine = (pair: Pair): Term => ({
  name: "hidden cosine", weight: pair.weight ?? 1, reads: [pair.teacher],
  write(c) {
    const k = kit(c.b);
    const { student, teacher, rank } = aligned(c, pair, "hidden cosine");
    const axis = rank === 4 ? 1 : -1;
    return k.sub(c.b.scalar(1), k.mean(k.sum(k.mul(k.unit(student, [axis]), k.unit(teacher, [axis])), [axis])));
  },
});

/**
 * mean((A_s - A_t)^2) over attention scores or probabilities [N, heads, T, T] (Jiao et al. 2020, TinyBERT, which takes the scores before
 * the softmax). Where the numbers of heads differ, means over the heads are compared.
 * @throws DISTILL_SHAPE
 */
export const attentionMaps = (pair: Pair): Term => ({
  name: "attention maps", weight: pair.weight ?? 1, reads: [pair.teacher],
  write(c) {
    const k = kit(c.b);
    const [s, t] = [c.student(pair.student), c.teacher(pair.teacher)];
    if (s.shape?.length !== 4 || t.shape?.length !== 4 || s.shape.slice(2).join() !== t.shape.slice(2).join()) throw distillErrors.DISTILL_SHAPE({ term: "attention maps", student: s.name, studentShape: s.shape, teacher: t.name, teacherShape: t.shape, expected: "[N, heads, T, T] with one T" });
    const [a, b] = s.shape[1] === t.shape[1] ? [s, t] : [overHeads(k, s), overHeads(k, t)];
    return k.mean(k.square(k.sub(a, b)));
  },
});

const overHeads = (k: Kit, x: Value): Value => k.average(x, [1]);
