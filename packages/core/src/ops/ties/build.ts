/** Short forms in which tie rules are written. */
import type { Dim, Shape } from "../../ir/type.ts";
import { sameDim } from "../dim.ts";
import type { OpDef } from "../op.ts";
import type { Axis, FreeAxis, Resize, Span, Tie, TieContext, TieRule } from "../tie.ts";

export type Ties = NonNullable<OpDef["ties"]>;

export const input = (index: number, axis: number): Axis => ({ port: "in", index, axis });
export const output = (index: number, axis: number): Axis => ({ port: "out", index, axis });
export const factor = (index: number): Axis => ({ port: "factor", index, axis: 0 });

type TieMap = Omit<Tie, "a" | "b">;

export const tie = (a: Axis, b: Axis, map: TieMap = {}): Tie => ({ a, b, ...map });

/** True when two lengths are provably equal: the same number or the same symbol. */
export const equalDim = (a: Dim | undefined, b: Dim | undefined): boolean => a !== undefined && b !== undefined && sameDim(a, b);

export const isNumber = (d: Dim | undefined): d is number => typeof d === "number";

/** A rule under construction. */
export class RuleBuilder {
  readonly ties: Tie[] = [];
  readonly free: FreeAxis[] = [];
  readonly factors: number[] = [];
  readonly resizes: Resize[] = [];

  tie(a: Axis, b: Axis, map: TieMap = {}): this {
    this.ties.push(tie(a, b, map));
    return this;
  }

  /** Ties one axis of each present port: a star around the first. */
  same(axes: readonly (Axis | undefined)[], spans?: Span): this {
    const [first, ...rest] = axes.filter((axis) => axis !== undefined);
    if (first) for (const axis of rest) this.tie(first, axis, spans ? { spans } : {});
    return this;
  }

  addFree(axis: Axis, spans?: Span): this {
    this.free.push(spans ? { axis, spans } : { axis });
    return this;
  }

  /** Adds a virtual axis of the given length. */
  addFactor(length: number): Axis {
    this.factors.push(length);
    return factor(this.factors.length - 1);
  }

  resize(axis: Axis, apply: Resize["apply"]): this {
    this.resizes.push({ axis, apply });
    return this;
  }

  done(held?: string): TieRule {
    const { ties, free, factors, resizes } = this;
    return { ties, free, factors, resizes, ...(held === undefined ? {} : { held }) };
  }
}

export const rule = (): RuleBuilder => new RuleBuilder();

/** A port with the shape it has and the axes of the result that its own axes stand for. */
export interface Aligned {
  readonly index: number;
  readonly shape: Shape;
  /** Own axis -> axis of the result, or undefined when it does not take part. */
  readonly at: (axis: number) => number | undefined;
}

/** Aligns the last axes of `shape` with the last axes of a result of `rank`. */
export const alignRight = (index: number, shape: Shape, rank: number): Aligned => ({ index, shape, at: (axis) => axis + rank - shape.length });

/**
 * Broadcasting: each result axis is tied to the inputs that have its full length; an input of length 1 does not take part.
 * A result axis stays held when some input's length is neither 1 nor provably the full one.
 */
export function broadcastTies(r: RuleBuilder, result: Shape, inputs: readonly Aligned[], outputs: readonly number[] = [0]): void {
  result.forEach((length, o) => {
    const members: Axis[] = [];
    for (const { index, shape, at } of inputs) {
      for (let axis = 0; axis < shape.length; axis++) {
        if (at(axis) !== o || shape[axis] === 1) continue;
        if (!equalDim(shape[axis], length)) return;
        members.push(input(index, axis));
      }
    }
    if (members.length > 0) r.same([...outputs.map((port) => output(port, o)), ...members]);
  });
}

/** Shapes of all present inputs, or undefined when one is not known. */
export function inputShapes(c: TieContext, indices?: readonly number[]): { index: number; shape: Shape }[] | undefined {
  const all: { index: number; shape: Shape }[] = [];
  for (const index of indices ?? c.node.inputs.map((_, i) => i)) {
    if (!c.node.input(index)) continue;
    const shape = c.shape(index);
    if (!shape) return undefined;
    all.push({ index, shape });
  }
  return all;
}

/** A rule for operators whose axes are all held, with the reason that the pruner reports. */
export const heldBecause = (reason: string): Ties => () => ({ ties: [], held: reason });
