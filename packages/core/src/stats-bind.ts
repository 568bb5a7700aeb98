/** Numbers for the symbolic dimensions of a model's inputs. */
import { defineErrors } from "./errors.ts";
import type { Model } from "./ir/model.ts";
import { isStatic, type Dim, type Shape } from "./ir/type.ts";
import { dimSymbols, substituteDim } from "./ops/dim.ts";
import type { StatsOptions } from "./stats.ts";

export const statsErrors = defineErrors({
  STATS_SYMBOL: {
    text: (d: { symbol: string; known: readonly string[] }) =>
      `No input of the model has the symbolic dimension "${d.symbol}" (there are: ${d.known.join(", ") || "none"}).`,
    remedy: "Bind a symbol of an input, or give whole shapes with `inputs`.",
  },
});

export interface Bound {
  /** Undefined when no input changes. */
  readonly inputs: Record<string, Shape> | undefined;
  readonly bindings: Record<string, number>;
  readonly unbound: readonly string[];
}

export function bindInputs(model: Model, { bindings = {}, inputs: given = {} }: StatsOptions): Bound {
  const free = model.graph.inputs.filter((v) => !v.tensor);
  const symbols = new Set(free.flatMap(({ name, shape }) => (given[name] ?? shape ?? []).flatMap(dimSymbols)));
  const stray = Object.keys(bindings).find((symbol) => !symbols.has(symbol));
  if (stray !== undefined) throw statsErrors.STATS_SYMBOL({ symbol: stray, known: [...symbols] });
  const used: Record<string, number> = { ...bindings };
  for (const { name, shape } of free) {
    const batch = (given[name] ?? shape)?.[0];
    if (typeof batch === "string" && dimSymbols(batch).length === 1 && dimSymbols(batch)[0] === batch) used[batch] ??= 1;
  }
  const inputs: Record<string, Shape> = { ...given };
  const unbound = new Set<string>();
  for (const { name, shape: declared } of free) {
    const shape = given[name] ?? declared;
    if (!shape) continue;
    // A first dimension without any name is the batch too.
    const bound = shape.map((d: Dim, axis) => (d === null && axis === 0 ? 1 : substituteDim(d, used)));
    if (!isStatic(declared) || given[name]) inputs[name] = bound;
    for (const [axis, d] of bound.entries()) if (typeof d !== "number") for (const symbol of d === null ? [`${name}[${axis}]`] : dimSymbols(d)) unbound.add(symbol);
  }
  return { inputs: Object.keys(inputs).length > 0 ? inputs : undefined, bindings: used, unbound: [...unbound] };
}

