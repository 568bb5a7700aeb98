/** Cuts on copies: what a search tries leaves the model alone. */
import { inferShapes, type Model } from "@lathe/core";
import { cut, type KeptPositions, type Selection } from "./cut.ts";
import { dependencyGraph, type DependencyGraph, type DependencyOptions } from "./dependency-graph.ts";

/**
 * The model with the selection cut, as a copy that shares all tensors that stay whole. The graph of dependencies is built again for the
 * copy, with the options of the first, and units are matched by place.
 */
export function cutCopy(model: Model, graph: DependencyGraph, selection: Selection, options: DependencyOptions = {}): { model: Model; kept: KeptPositions } {
  const copy = model.clone();
  const twin = dependencyGraph(copy, options);
  const place = new Map(graph.groups.map((group, g) => [group, g]));
  const mapped = new Map([...selection].map(([group, units]) => {
    const other = twin.groups[place.get(group)!]!;
    const gone = new Set(group.units.flatMap((unit, u) => (units.has(unit) ? [u] : [])));
    return [other, new Set(other.units.filter((_, u) => gone.has(u)))] as const;
  }));
  const kept = cut(copy, twin, mapped);
  inferShapes(copy, options.ops ? { ops: options.ops } : {});
  return { model: copy, kept };
}
