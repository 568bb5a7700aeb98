/**
 * Axis relations of one node: what else must be cut when positions of an axis are cut. The pruning package joins the rules of
 * all nodes into one dependency graph; this file says precisely what each word of a rule means.
 *
 * Words. A *position* is an index on an axis. *Cutting* a position removes it from the tensor, so the axis shrinks.
 * The two ends of an edge are the same axis: output axis 1 of a Conv is input axis 1 of the Relu behind it.
 *
 * An axis that a rule does not mention is *held*: nothing on it may be cut, and the pruner names the node as the reason.
 * Constants (initializers and Constant nodes) hold nothing: they are sliced where their consumers' axes are cut.
 * On an axis that is mentioned, positions outside the image of every tie are not constrained by this node
 * (what a Slice drops, the border that a Pad adds).
 *
 * How a dependency graph follows from the rules (test/ops/network-cut.ts does just this, on whole models):
 * 1. Cut one position; follow every tie from `a` to `b`, and from `b` to `a` where there is no `factor`.
 * 2. A cut position of a product (`b` of factor ties) that no factor explains: try each factor of that node, keep the one that takes least
 *    with it. Other nodes may see the same axis as another product; they are asked in turn.
 * 3. A graph input or output, a length that is not a number, an axis that some node does not mention: nothing of this may be cut.
 * 4. Slice the constants, run the `resizes` of every axis that was cut (virtual axes too), infer shapes again.
 * 5. Proof: with no "norm" met, the result equals that of the whole model with zeros in the slices of the summed operands
 *    (the `b` or `a` that is constant; where both are activations, in all constants of the cut).
 */
import type { Graph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/type.ts";
import type { Tensor } from "../tensor.ts";

/**
 * An axis of an input or output of the node, or one of its *factors*: virtual axes that exist only inside the rule
 * (`axis` is then 0 and the length is `TieRule.factors[index]`), such as the groups of a grouped Conv.
 */
export interface Axis {
  readonly port: "in" | "out" | "factor";
  readonly index: number;
  readonly axis: number;
}

/**
 * How results at kept positions depend on the positions that are cut:
 * - absent: not at all (elementwise, BatchNormalization, the output channels of Conv). The cut is exact.
 * - "sum": the node sums over the axis, so the cut is exact when what it removes contributes zero
 *   (the K axis of MatMul and the input channels of Conv: zero in either operand is enough; ReduceSum, CumSum).
 * - "norm": the result changes even if the removed slices are zero (LayerNormalization, Softmax, ReduceMean, ReduceMax over the axis).
 *   The cut is allowed but is an approximation: score it higher and refit afterwards.
 */
export type Span = "sum" | "norm";

/**
 * Two axes that are cut together. Position i of axis `a` (length n) corresponds on axis `b` to the positions
 * `offset + o * n * inner + i * inner + k` for all 0 <= o < outer and 0 <= k < inner; the default is one to one.
 * With `map`, it corresponds to the single position `map[i]` (Gather with constant indices).
 *
 * Without `factor` this is an equivalence: position i is cut on `a` exactly when all its positions on `b` are cut;
 * cutting one of those positions pulls i, and with it the others.
 *
 * With `factor`, `b` is the product of several `a` axes of this rule (all ties with this `b` and `factor`), and a position of `b`
 * is cut exactly when one of its factor positions is. So cutting on `a` forces the image on `b`; but a cut on `b` that comes from
 * elsewhere must first be widened to whole positions of ONE factor, and the pruner may choose which. Factors that cannot be cut
 * (a batch that is merged with heads) are left out.
 *
 * Examples (in0, out0 ... are ports, the number behind the dot the axis):
 * - Relu: `{a: in0.1, b: out0.1}`.
 * - Concat of 3 and 5 channels: `{a: in0.1, b: out0.1}`, `{a: in1.1, b: out0.1, offset: 3}`.
 * - Flatten of [N,C,H,W]: out0.1 is the product of `{a: in0.1, inner: H*W}`, `{a: in0.2, outer: C, inner: W}`, `{a: in0.3, outer: C*H}`;
 *   when H and W are held elsewhere, only the first can be cut: whole channels.
 * - Reshape [N,T,h*d] to [N,T,h,d]: in0.2 is the product of `{a: out0.2, inner: d}` (whole heads) and `{a: out0.3, outer: h}`
 *   (the same column of every head).
 * - Depthwise Conv with multiplier m: in0.1 to out0.1 with `inner: m`.
 * - Hidden units of an LSTM: from the last axis of out0 to axis 1 of W with `outer: 4`, one block per gate.
 */
export interface Tie {
  readonly a: Axis;
  readonly b: Axis;
  readonly offset?: number;
  readonly outer?: number;
  readonly inner?: number;
  readonly map?: readonly number[];
  readonly factor?: true;
  readonly spans?: Span;
}

/** An axis that may be cut without anything else of this node: one that a reduction removes, or that the node makes (Expand). */
export interface FreeAxis {
  readonly axis: Axis;
  readonly spans?: Span;
}

/**
 * A repair of the node after a cut: an attribute (group of Conv) or the content of a constant input (the shape of Reshape,
 * the sizes of Split). Called once for each axis of the list that was cut, after the tensors were cut and before shapes are inferred
 * again: `apply` must not read `Value.type` (a rule remembers the shapes it was made with). `kept` lists the kept positions,
 * ascending; `length` is their number. A constant that other nodes share is copied, never edited in place.
 */
export interface Resize {
  readonly axis: Axis;
  readonly apply: (node: Node, length: number, kept: readonly number[], graph: Graph) => void;
}

/** What a tie rule sees. Lengths that are not numbers cannot take part in offset, outer or inner; such axes are then held. */
export interface TieContext {
  readonly node: Node;
  readonly opset: number;
  shape(input: number): Shape | undefined;
  outShape(output: number): Shape | undefined;
  constant(input: number): Tensor | undefined;
}

/** Axis relations of one node. */
export interface TieRule {
  readonly ties: readonly Tie[];
  readonly free?: readonly FreeAxis[];
  /** Lengths of the virtual axes. */
  readonly factors?: readonly number[];
  readonly resizes?: readonly Resize[];
  /** Why the axes that are not mentioned are held, when it is not plain from the operator. For the pruner's report. */
  readonly held?: string;
}

/** Positions on `tie.b` of position `i` of `tie.a`, where `a` has `n` positions. */
export function tiePositions(tie: Tie, n: number, i: number): number[] {
  if (tie.map) return [tie.map[i]!];
  const { offset = 0, outer = 1, inner = 1 } = tie;
  const all: number[] = [];
  for (let o = 0; o < outer; o++) for (let k = 0; k < inner; k++) all.push(offset + o * n * inner + i * inner + k);
  return all;
}

/** "in0.1", "out0.1" or "factor0": how reports name an axis of a node. */
export const axisLabel = ({ port, index, axis }: Axis): string => (port === "factor" ? `factor${index}` : `${port}${index}.${axis}`);
