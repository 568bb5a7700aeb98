/** Two operators in a row that only move, relabel or convert elements become one. */
import { dtypeFromId, dtypes, type DType } from "../dtype.ts";
import { attr } from "../ir/attribute.ts";
import type { Node } from "../ir/node.ts";
import { Tensor } from "../tensor.ts";
import { constantInts, intsArgument } from "./constants.ts";
import { bypass } from "./edit.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite, type Site } from "./scope.ts";

/** The node before, when it is one of `opTypes`. */
const before = (node: Node, ...opTypes: readonly string[]): Node | undefined => {
  const producer = node.input(0)?.producer;
  return node.domain === "" && producer?.domain === "" && opTypes.includes(producer.opType) && producer.input(0) ? producer : undefined;
};

const transposes: Rewrite = ({ node }) => {
  const first = node.is("Transpose") ? before(node, "Transpose") : undefined;
  const [p, q] = [first?.ints("perm"), node.ints("perm")];
  if (!first || !p || !q) return false;
  const perm = q.map((axis) => p[axis]!);
  if (perm.every((axis, i) => axis === i)) return bypass(node, first.input(0)!);
  node.setInput(0, first.input(0)!);
  node.setAttribute("perm", attr.ints(perm));
  return true;
};

/** A Reshape to given sizes makes all earlier changes of shape pointless. Zeros in the target mean sizes of its own input. */
const reshapes: Rewrite = ({ node }) => {
  const first = node.is("Reshape") ? before(node, "Reshape", "Flatten", "Squeeze", "Unsqueeze") : undefined;
  const target = constantInts(node.input(1));
  if (!first || !target || (target.includes(0) && node.int("allowzero", 0) === 0)) return false;
  for (let earlier: Node | undefined = first; earlier; earlier = before(node, "Reshape", "Flatten", "Squeeze", "Unsqueeze")) node.setInput(0, earlier.input(0)!);
  return true;
};

/** Cast to a type that holds every value of the source, and on to another: the detour changes nothing. */
const casts: Rewrite = ({ node }) => {
  const first = node.is("Cast") ? before(node, "Cast") : undefined;
  const [source, middle, target] = [first?.input(0)?.dtype, first && dtypeFromId(first.int("to", 0)), dtypeFromId(node.int("to", 0))];
  if (!first || !source || !middle || !target || !holds(middle, source)) return false;
  if (target === source) return bypass(node, first.input(0)!);
  if (!isPlain(target)) return false;
  node.setInput(0, first.input(0)!);
  return true;
};

const isPlain = (dtype: DType): boolean => ["float", "int", "uint", "bool"].includes(dtypes[dtype].kind) && dtypes[dtype].bits >= 8 && !dtype.startsWith("float8");

/** Bits of significand, sign included, that integers below this must not exceed to be exact. */
const exactBits: Partial<Record<DType, number>> = { float16: 12, bfloat16: 9, float32: 25, float64: 54 };

/** True when `wide` represents every value of `narrow` exactly. */
function holds(wide: DType, narrow: DType): boolean {
  if (wide === narrow) return isPlain(wide);
  if (!isPlain(wide) || !isPlain(narrow)) return false;
  const [w, n] = [dtypes[wide], dtypes[narrow]];
  if (n.kind === "bool") return w.kind !== "bool";
  if (w.kind === "bool") return false;
  if (n.kind === "float") return w.kind === "float" && w.bits > n.bits;
  if (w.kind === "float") return n.bits + (n.kind === "uint" ? 1 : 0) <= exactBits[wide]!;
  if (n.kind === w.kind) return w.bits > n.bits;
  return w.kind === "int" && w.bits > n.bits;
}

/** Axes of a Squeeze or Unsqueeze when they are known and none is negative. */
function plainAxes(node: Node): number[] | undefined {
  const axes = intsArgument(node, 1, "axes");
  return axes !== undefined && axes !== "unknown" && axes.every((a) => a >= 0) ? axes.sort((a, b) => a - b) : undefined;
}

const squeezes: Rewrite = (site) => {
  const { node } = site;
  const first = node.is("Squeeze") || node.is("Unsqueeze") ? before(node, "Squeeze", "Unsqueeze") : undefined;
  const [a, b] = [first && plainAxes(first), plainAxes(node)];
  if (!first || !a || !b) return false;
  if (first.opType !== node.opType) return a.join() === b.join() && bypass(node, first.input(0)!);
  // Axes of the outer operator count positions that the other one has shifted.
  const axes = node.is("Unsqueeze") ? inserted(b, a) : inserted(a, b);
  setAxes(site, axes);
  node.setInput(0, first.input(0)!);
  return true;
};

/** All axes of inserting `outer` into a shape that already has `inner` inserted, in terms of the result. */
function inserted(outer: readonly number[], inner: readonly number[]): number[] {
  const result = new Set(outer);
  let kept = -1;
  let at = -1;
  for (const axis of inner) {
    while (kept < axis) if (!result.has(++at) || !outer.includes(at)) kept++;
    result.add(at);
  }
  return [...result].sort((a, b) => a - b);
}

function setAxes(site: Site, axes: readonly number[]): void {
  const { node, opset } = site;
  if (opset < 13) node.setAttribute("axes", attr.ints(axes));
  else node.setInput(1, site.constant(Tensor.int64(axes), node.input(1)?.name || "axes"));
}

export const mergeMoves: Pass = nodePass("merge-moves", "Merges consecutive Transpose, Reshape, Cast, Squeeze and Unsqueeze.", transposes, reshapes, casts, squeezes);
