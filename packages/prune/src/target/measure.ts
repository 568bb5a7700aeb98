/** What a target is a share of, as numbers of a model. */
import { stats, type Feeds, type Model, type ModelStats, type OpTable } from "@lathe/core";
import { pruneErrors } from "../errors.ts";

export type Counted = "parameters" | "bytes" | "macs";

/** Counts with the shapes of a sample, as far as there is one. */
export function statsWith(model: Model, feeds: Feeds | undefined, ops: OpTable | undefined): ModelStats {
  const inputs = Object.fromEntries(model.graph.inputs.flatMap(({ name }) => (feeds?.[name] ? [[name, feeds[name].dims]] : [])));
  return stats(model, { sparsity: false, inputs, ...(ops ? { ops } : {}) });
}

/** @throws PRUNE_UNKNOWN_WORK where multiply-adds depend on sizes that nobody gave */
export function counter(target: Counted, model: Model, feeds: Feeds | undefined, ops: OpTable | undefined): (model: Model) => number {
  const { unbound, unknown } = statsWith(model, feeds, ops);
  if (target === "macs" && unbound.length > 0 && unknown.length > 0) throw pruneErrors.PRUNE_UNKNOWN_WORK({ target: "multiply-adds", unbound });
  return (m) => statsWith(m, feeds, ops)[target];
}
