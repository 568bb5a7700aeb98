/** A node-sized pruner for the tests: closes a cut under the ties of one node, and applies it. */
import { axisLabel, Tensor, tiePositions, type Axis, type Node, type Span, type TieContext, type TieRule } from "@lathe/core";
import { build, type Built, type OpCase } from "./harness.ts";

export type Cuts = ReadonlyMap<string, ReadonlySet<number>>;

export interface Closed {
  readonly cuts: Cuts;
  /** The strongest dependence that the cut meets. */
  readonly span: Span | undefined;
}

export const contextOf = (c: OpCase, node: Node, outputs: readonly Tensor[]): TieContext => ({
  node,
  opset: c.opset,
  shape: (i) => c.inputs[i]?.tensor.dims,
  outShape: (o) => outputs[o]?.dims,
  constant: (i) => (c.inputs[i]?.constant ? c.inputs[i].tensor : undefined),
});

const lengthOf = (rule: TieRule, context: TieContext, { port, index, axis }: Axis): number =>
  (port === "factor" ? rule.factors![index] : port === "in" ? context.shape(index)?.[axis] : context.outShape(index)?.[axis]) as number;

/** Every axis that the rule speaks of. */
export function axesOfRule(rule: TieRule): Axis[] {
  const all = [...rule.ties.flatMap((t) => [t.a, t.b]), ...(rule.free ?? []).map((x) => x.axis)];
  return [...new Map(all.map((axis) => [axisLabel(axis), axis])).values()];
}

/** The least cut that holds `start` and agrees with all ties; products are widened along factor number `choice`. */
export function close(rule: TieRule, context: TieContext, start: Axis, position: number, choice: number): Closed {
  const cuts = new Map<string, Set<number>>([[axisLabel(start), new Set([position])]]);
  const at = (axis: Axis): Set<number> => {
    const key = axisLabel(axis);
    if (!cuts.has(key)) cuts.set(key, new Set());
    return cuts.get(key)!;
  };
  const total = (): number => [...cuts.values()].reduce((sum, set) => sum + set.size, 0);
  for (let before = -1; before !== total(); ) {
    before = total();
    for (const t of rule.ties) {
      const n = lengthOf(rule, context, t.a);
      for (let i = 0; i < n; i++) {
        const image = tiePositions(t, n, i);
        if (!t.factor && image.some((p) => at(t.b).has(p))) at(t.a).add(i);
        if (at(t.a).has(i)) for (const p of image) at(t.b).add(p);
      }
    }
    if (before === total()) widen(rule, context, at, choice);
  }
  return { cuts, span: strongest(rule, cuts) };
}

/** Cuts of a product that no factor explains become whole positions of one factor. */
function widen(rule: TieRule, context: TieContext, at: (axis: Axis) => Set<number>, choice: number): void {
  const products = new Map(rule.ties.filter((t) => t.factor).map((t) => [axisLabel(t.b), t.b]));
  for (const b of products.values()) {
    const factors = rule.ties.filter((t) => t.factor && axisLabel(t.b) === axisLabel(b));
    const images = factors.map((t) => {
      const n = lengthOf(rule, context, t.a);
      return { axis: t.a, image: Array.from({ length: n }, (_, i) => tiePositions(t, n, i)) };
    });
    for (const p of at(b)) {
      if (images.some(({ axis, image }) => image.some((all, i) => at(axis).has(i) && all.includes(p)))) continue;
      const { axis, image } = images[choice % images.length]!;
      at(axis).add(image.findIndex((all) => all.includes(p)));
    }
  }
}

function strongest(rule: TieRule, cuts: Cuts): Span | undefined {
  const met = [...rule.ties.filter((t) => cuts.get(axisLabel(t.a))?.size).map((t) => t.spans), ...(rule.free ?? []).filter((x) => cuts.get(axisLabel(x.axis))?.size).map((x) => x.spans)];
  return met.includes("norm") ? "norm" : met.includes("sum") ? "sum" : undefined;
}

/** True when some axis would lose all its positions. */
export const emptiesAnAxis = (rule: TieRule, context: TieContext, cuts: Cuts): boolean =>
  axesOfRule(rule).some((axis) => (cuts.get(axisLabel(axis))?.size ?? 0) >= lengthOf(rule, context, axis));

const cutOf = (cuts: Cuts, port: "in" | "out", index: number, axis: number): ReadonlySet<number> => cuts.get(axisLabel({ port, index, axis })) ?? new Set();

/** Elements of a tensor with their coordinates. */
function map(tensor: Tensor, f: (at: readonly number[], i: number) => void): void {
  const { dims } = tensor;
  for (let i = 0; i < tensor.size; i++) {
    const at: number[] = [];
    for (let axis = dims.length - 1, rest = i; axis >= 0; axis--) {
      at.unshift(rest % dims[axis]!);
      rest = Math.floor(rest / dims[axis]!);
    }
    f(at, i);
  }
}

/** The tensor without its cut positions. */
export function slice(tensor: Tensor, cuts: Cuts, port: "in" | "out", index: number): Tensor {
  const gone = tensor.dims.map((_, axis) => cutOf(cuts, port, index, axis));
  const values = tensor.dtype === "int64" ? tensor.toBigInts() : tensor.toNumbers();
  const kept: (number | bigint)[] = [];
  map(tensor, (at, i) => { if (!at.some((p, axis) => gone[axis]!.has(p))) kept.push(values[i]!); });
  return Tensor.from(tensor.dtype, tensor.dims.map((d, axis) => d - gone[axis]!.size), kept as number[]);
}

/** A float tensor with zeros at its cut positions; integers (indices, codes) stay. */
export function zero(tensor: Tensor, cuts: Cuts, index: number): Tensor {
  if (tensor.dtype !== "float32") return tensor;
  const values = Float32Array.from(tensor.toFloat32());
  map(tensor, (at, i) => { if (at.some((p, axis) => cutOf(cuts, "in", index, axis).has(p))) values[i] = 0; });
  return Tensor.from("float32", tensor.dims, values);
}

/** The case after the cut: smaller operands, then the repairs of the rule. */
export function shrink(c: OpCase, rule: TieRule, context: TieContext, cuts: Cuts): Built & { readonly tensors: readonly (Tensor | undefined)[] } {
  const tensors = c.inputs.map((operand, i) => operand ? slice(operand.tensor, cuts, "in", i) : undefined);
  const built = build(c, tensors);
  for (const { axis, apply } of rule.resizes ?? []) {
    const gone = cuts.get(axisLabel(axis));
    if (!gone?.size) continue;
    const kept = Array.from({ length: lengthOf(rule, context, axis) }, (_, i) => i).filter((i) => !gone.has(i));
    apply(built.node, kept.length, kept, built.model.graph);
  }
  return { ...built, tensors };
}
