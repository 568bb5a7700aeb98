/** Matching the teacher's class probabilities. */
import { attr, type Value } from "@lathe/core";
import { divergenceTerms, logSoftened } from "@lathe/train";
import { distillErrors } from "../errors.ts";
import type { Term } from "../term.ts";
import { comparing, type Sides } from "./compare.ts";
import type { Kit } from "./kit.ts";

/** Which logits are compared; [N, classes] or [N, ..., classes], the same classes in the same order on both sides. Soft targets, hard targets and plain logits are also compared as [T, N, classes]. */
export interface Logits {
  /** Tensor of the student; default: its first output. */
  readonly student?: string;
  /** Tensor of the teacher; default: its first output. */
  readonly teacher?: string;
}

export interface SoftTargetOptions extends Logits {
  readonly weight?: number;
  /** Softens both distributions: softmax(z / T). Default 4. */
  readonly temperature?: number;
  /** `squared`: times T^2, so that the gradient does not shrink as T grows (Hinton et al. 2015). `none`: as some other tools have it. Default squared. */
  readonly scaling?: "squared" | "none";
  /** `batch`: sum over classes, mean over the batch. `element`: mean over both, which is smaller by the number of classes. Default batch. */
  readonly reduction?: "batch" | "element";
  /**
   * `forward`: KL(teacher || student). `reverse`: KL(student || teacher), which prefers one mode (MiniLLM). A number b between 0 and 1: the
   * generalised Jensen-Shannon divergence b KL(t || m) + (1 - b) KL(s || m), m = b t + (1 - b) s (Agarwal et al. 2024). Default forward.
   */
  readonly divergence?: "forward" | "reverse" | number;
  /** Both logits are brought to mean 0 and deviation 1 first (Sun et al. 2024), so that only their order and ratio count. Default false. */
  readonly standardize?: boolean;
}

/**
 * T^2 * KL(softmax(teacher / T) || softmax(student / T)) (Hinton, Vinyals, Dean 2015), or one of its relatives.
 * @throws DISTILL_SHAPE when the class counts differ, DISTILL_OPTION
 */
export function softTargets(options: SoftTargetOptions = {}): Term {
  const { temperature = 4, scaling = "squared", reduction = "batch", divergence = "forward", standardize = false } = options;
  if (!(temperature > 0)) throw distillErrors.DISTILL_OPTION({ option: "temperature", expected: "a number above 0", received: String(temperature) });
  if (typeof divergence === "number" && !(divergence > 0 && divergence < 1)) throw distillErrors.DISTILL_OPTION({ option: "divergence", expected: '"forward", "reverse" or a number between 0 and 1', received: String(divergence) });
  return comparing("soft targets", options, (k, sides) => {
    const [z, t] = logits(sides);
    const soften = (v: Value): Value => logSoftened(k.b, standardize ? standard(k, v) : v, temperature);
    const perClass = gap(k, soften(t), soften(z), divergence);
    const loss = reduction === "batch" ? k.mean(k.sum(perClass, [-1])) : k.mean(perClass);
    return scaling === "squared" ? k.scale(loss, temperature * temperature) : loss;
  });
}

/** Summands of the divergence, [N, ..., classes], from log-probabilities. */
function gap(k: Kit, teacher: Value, student: Value, divergence: "forward" | "reverse" | number): Value {
  const kl = (p: Value, q: Value): Value => divergenceTerms(k.b, p, q);
  if (divergence === "forward") return kl(teacher, student);
  if (divergence === "reverse") return kl(student, teacher);
  const mixture = k.log(k.atLeast(k.add(k.scale(k.exp(teacher), divergence), k.scale(k.exp(student), 1 - divergence)), 1e-30));
  return k.add(k.scale(kl(teacher, mixture), divergence), k.scale(kl(student, mixture), 1 - divergence));
}

function standard(k: Kit, z: Value): Value {
  const centred = k.sub(z, k.average(z, [-1], true));
  const deviation = k.sqrt(k.add(k.average(k.square(centred), [-1], true), k.b.scalar(1e-7)));
  return k.div(centred, deviation);
}

export interface HardTargetOptions extends Logits {
  readonly weight?: number;
}

/** Cross-entropy with the class that the teacher finds likeliest (Touvron et al. 2021, DeiT's hard distillation). */
export const hardTargets = (options: HardTargetOptions = {}): Term => comparing("hard targets", options, (k, sides) => {
  const [z, t] = logits(sides);
  const best = k.b.emit("ReduceMax", [t, k.b.axes([-1])], { keepdims: attr.int(1) });
  const chosen = k.b.emit("Cast", [k.b.emit("Equal", [t, best])], { to: attr.int(1) });
  // Ties share the weight.
  const target = k.div(chosen, k.sum(chosen, [-1], true));
  return k.scale(k.mean(k.sum(k.mul(k.logSoftmax(z), target), [-1])), -1);
});

export interface LogitMatchOptions extends Logits {
  readonly weight?: number;
}

/** mean((student - teacher)^2) over logits (Ba and Caruana 2014). */
export const matchLogits = (options: LogitMatchOptions = {}): Term => comparing("logits", options, (k, sides) => {
  const [z, t] = logits(sides);
  return k.mean(k.square(k.sub(z, t)));
});

/** Both logits, of equal rank and classes. @throws DISTILL_SHAPE */
export function logits({ student, teacher, refuse }: Sides): readonly [Value, Value] {
  const [a, b] = [student.shape, teacher.shape];
  if (!a || !b || a.length !== b.length || a.at(-1) !== b.at(-1)) refuse("logits of the same classes");
  return [student, teacher];
}
