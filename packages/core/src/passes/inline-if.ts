import type { Graph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import { redirectAll } from "./edit.ts";
import { constantScalar } from "./constants.ts";
import type { Pass } from "./pass.ts";
import { nodePass, type Rewrite } from "./scope.ts";

const rewrite: Rewrite = ({ node, graph }) => {
  const condition = node.is("If") ? constantScalar(node.input(0)) : undefined;
  if (condition === undefined) return false;
  const branch = node.attribute(condition !== 0 ? "then_branch" : "else_branch", "graph");
  if (!branch) return false;
  inlineGraph(branch, node, graph);
  return true;
};

/** Moves the content of `branch` in front of `node`, whose outputs it yields, and removes `node`. */
function inlineGraph(branch: Graph, node: Node, graph: Graph): void {
  for (const value of [...branch.initializers]) {
    branch.replaceUses(value, graph.addInitializer(value.name, value.tensor!));
    branch.removeInitializer(value);
  }
  for (const inner of [...branch.nodes]) graph.insertBefore(node, branch.detach(inner));
  const results = [...branch.outputs];
  while (branch.outputs.length > 0) branch.removeOutput(branch.outputs.length - 1);
  node.outputs.forEach((output, i) => {
    if (output && results[i]) redirectAll(output, results[i], node);
  });
  graph.remove(node);
}

const once = nodePass("inline-if", "Replaces an If whose condition is constant by the branch that is taken.", rewrite);

export const inlineIf: Pass = {
  ...once,
  async run(model, ctx) {
    let modified = false;
    // A branch may hold the next such If, which has moved to before where the pass stood.
    while ((await once.run(model, ctx)).modified) modified = true;
    return { modified };
  },
};
