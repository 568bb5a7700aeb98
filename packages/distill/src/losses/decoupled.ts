/** Decoupled knowledge distillation: the target class and the others apart. */
import { Tensor, attr, type Value } from "@lathe/core";
import type { Term } from "../term.ts";
import { comparing } from "./compare.ts";
import { logits, type Logits } from "./soft-targets.ts";

export interface DecoupledOptions extends Logits {
  readonly weight?: number;
  /** Default 4. */
  readonly temperature?: number;
  /** Weight of the binary part, target class against all others. Default 1. */
  readonly alpha?: number;
  /** Weight of the part among the other classes. Default 8. */
  readonly beta?: number;
  /** Name of the int64 [N] labels. Default "labels". */
  readonly labels?: string;
}

/** Takes the target class out of a softmax. */
const FAR = 1000;

/**
 * alpha T^2 KL(b_t || b_s) + beta T^2 KL(p_t || p_s), b = [p_g, 1 - p_g] for the label g, p = softmax over the other classes
 * (Zhao et al. 2022).
 * @throws DISTILL_SHAPE unless both logits are [N, classes]
 */
export const decoupled = (options: DecoupledOptions = {}): Term => comparing("decoupled", options, (k, sides) => {
  const { b } = k;
  const { temperature = 4, alpha = 1, beta = 8, labels = "labels" } = options;
  const [z, t] = logits(sides);
  const classes = z.shape!.at(-1);
  if (z.shape!.length !== 2 || typeof classes !== "number") return sides.refuse("[N, classes]");
  const given = b.input(labels, "int64", [z.shape![0]!]);
  const target = b.emit("OneHot", [given, b.axes([classes]), b.graph.addInitializer(b.graph.freshName("loss/onehot"), Tensor.from("float32", [2], [0, 1]))], { axis: attr.int(-1) });
  const others = k.sub(b.scalar(1), target);
  const [s, r] = [k.scale(z, 1 / temperature), k.scale(t, 1 / temperature)];
  const part = (p: Value, mask: Value): Value => k.atLeast(k.sum(k.mul(p, mask), [-1]), 1e-7);
  const share = (p: Value, q: Value): Value => k.mul(p, k.sub(k.log(p), k.log(q)));
  const [ps, pr] = [k.softmax(s), k.softmax(r)];
  const binary = k.mean(k.add(share(part(pr, target), part(ps, target)), share(part(pr, others), part(ps, others))));
  const without = (v: Value): Value => k.logSoftmax(k.sub(v, k.scale(target, FAR)));
  const [ls, lr] = [without(s), without(r)];
  const rest = k.mean(k.sum(k.mul(k.mul(k.exp(lr), k.sub(lr, ls)), others), [-1]));
  return k.scale(k.add(k.scale(binary, alpha), k.scale(rest, beta)), temperature * temperature);
});
