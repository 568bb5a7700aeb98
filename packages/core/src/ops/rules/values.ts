/**
 * Propagation of shape values: integer scalars and vectors whose elements are dimensions (Shape -> Gather -> Mul -> Concat ...).
 * Elements may be symbolic, so an exported `x.shape[1] * 2` stays known.
 */
import type { Dim } from "../../ir/type.ts";
import type { InferContext } from "../op.ts";
import { elementwise } from "../shape.ts";

/** Longest vector of dimensions worth following. */
const MAX_VALUES = 256;

/** Scalars and vectors of dimensions brought to one length; undefined when one is unknown. */
export function broadcastValues(c: InferContext, inputs: readonly number[]): (readonly Dim[])[] | undefined {
  const lists = inputs.map((i) => c.dims(i));
  if (!lists.every((l) => l !== undefined)) return undefined;
  const length = Math.max(...lists.map((l) => l.length));
  if (length > MAX_VALUES || lists.some((l) => l.length !== length && l.length !== 1)) return undefined;
  return lists.map((l) => (l.length === length ? l : Array.from({ length }, () => l[0]!)));
}

/** Elementwise shape rule that also computes dimensions, for integer arithmetic of two or more inputs. */
export const dimArithmetic = (f: (a: Dim, b: Dim) => Dim) => (c: InferContext): void => {
  elementwise(c);
  const lists = broadcastValues(c, Array.from({ length: c.inputCount }, (_, i) => i));
  if (!lists || lists.length === 0) return;
  c.setDims(0, lists[0]!.map((first, at) => lists.slice(1).reduce<Dim>((acc, list) => f(acc, list[at]!), first)));
};

/** Passes the dimensions of input 0 on, when it has them. */
export function passDims(c: InferContext, pick: (dims: readonly Dim[]) => readonly Dim[] = (dims) => dims): void {
  const dims = c.dims(0);
  if (dims && dims.length <= MAX_VALUES) c.setDims(0, pick(dims));
}
