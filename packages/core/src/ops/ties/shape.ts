/** Operators on shapes themselves. */
import type { Node } from "../../ir/node.ts";
import type { Value } from "../../ir/value.ts";
import { sliceBounds } from "../rules/slice.ts";
import { input, isNumber, output, rule, type Ties } from "./build.ts";
import { readList, setEntry } from "./resize.ts";

/** A tensor of one value: the axes of its constant shape are free. */
export const constantOfShapeTies: Ties = (c) => {
  const dims = c.constant(0)?.toNumbers();
  if (!dims) return undefined;
  const r = rule();
  dims.forEach((_, axis) => r.addFree(output(0, axis)).resizes.push(setEntry(output(0, axis), "shape", 0, axis)));
  return r.done();
};

/**
 * Shape reads lengths when the model runs, and what is computed from a length may be meant for another tensor. So an axis of static
 * length is held when its length is really read (Gather and Slice pick some axes); folding shapes first makes it a constant and
 * the axis free.
 */
export const shapeTies: Ties = (c) => {
  const x = c.shape(0);
  if (!x) return undefined;
  const read = readAxes(c.node, x.length);
  const r = rule();
  x.forEach((length, axis) => {
    if (!isNumber(length) || !read.has(axis)) r.addFree(input(0, axis));
  });
  return r.done("its length is read when the model runs: simplify the model first");
};

/** Axes whose lengths some consumer of a Shape node uses. */
function readAxes(node: Node, rank: number): Set<number> {
  const { start, length } = sliceBounds(rank, node.int("start", 0), node.int("end") ?? rank, 1);
  const own = Array.from({ length }, (_, i) => start + i);
  return new Set(readOf(node.out, own));
}

function readOf(lengths: Value, axes: readonly number[]): readonly number[] {
  if (lengths.isGraphOutput) return axes;
  return lengths.uses.flatMap(({ node: user }) => (user.is("Cast") || user.is("Identity") ? readOf(user.out, axes) : picked(user, axes) ?? axes));
}

function picked(user: Node, axes: readonly number[]): readonly number[] | undefined {
  if (user.is("Gather")) return user.input(1)?.constant?.toNumbers().map((i) => axes.at(i)!);
  if (!user.is("Slice")) return undefined;
  const [from, to] = [readList(user, "starts", 1), readList(user, "ends", 2)];
  const step = user.input(4) ? user.input(4)?.constant?.toNumbers()[0] : 1;
  if (from?.[0] === undefined || to?.[0] === undefined || step !== 1) return undefined;
  const { start, length } = sliceBounds(axes.length, from[0], to[0], 1);
  return axes.slice(start, start + length);
}
