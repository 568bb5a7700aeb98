/** What holds an axis, and in which order rules are applied: from operators to classes of positions. */
import { axisLabel, type Graph, type Node, type TieRule, type Value } from "@lathe/core";
import type { DependencyOptions } from "./dependency-graph.ts";
import type { Positions } from "./positions.ts";
import { applyRule } from "./rule.ts";

/** Applies the rules of all nodes, of bodies too, and holds what the outside or an operator must see whole. */
export function connect(graphs: readonly Graph[], positions: Positions, rules: ReadonlyMap<Node, TieRule>, choices: Map<string, number>, options: DependencyOptions): void {
  for (const graph of graphs) {
    holdEnds(graph, positions);
    for (const node of graph.nodes) {
      const rule = rules.get(node);
      holdUnmentioned(positions, node, rule);
      holdCaptured(positions, node, graph);
      if (rule) applyRule(positions, node, rule, choices, options.factor ?? "auto");
    }
  }
  const { keep } = options;
  if (keep) for (const axis of positions.axes) if (axis.value && keep(axis.value, axis.axis)) positions.holdAxis(axis, "the caller's choice");
}

/** What callers feed and fetch stays as it is; so does what a body takes and gives. */
function holdEnds({ inputs, outputs, parent }: Graph, positions: Positions): void {
  const of = parent ? `the ${parent.op} "${parent.label}", whose body` : "graph";
  for (const value of inputs) holdValue(positions, value, parent ? `${of} takes it` : `${of} input "${value.name}"`);
  for (const value of outputs) holdValue(positions, value, parent ? `${of} gives it` : `${of} output "${value.name}"`);
}

function holdValue(positions: Positions, value: Value, reason: string): void {
  for (const axis of positions.axesOf(value)) positions.holdAxis(axis, reason);
}

/** Axes that a rule does not speak of stay whole; without a rule that is all of them. */
function holdUnmentioned(positions: Positions, node: Node, rule: TieRule | undefined): void {
  const mentioned = new Set<string>();
  for (const tie of rule?.ties ?? []) mentioned.add(axisLabel(tie.a)).add(axisLabel(tie.b));
  for (const { axis } of rule?.free ?? []) mentioned.add(axisLabel(axis));
  const reason = `${node.op} "${node.label}"${rule?.held ? ` (${rule.held})` : ""}`;
  const visit = (port: "in" | "out", values: readonly (Value | null)[]): void => values.forEach((value, index) => {
    if (!value) return;
    positions.axesOf(value).forEach((axis, i) => {
      if (!mentioned.has(axisLabel({ port, index, axis: i }))) positions.holdAxis(axis, reason);
    });
  });
  visit("in", node.inputs);
  visit("out", node.outputs);
}

/** Values that a body reads from outside are held; constants are not, they are cut wherever they are read. */
function holdCaptured(positions: Positions, node: Node, graph: Graph): void {
  for (const { graph: inner } of node.subgraphs) {
    for (const nested of inner.allNodes()) for (const value of nested.inputs) if (value?.graph === graph && !value.tensor) holdValue(positions, value, `the ${node.op} "${node.label}", whose body reads it`);
    for (const g of inner.allGraphs()) for (const value of g.outputs) if (value.graph === graph) holdValue(positions, value, `the ${node.op} "${node.label}", whose body returns it`);
  }
}
