/** Brings a model into the form that quantization works on: constants as initializers, unique names, types known, a recent enough opset. */
import type { Graph } from "@lathe/core";

/** `Constant` nodes become initializers of the same name, in subgraphs too. */
export function liftConstants(graph: Graph): void {
  for (const each of Array.from(graph.allGraphs())) {
    for (const node of each.nodes) {
      const tensor = node.constantOutput(0);
      if (!tensor) continue;
      const value = each.addInitializer(node.out.name, tensor);
      each.replaceUses(node.out, value);
      if (node.out.isUnused) each.remove(node);
    }
  }
}

/** Inputs that only carry a default (IR version 3 lists initializers as inputs) become plain initializers. */
export function freezeDefaults(graph: Graph): void {
  for (const each of graph.allGraphs()) for (const input of Array.from(each.inputs)) if (input.tensor) each.freezeInput(input);
}

/**
 * Gives every node and value a name of its own within its scope, so that options, ranges and reports can point at them.
 * Branches of an If may keep equal names: nothing can see both.
 */
export function uniqueNames(graph: Graph, outer: ReadonlySet<string> = new Set()): void {
  const taken = new Set(outer);
  const nodes = new Set<string>();
  for (const value of graph.values()) value.name = claim(taken, value.name || "value");
  for (const node of graph.nodes) node.name = claim(nodes, node.name || node.outputs.find((o) => o)?.name || node.opType);
  for (const node of graph.nodes) for (const { graph: inner } of node.subgraphs) uniqueNames(inner, taken);
}

function claim(taken: Set<string>, base: string): string {
  let name = base;
  for (let i = 1; taken.has(name); i++) name = `${base}_${i}`;
  taken.add(name);
  return name;
}
