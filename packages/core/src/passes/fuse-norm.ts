/** LayerNormalization (opset 17) and RMSNormalization (opset 23) written as elementary operators. */
import { attr } from "../ir/attribute.ts";
import type { Node } from "../ir/node.ts";
import type { Value } from "../ir/value.ts";
import { constantScalar, intsArgument } from "./constants.ts";
import { replaceMatch } from "./fuse.ts";
import { any, constant, either, matchWhole, op, opWith, scalar, type Captures, type Pattern } from "./match.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite } from "./scope.ts";

const x = any("x");
const epsilon: Pattern = (value, state, next) => {
  const e = constantScalar(value);
  return e !== undefined && e > 0 && e < 1e-2 && any("epsilon")(value, state, next);
};

const mean = (of: Pattern, as: string): Pattern => opWith("ReduceMean", { as }, of);
const square = (of: Pattern): Pattern => either(op("Pow", of, scalar(2)), op("Mul", of, of));
const root = (of: Pattern): Pattern => either(op("Sqrt", of), op("Pow", of, scalar(0.5)));
/** of / sqrt(under), in the forms that exporters write. */
const divided = (of: Pattern, under: Pattern): Pattern =>
  either(op("Div", of, root(under)), op("Mul", of, op("Reciprocal", root(under))), op("Mul", of, op("Div", scalar(1), root(under))), op("Mul", of, op("Pow", under, scalar(-0.5))));

const centred = opWith("Sub", { as: "centred" }, x, mean(x, "mean"));
/** Ba et al. 2016: (x - mean) / sqrt(variance + epsilon). */
const layer = divided(centred, op("Add", mean(square(centred), "variance"), epsilon));
/** Zhang and Sennrich 2019: x / sqrt(mean(x^2) + epsilon). */
const rms = divided(x, op("Add", mean(square(x), "variance"), epsilon));

const scaled = (of: Pattern): Pattern => op("Mul", of, constant("scale"));
const shifted = (of: Pattern): Pattern => op("Add", scaled(of), constant("bias"));

/** First axis of a mean over all trailing axes, as a negative number; undefined when it is something else. */
function trailingAxis(node: Node, rank: number | undefined): number | undefined {
  const given = intsArgument(node, 1, "axes");
  if (given === undefined || given === "unknown" || node.int("keepdims", 1) !== 1) return undefined;
  if (given.some((a) => a >= 0) && rank === undefined) return undefined;
  const axes = given.map((a) => (a < 0 ? a : a - rank!)).sort((a, b) => a - b);
  return axes.length > 0 && axes.every((a, i) => a === i - axes.length) ? -axes.length : undefined;
}

/** The parameter has the shape of the normalised axes and nothing more. */
const spans = (parameter: Value | undefined, input: Value, axis: number): boolean => {
  const [own, whole] = [parameter?.shape, input.shape];
  if (!own || !whole || own.length !== -axis) return false;
  return own.every((d, i) => d === whole[whole.length + axis + i] && typeof d === "number");
};

interface Form {
  readonly op: string;
  readonly since: number;
  readonly core: Pattern;
  readonly means: readonly string[];
}

const forms: readonly Form[] = [
  { op: "LayerNormalization", since: 17, core: layer, means: ["mean", "variance"] },
  { op: "RMSNormalization", since: 23, core: rms, means: ["variance"] },
];

const recognise = ({ op: opType, since, core, means }: Form): Rewrite => (site) => {
  const { node, opset } = site;
  if (opset < since || node.domain !== "") return false;
  const withBias = opType === "LayerNormalization" && node.is("Add") ? matchWhole(shifted(core), node.out) : undefined;
  const found = withBias ?? (node.is("Mul") && !feedsBias(node, opType) ? matchWhole(scaled(core), node.out) : undefined);
  const axis = found && commonAxis(found, means);
  if (!found || axis === undefined) return false;
  const { x: input, scale, bias } = found.values;
  if (!fits(found, axis)) return false;
  const attributes = { axis: attr.int(axis), epsilon: attr.float(Math.fround(constantScalar(found.values["epsilon"])!)) };
  replaceMatch(site, found, opType, bias ? [input!, scale!, bias] : [input!, scale!], attributes);
  return true;
};

/** Parameters fit and the element type is one in which the operator computes the same way. */
function fits(found: Captures, axis: number): boolean {
  const { x: input, scale, bias } = found.values;
  if (!input || input.dtype !== "float32" || scale?.dtype !== "float32") return false;
  return spans(scale, input, axis) && (!bias || spans(bias, input, axis));
}

function commonAxis(found: Captures, means: readonly string[]): number | undefined {
  const rank = found.values["x"]?.rank;
  const axes = new Set(means.map((name) => trailingAxis(found.named[name]!, rank)));
  return axes.size === 1 ? [...axes][0] : undefined;
}

/** The Add behind a scaled LayerNormalization is its bias: the match there takes both. */
const feedsBias = (node: Node, opType: string): boolean =>
  opType === "LayerNormalization" && node.out.consumers.length === 1 && !node.out.isGraphOutput && node.out.consumers[0]!.is("Add") && node.out.consumers[0]!.inputs.some((v) => v?.constant && v.rank === 1);

export const fuseNorm: Pass = nodePass(
  "fuse-norm",
  "Recognises LayerNormalization (opset 17 on) and RMSNormalization (opset 23 on).",
  ...forms.map(recognise),
);
