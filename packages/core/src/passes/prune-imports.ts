import { calledFunction } from "../ir/verify-functions.ts";
import type { FunctionDef, Model } from "../ir/model.ts";
import type { Graph } from "../ir/graph.ts";
import type { Pass } from "./pass.ts";
import { scopes } from "./scope.ts";

/** Forgets operator sets that no node speaks; the default one stays. */
export const pruneOpsets: Pass = {
  name: "prune-opsets",
  summary: "Removes operator-set imports that no node needs.",
  run(model) {
    let modified = false;
    for (const { graph, opsets } of scopes(model)) {
      const spoken = new Set([...graph.allNodes()].map((node) => node.domain));
      for (const domain of [...opsets.keys()]) {
        // A model imports at least one.
        if (domain !== "" && !spoken.has(domain) && opsets.size > 1) modified = opsets.delete(domain) || modified;
      }
    }
    return { modified };
  },
};

/** Removes local functions that nothing calls, directly or through others. */
export const pruneFunctions: Pass = {
  name: "prune-functions",
  summary: "Removes local functions that nothing calls.",
  run(model) {
    const reached = reachedFunctions(model);
    const unused = [...model.functions].filter(([, fn]) => !reached.has(fn));
    for (const [key] of unused) model.functions.delete(key);
    return { modified: unused.length > 0 };
  },
};

function reachedFunctions(model: Model): ReadonlySet<FunctionDef> {
  const reached = new Set<FunctionDef>();
  const open: Graph[] = [model.graph];
  for (let graph = open.pop(); graph; graph = open.pop()) {
    for (const node of graph.allNodes()) {
      const fn = calledFunction(model, node);
      if (!fn || reached.has(fn)) continue;
      reached.add(fn);
      open.push(fn.body);
    }
  }
  return reached;
}
