import { attr } from "../ir/attribute.ts";
import type { Node } from "../ir/node.ts";
import { intsArgument } from "./constants.ts";
import { replaceMatch } from "./fuse.ts";
import { any, matchWhole, op, opWith } from "./match.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite } from "./scope.ts";

/** The axis of a reduction over one axis that keeps it; undefined otherwise. */
export function keptAxis(node: Node): number | undefined {
  const axes = intsArgument(node, 1, "axes");
  return axes !== undefined && axes !== "unknown" && axes.length === 1 && node.int("keepdims", 1) === 1 ? axes[0] : undefined;
}

const x = any("x");
const shifted = op("Sub", x, opWith("ReduceMax", { as: "max" }, x));
const exp = opWith("Exp", { as: "exp" }, shifted);
/** exp(x - max) / sum(exp(x - max)); the numerator is one node that both read. */
const stable = op("Div", exp, opWith("ReduceSum", { as: "sum" }, exp));

const recognise: Rewrite = (site) => {
  const { node, opset } = site;
  const found = node.is("Div") ? matchWhole(stable, node.out) : undefined;
  if (!found || node.input(0) !== node.input(1)?.producer?.input(0)) return false;
  const axis = keptAxis(found.named["sum"]!);
  const rank = found.values["x"]!.rank;
  if (axis === undefined || axis !== keptAxis(found.named["max"]!)) return false;
  // Before opset 13 Softmax works on all axes from `axis` on: the same only for the last one.
  if (opset < 13 && axis !== -1 && (rank === undefined || axis !== rank - 1)) return false;
  if (opset < 11 && rank === undefined) return false;
  replaceMatch(site, found, "Softmax", [found.values["x"]!], { axis: attr.int(opset < 11 && axis < 0 ? axis + rank! : axis) });
  return true;
};

export const fuseSoftmax: Pass = nodePass("fuse-softmax", "Recognises Softmax written as exp, sum and division.", recognise);
