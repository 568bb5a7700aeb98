/**
 * Comparisons, with their result where it is the same for all values of the symbols: exporters guard an Expand by
 * `Where(Equal(shape, -1), ...)`, and sizes are not negative. A bool result is followed like a shape value: 0 or 1.
 */
import type { Dim } from "../../ir/type.ts";
import { maxDims, sameDim, subDims } from "../dim.ts";
import type { InferContext } from "../op.ts";
import { broadcastAs } from "./elementwise.ts";
import { broadcastValues } from "./values.ts";

type Decide = (a: Dim, b: Dim) => boolean | undefined;

/** True when a >= b + margin for all values of the symbols. */
function atLeast(a: Dim, b: Dim, margin = 0): boolean {
  const rest = subDims(subDims(a, b), margin);
  return rest !== null && sameDim(maxDims(0, rest), rest);
}

const decide = (holds: boolean, fails: boolean): boolean | undefined => (holds ? true : fails ? false : undefined);

const equal: Decide = (a, b) => decide(sameDim(a, b), atLeast(a, b, 1) || atLeast(b, a, 1));
const greater: Decide = (a, b) => decide(atLeast(a, b, 1), atLeast(b, a));
const greaterOrEqual: Decide = (a, b) => decide(atLeast(a, b), atLeast(b, a, 1));

const compared = (rule: Decide) => (c: InferContext): void => {
  broadcastAs("bool")(c);
  const lists = broadcastValues(c, [0, 1]);
  const results = lists?.[0]!.map((a, i) => rule(a, lists[1]![i]!));
  if (results?.every((r) => r !== undefined)) c.setDims(0, results.map(Number));
};

export const inferEqual = compared(equal);
export const inferGreater = compared(greater);
export const inferGreaterOrEqual = compared(greaterOrEqual);
export const inferLess = compared((a, b) => greater(b, a));
export const inferLessOrEqual = compared((a, b) => greaterOrEqual(b, a));
