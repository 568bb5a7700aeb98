/** Shape rules of operators that keep the elements and change the shape. */
import type { Dim, Shape } from "../../ir/type.ts";
import { divDims, mulDims, productDims, sameDim } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { axesOf, axisOf, broadcast } from "../shape.ts";
import { normalizeAxis, unknownShape } from "./axes.ts";
import { sliceBounds } from "./slice.ts";
import { passDims } from "./values.ts";

type Infer = (c: InferContext) => void;

export const inferIdentity: Infer = (c) => {
  const type = c.type(0);
  if (type) c.setType(0, type);
  passDims(c);
};

export const inferShape: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return c.set(0, "int64", [null]);
  const { start, length } = sliceBounds(x.length, c.node.int("start", 0), c.node.int("end") ?? x.length, 1);
  c.set(0, "int64", [length]);
  c.setDims(0, x.slice(start, start + length));
};

export const inferSize: Infer = (c) => {
  c.set(0, "int64", []);
  const x = c.shape(0);
  if (x) c.setDims(0, [productDims(x)]);
};

/** a / b where factors that stand on both sides cancel first, so that symbols do not end in a floor. */
function quotient(a: readonly Dim[], b: readonly Dim[]): Dim {
  const rest = [...a];
  const divisors = b.filter((d) => {
    const at = rest.findIndex((x) => sameDim(x, d) && d !== 0);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
  const divisor = productDims(divisors);
  return divisor === 1 ? productDims(rest) : divisor === 0 ? null : divDims(productDims(rest), divisor);
}

/**
 * The shape that a Reshape gives. 0 copies the input's length (unless `allowZero`), -1 or one unknown length is what is left.
 * Fails when static sizes differ.
 */
export function reshaped(x: Shape | undefined, target: readonly Dim[], allowZero: boolean, fail: (message: string) => never): Shape {
  const copied = target.map((d, i): Dim => (d === 0 && !allowZero ? (x ? x[i] ?? fail(`expects a target shape whose entry 0 at ${i} names an input axis, but the input has rank ${x.length}`) : null) : d));
  const open = copied.flatMap((d, i) => (d === -1 ? [i] : []));
  if (open.length > 1) fail(`expects at most one -1 in the target shape, but [${target.join(", ")}] came`);
  const unknown = copied.flatMap((d, i) => (d === null ? [i] : []));
  const solve = open[0] ?? (unknown.length === 1 ? unknown[0] : undefined);
  const others = copied.filter((_, i) => i !== solve);
  const left = x && solve !== undefined ? quotient(x, others) : null;
  const shape = copied.map((d, i) => (i === solve ? left : d));
  const [size, wanted] = [x ? productDims(x) : null, productDims(shape)];
  if (typeof size === "number" && typeof wanted === "number" && size !== wanted) {
    fail(`expects a target shape of ${size} elements for the input [${x!.join(",")}], but [${target.join(", ")}] came`);
  }
  return shape;
}

export const inferReshape: Infer = (c) => {
  const target = c.node.ints("shape") ?? c.dims(1);
  if (!target) {
    const rank = c.shape(1)?.[0];
    return c.set(0, undefined, typeof rank === "number" ? unknownShape(rank) : undefined);
  }
  const shape = reshaped(c.shape(0), target, c.node.int("allowzero", 0) !== 0, c.fail);
  c.set(0, undefined, shape);
  if (shape.length < 2) passDims(c);
};

export const inferFlatten: Infer = (c) => {
  const x = c.shape(0);
  const at = c.node.int("axis", 1);
  if (!x) return c.set(0, undefined, [null, null]);
  if (at < -x.length || at > x.length) c.fail(`expects an axis in [${-x.length}, ${x.length}], but ${at} came`);
  const axis = normalizeAxis(at, x.length);
  c.set(0, undefined, [productDims(x.slice(0, axis)), productDims(x.slice(axis))]);
};

export const inferSqueeze: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return;
  const axes = axesOf(c, x.length, "axes", 1);
  if (axes === undefined) {
    const count = c.shape(1)?.[0];
    return c.set(0, undefined, typeof count === "number" ? unknownShape(Math.max(0, x.length - count)) : undefined);
  }
  if (axes === "absent" && x.some((d) => typeof d !== "number")) return;
  const gone = axes === "absent" ? x.flatMap((d, i) => (d === 1 ? [i] : [])) : axes;
  for (const axis of gone) if (typeof x[axis] === "number" && x[axis] !== 1) c.fail(`expects axis ${axis} to have length 1, but it has ${x[axis]}`);
  c.set(0, undefined, x.filter((_, i) => !gone.includes(i)));
  passDims(c);
};

export const inferUnsqueeze: Infer = (c) => {
  const x = c.shape(0);
  const count = c.node.ints("axes")?.length ?? c.shape(1)?.[0];
  if (!x || typeof count !== "number") return;
  const rank = x.length + count;
  const axes = axesOf(c, rank, "axes", 1);
  if (axes === undefined || axes === "absent") return c.set(0, undefined, unknownShape(rank));
  if (new Set(axes).size !== axes.length) c.fail(`expects distinct axes, but [${axes.join(", ")}] came`);
  const rest = [...x];
  c.set(0, undefined, Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!)));
  if (rank === 1) passDims(c);
};

export const inferTranspose: Infer = (c) => {
  const x = c.shape(0);
  if (!x) return;
  const perm = c.node.ints("perm") ?? x.map((_, i) => x.length - 1 - i);
  if (perm.length !== x.length || new Set(perm).size !== perm.length) c.fail(`expects a permutation of ${x.length} axes, but [${perm.join(", ")}] came`);
  c.set(0, undefined, perm.map((p) => x[axisOf(c, p, x.length)]!));
  passDims(c);
};

export const inferExpand: Infer = (c) => {
  const [x, target] = [c.shape(0), c.dims(1)];
  const rank = c.shape(1)?.[0];
  if (!target) return c.set(0, undefined, x && typeof rank === "number" ? broadcast([x, unknownShape(rank)], c.fail) : undefined);
  const shape = broadcast([x, target], c.fail);
  c.set(0, undefined, shape);
  const dims = c.dims(0);
  const length = shape?.length === 1 ? shape[0] : undefined;
  if (dims && typeof length === "number" && length <= 64) c.setDims(0, Array.from({ length }, (_, i) => dims[dims.length === 1 ? 0 : i]!));
};

export const inferTile: Infer = (c) => {
  const x = c.shape(0);
  const repeats = c.opset < 6 ? undefined : c.dims(1);
  if (!x) return;
  if (!repeats) return c.set(0, undefined, unknownShape(x.length));
  if (repeats.length !== x.length) c.fail(`expects ${x.length} repeats, one per axis, but ${repeats.length} came`);
  c.set(0, undefined, x.map((d, i) => mulDims(d, repeats[i]!)));
};
