/**
 * The dependency graph of structured pruning: which positions of which axes must be cut together, found from the operators' `ties`.
 * A *unit* is the smallest thing that can be cut (a filter with everything that belongs to it, an attention head, a column);
 * a *group* is a list of units of the same make-up, of which any may be cut as long as one is left.
 */
import { standardOps, type Model, type Node, type OpTable, type TieRule, type Value } from "@lathe/core";
import { connect } from "./connect.ts";
import { collectGroups, heldWeights } from "./groups.ts";
import { Positions, type AxisInfo } from "./positions.ts";
import { reconsider, type Factor } from "./rule.ts";

/** What one unit occupies on one axis. */
export interface Member {
  readonly axis: AxisInfo;
  readonly positions: readonly number[];
}

export interface Unit {
  readonly members: readonly Member[];
}

export interface Group {
  /** Name of the node whose weights make the units (the first in execution order), made unique. */
  readonly name: string;
  readonly units: readonly Unit[];
  /** Constants that lose slices when a unit is cut, with the axis: where importance is measured. */
  readonly parameters: readonly { readonly value: Value; readonly axis: number }[];
  /** True when an operator normalises over an axis of the group, so that cutting even zeros changes the rest a little. */
  readonly approximate: boolean;
}

export interface DependencyGraph {
  readonly groups: readonly Group[];
  /** Weight axes that cannot be cut, and the node that holds each. */
  readonly held: readonly { readonly value: string; readonly axis: number; readonly length: number; readonly reason: string }[];
  /** @internal what cutting needs. */
  readonly rules: ReadonlyMap<Node, TieRule>;
  /** @internal */
  readonly positions: Positions;
}

export interface DependencyOptions {
  readonly ops?: OpTable;
  /** Values (by name) whose axes must stay whole, or a test of them. */
  readonly keep?: (value: Value, axis: number) => boolean;
  /**
   * Where an axis is a product (heads x columns, groups x channels), whole positions of one factor are cut. `first`: the outer one
   * (heads, groups); `last`: the inner one (head columns, channels within a group). Default first, unless it has fewer than 4 positions.
   */
  readonly factor?: Factor;
}

/**
 * Builds the graph of a model whose shapes are inferred and whose constants are initializers. The model is not changed. Bodies of
 * If, Loop and Scan have groups of their own; what crosses the border of a body is held.
 */
export function dependencyGraph(model: Model, options: DependencyOptions = {}): DependencyGraph {
  const graphs = [...model.graph.allGraphs()];
  const positions = new Positions();
  const rules = new Map<Node, TieRule>();
  for (const graph of graphs) {
    for (const value of graph.values()) positions.addValue(value);
    for (const node of graph.nodes) {
      const rule = ruleOf(node, options.ops ?? standardOps, model.opset);
      if (!rule) continue;
      rules.set(node, rule);
      positions.addFactors(node, rule.factors ?? []);
    }
  }
  const choices = new Map<string, number>();
  for (let round = 0; round < 4; round++) {
    positions.reset();
    connect(graphs, positions, rules, choices, options);
    if (!reconsider(positions, rules, choices)) break;
  }
  return { groups: collectGroups(graphs, positions), held: heldWeights(graphs, positions), rules, positions };
}

function ruleOf(node: Node, ops: OpTable, opset: number): TieRule | undefined {
  if (node.subgraphs.length > 0) return undefined;
  return ops.of(node)?.ties?.({
    node,
    opset,
    shape: (i) => node.input(i)?.tensor?.dims ?? node.input(i)?.shape,
    outShape: (i) => node.output(i)?.shape,
    constant: (i) => node.input(i)?.constant,
  });
}
