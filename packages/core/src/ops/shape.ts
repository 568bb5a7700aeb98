/** What many inference rules share: broadcasting, axes, reading integer inputs. */
import type { Dim, Shape } from "../ir/type.ts";
import { maxDims, sameDim } from "./dim.ts";
import type { InferContext } from "./op.ts";

/**
 * The common shape of broadcast operands (numpy rules). A symbol against a number > 1 is that number; two different symbols
 * give their maximum, because one of them must be 1 when they differ. Unknown ranks give undefined.
 */
export function broadcast(shapes: readonly (Shape | undefined)[], fail: (message: string) => never): Shape | undefined {
  let result: Shape | undefined = [];
  for (const shape of shapes) {
    if (!shape) return undefined;
    result = broadcast2(result, shape, fail);
  }
  return result;
}

function broadcast2(a: Shape, b: Shape, fail: (message: string) => never): Shape {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = i < rank - a.length ? 1 : a[i - rank + a.length]!;
    const y = i < rank - b.length ? 1 : b[i - rank + b.length]!;
    out.push(broadcastDim(x, y) ?? conflict(x, y, a, b, fail));
  }
  return out;
}

function broadcastDim(x: Dim, y: Dim): Dim | undefined {
  if (x === 1) return y;
  if (y === 1 || x === y || sameDim(x, y)) return x;
  if (typeof x === "number" && typeof y === "number") return undefined;
  if (typeof x === "number") return x;
  if (typeof y === "number") return y;
  return maxDims(x, y);
}

function conflict(x: Dim, y: Dim, a: Shape, b: Shape, fail: (message: string) => never): Dim {
  if (x === null || y === null) return null;
  return fail(`expects shapes that broadcast, but [${a.join(",")}] and [${b.join(",")}] came`);
}

/** Refuses data with fewer axes than an operator needs. */
export function atLeastRank(c: InferContext, input: number, least: number): void {
  const shape = c.shape(input);
  if (shape && shape.length < least) c.fail(`expects input ${input} of rank ${least} or more, but [${shape.join(",")}] came`);
}

/** An axis counted from 0; negative ones count from the end. */
export function axisOf(c: InferContext, axis: number, rank: number): number {
  if (axis < -rank || axis >= Math.max(rank, 1)) c.fail(`expects an axis in [${-rank}, ${rank - 1}], but ${axis} came`);
  return axis < 0 ? axis + rank : axis;
}

/**
 * Axes from an attribute or, in later opsets, a constant input; counted from 0. `absent` when neither is there,
 * undefined when the input is not constant.
 */
export function axesOf(c: InferContext, rank: number, attribute: string, input: number): readonly number[] | "absent" | undefined {
  const given = c.node.ints(attribute) ?? (c.has(input) ? intList(c, input) : "absent");
  return given === undefined || given === "absent" ? given : given.map((axis) => axisOf(c, axis, rank));
}

/** Values of a constant integer input. */
export function intList(c: InferContext, input: number): readonly number[] | undefined {
  const dims = c.dims(input);
  return dims?.every((d) => typeof d === "number") ? (dims as readonly number[]) : undefined;
}

/** Rule: output 0 is like this input. */
export const sameAs = (input: number) => (c: InferContext): void => {
  const type = c.type(input);
  if (type?.kind === "tensor") c.set(0, type.dtype, type.shape);
  else if (type) c.setType(0, type);
};

/** Rule: output 0 has the broadcast shape of all inputs; its element type follows from the signature. */
export const elementwise = (c: InferContext): void => {
  c.set(0, undefined, broadcast(Array.from({ length: c.inputCount }, (_, i) => c.shape(i)), c.fail));
};
