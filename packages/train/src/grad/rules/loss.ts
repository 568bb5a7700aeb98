/**
 * SoftmaxCrossEntropyLoss with integer labels: dlogits = (softmax - onehot) * w[label] * dloss, divided by the sum of the weights for `mean`;
 * rows whose label is ignore_index weigh nothing. Logits [N, C, ...], labels [N, ...].
 */
import { attr, type GradContext, type GradRule, type OpRules, type Value } from "@lathe/core";
import { castLike, div, ints, mul, range, rankOf, rule, scalar, shapeOf, sub, unsupported } from "../build.ts";

const crossEntropy: GradRule = (c) => {
  const { node } = c;
  if (c.dy(1)) return unsupported(c, "a gradient into log_prob (take LogSoftmax yourself)");
  const dy = c.dy(0);
  if (!dy) return [undefined];
  const [logits, labels] = [c.input(0), c.input(1)];
  const classes = shapeOf(c, logits)[1];
  if (typeof classes !== "number") return unsupported(c, "a symbolic class count");
  const p = c.emit("Softmax", [logits], { axis: attr.int(1) });
  const { valid, weight } = rowWeights(c, labels, logits);
  const onehot = c.emit("OneHot", [valid, ints(c, [classes]), pair(c, logits)], { axis: attr.int(1) });
  const reduction = node.string("reduction", "mean");
  if (reduction === "none") return [mul(c, sub(c, p, onehot), byRow(c, product(c, weight, dy)))];
  const share = reduction === "sum" ? dy : div(c, dy, total(c, weight, labels, logits));
  return [mul(c, sub(c, p, onehot), weight ? mul(c, byRow(c, weight), share) : share)];
};

const product = (c: GradContext, weight: Value | undefined, dy: Value): Value => (weight ? mul(c, weight, dy) : dy);

/** [N, ...] to [N, 1, ...]. */
const byRow = (c: GradContext, rows: Value): Value => c.emit("Unsqueeze", [rows, ints(c, [1])]);

/** The weight of each row, undefined when all are 1; and labels that may be looked up (ignored ones become 0). */
function rowWeights(c: GradContext, labels: Value, logits: Value): { valid: Value; weight: Value | undefined } {
  const ignored = c.node.int("ignore_index");
  if (ignored === undefined) return { valid: labels, weight: c.has(2) ? c.emit("Gather", [c.input(2), labels]) : undefined };
  const typed = (value: number): Value => castLike(c, ints(c, [value]), labels);
  const kept = c.emit("Not", [c.emit("Equal", [labels, typed(ignored)])]);
  const valid = c.emit("Where", [kept, labels, typed(0)]);
  const mask = castLike(c, kept, logits);
  return { valid, weight: c.has(2) ? mul(c, mask, c.emit("Gather", [c.input(2), valid])) : mask };
}

/** What `mean` divides by. */
const total = (c: GradContext, weight: Value | undefined, labels: Value, like: Value): Value =>
  weight ? c.emit("ReduceSum", [weight, ints(c, range(0, rankOf(c, labels)))], { keepdims: attr.int(0) }) : castLike(c, c.emit("Size", [labels]), like);

const pair = (c: GradContext, like: Value): Value => {
  const one = (value: number): Value => c.emit("Unsqueeze", [scalar(c, value, like), ints(c, [0])]);
  return c.emit("Concat", [one(0), one(1)], { axis: attr.int(0) });
};

export const losses: readonly OpRules[] = [rule("SoftmaxCrossEntropyLoss", crossEntropy)];
