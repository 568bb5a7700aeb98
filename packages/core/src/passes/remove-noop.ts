/** Operators that, with these arguments, hand their input through. */
import { isInteger } from "../dtype.ts";
import type { Shape } from "../ir/type.ts";
import { isStatic } from "../ir/type.ts";
import type { Value } from "../ir/value.ts";
import { dtypeFromId } from "../dtype.ts";
import { constantInts, constantScalar, intsArgument } from "./constants.ts";
import { bypass, removeUnused } from "./edit.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Site } from "./scope.ts";

type Check = (site: Site, x: Value) => boolean;

/** Ends at or beyond this are "to the end" by convention of exporters. */
const TO_THE_END = 2 ** 31 - 1;

const sameStaticShape = (a: Shape | undefined, b: Shape | undefined): boolean => isStatic(a) && isStatic(b) && a.length === b.length && a.every((d, i) => d === b[i]);

const checks: Readonly<Record<string, Check>> = {
  Cast: ({ node }, x) => x.dtype !== undefined && dtypeFromId(node.int("to", 0)) === x.dtype,
  CastLike: ({ node }, x) => x.dtype !== undefined && node.input(1)?.dtype === x.dtype,
  Reshape: ({ node }, x) => sameStaticShape(x.shape, node.out.shape) || reshapesToItself(x.shape, constantInts(node.input(1)), node.int("allowzero", 0) === 1),
  Flatten: ({ node }, x) => x.rank === 2 && (node.int("axis", 1) === 1 || node.int("axis", 1) === -1),
  Transpose: ({ node }, x) => {
    const perm = node.ints("perm");
    return perm ? perm.every((p, i) => p === i) : x.rank !== undefined && x.rank < 2;
  },
  Slice: slicesAll,
  Pad: ({ node, opset }) => {
    const pads = opset < 11 ? node.ints("pads") : constantInts(node.input(1));
    return pads !== undefined && pads.every((p) => p === 0);
  },
  Expand: ({ node }, x) => {
    const shape = constantInts(node.input(1));
    if (sameStaticShape(x.shape, node.out.shape)) return true;
    return shape !== undefined && x.rank !== undefined && shape.length <= x.rank && shape.every((d, i) => d === 1 || d === x.shape![x.rank! - shape.length + i]);
  },
  Tile: ({ node }) => constantInts(node.input(1))?.every((r) => r === 1) ?? false,
  Squeeze: ({ node }) => emptyAxes(node.input(1), node.ints("axes")),
  Unsqueeze: ({ node }) => emptyAxes(node.input(1), node.ints("axes")),
  Resize: ({ node, opset }, x) => {
    if (node.string("coordinate_transformation_mode") === "tf_crop_and_resize") return false;
    return sameStaticShape(x.shape, node.out.shape) || unitScales(node.input(opset < 11 ? 1 : 2));
  },
  Upsample: ({ node }, x) => sameStaticShape(x.shape, node.out.shape) || unitScales(node.input(1)),
  // x + 0 turns -0 into +0, which compares equal.
  Add: ({ node }, x) => neutral(node.input(1), 0, x),
  Sub: ({ node }, x) => neutral(node.input(1), 0, x),
  Mul: ({ node }, x) => neutral(node.input(1), 1, x),
  Div: ({ node }, x) => neutral(node.input(1), 1, x),
  Pow: ({ node }, x) => neutral(node.input(1), 1, x) && node.input(1)?.dtype === x.dtype,
  AveragePool: unitPool,
  MaxPool: ({ node }) => unitPool({ node }) && (!node.output(1) || node.output(1)!.isUnused),
};

/** Operators whose second application changes nothing. */
const idempotent = new Set(["Relu", "Abs", "Ceil", "Floor", "Round", "Sign"]);
/** Operators that undo themselves. */
const involutions = new Set(["Neg", "Not"]);

export const removeNoop: Pass = nodePass(
  "remove-noop",
  "Removes operators that hand their input through: casts to the same type, reshapes to the same shape, slices of everything, zero pads and the like.",
  (site) => {
    const { node } = site;
    const x = node.input(0);
    if (node.domain !== "" || !x || !Object.hasOwn(checks, node.opType)) return false;
    return checks[node.opType]!(site, x) && bypass(node, x);
  },
  // A constant may also stand first in a sum or product.
  ({ node }) => {
    const x = node.input(1);
    if (!x || !(node.is("Add") || node.is("Mul"))) return false;
    return neutral(node.input(0), node.opType === "Add" ? 0 : 1, x) && bypass(node, x);
  },
  ({ node }) => {
    const before = node.input(0)?.producer;
    if (node.domain !== "" || !before?.is(node.opType) || before === node) return false;
    if (idempotent.has(node.opType)) return bypass(node, before.out);
    return involutions.has(node.opType) && before.input(0) !== undefined && bypass(node, before.input(0)!) && (removeUnused(before), true);
  },
);

/** A target shape that gives back `shape` for certain: the same numbers, 0 for "as it is", and -1 where all else agrees. */
function reshapesToItself(shape: Shape | undefined, target: readonly number[] | undefined, allowZero: boolean): boolean {
  if (!shape || !target || shape.length !== target.length) return false;
  const same = (t: number, i: number): boolean => t === shape[i] || (t === 0 && !allowZero);
  const free = target.filter((t, i) => !same(t, i));
  return free.length === 0 || (free.length === 1 && free[0] === -1 && !(allowZero && target.includes(0)));
}

function slicesAll({ node, opset }: Site, x: Value): boolean {
  const old = opset < 10;
  const starts = old ? node.ints("starts") : constantInts(node.input(1));
  const ends = old ? node.ints("ends") : constantInts(node.input(2));
  const axes = old ? node.ints("axes") : intsArgument(node, 3, "");
  const steps = old || !node.input(4) ? undefined : (constantInts(node.input(4)) ?? "unknown");
  if (!starts || !ends || axes === "unknown" || steps === "unknown") return false;
  if (steps?.some((s) => s !== 1) || starts.some((s) => s !== 0)) return false;
  return ends.every((end, i) => {
    const axis = axes ? axes[i]! : i;
    const length = x.shape?.[axis < 0 ? axis + (x.rank ?? 0) : axis];
    return end >= TO_THE_END || (typeof length === "number" && end >= length);
  });
}

const emptyAxes = (input: Value | undefined, attribute: readonly number[] | undefined): boolean => {
  const axes = input ? constantInts(input) : attribute;
  return axes !== undefined && axes.length === 0;
};

function unitScales(scales: Value | undefined): boolean {
  const tensor = scales?.constant;
  return tensor !== undefined && tensor.size > 0 && tensor.toNumbers().every((s) => s === 1);
}

/** A constant of one element that changes neither x nor, by broadcasting, its shape. */
function neutral(constant: Value | undefined, element: number, x: Value): boolean {
  if (constantScalar(constant) !== element || (constant!.dtype !== x.dtype && isInteger(x.dtype))) return false;
  const rank = constant!.rank ?? 0;
  return rank === 0 || (x.rank !== undefined && rank <= x.rank);
}

function unitPool({ node }: Pick<Site, "node">): boolean {
  const ones = (name: string): boolean => (node.ints(name) ?? []).every((k) => k === 1);
  return ones("kernel_shape") && ones("strides") && (node.ints("pads") ?? []).every((p) => p === 0);
}
