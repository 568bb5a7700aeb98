import type { Node } from "../ir/node.ts";
import type { Pass, PassContext } from "./pass.ts";
import { scopes, type Scope } from "./scope.ts";

/** Removes nodes whose outputs nobody reads, optional outputs nobody reads, and initializers nobody reads. */
export const deadCode: Pass = {
  name: "dead-code",
  summary: "Removes nodes, optional outputs and initializers that nothing reads.",
  run(model, ctx) {
    let modified = false;
    for (const scope of scopes(model)) {
      // Backward, and inner graphs after the node that holds them: what a removed node read may be dead as well, so repeat until quiet.
      while (sweep(scope, ctx)) modified = true;
    }
    return { modified };
  },
};

function sweep(scope: Scope, ctx: PassContext): boolean {
  let modified = false;
  for (const graph of [...scope.graph.allGraphs()].reverse()) {
    for (const node of graph.nodesBackward) {
      if (node.outputs.every((o) => !o || o.isUnused)) {
        graph.remove(node);
        modified = true;
      } else modified = dropOptionalOutputs(node, scope, ctx) || modified;
    }
    for (const value of [...graph.initializers]) {
      if (!value.isUnused) continue;
      graph.removeInitializer(value);
      modified = true;
    }
  }
  return modified;
}

function dropOptionalOutputs(node: Node, scope: Scope, ctx: PassContext): boolean {
  // Before opset 14 the number of outputs of a BatchNormalization says whether it trains.
  if (node.outputs.length < 2 || node.is("BatchNormalization")) return false;
  const schema = ctx.ops.schema(node.domain, node.opType, scope.opsets.get(node.domain) ?? 0);
  let modified = false;
  node.outputs.forEach((value, i) => {
    if (!value?.isUnused || schema?.outputs[i]?.option !== "optional") return;
    node.dropOutput(i);
    modified = true;
  });
  const used = node.outputs.findLastIndex((o) => o !== null) + 1;
  const trailing = schema?.outputs[used]?.option === "optional" && node.outputs.length > used;
  if (trailing) node.truncateOutputs(used);
  return modified || trailing;
}
