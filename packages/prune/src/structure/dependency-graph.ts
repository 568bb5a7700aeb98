/**
 * The dependency graph of structured pruning: which positions of which axes must be cut together, found from the operators' `ties`.
 * A *unit* is the smallest thing that can be cut (a filter with everything that belongs to it, an attention head, a column);
 * a *group* is a list of units of the same make-up, of which any may be cut as long as one is left.
 */
import { axisLabel, standardOps, type Axis, type Graph, type Model, type Node, type OpTable, type Tie, type TieRule, type Value } from "@lathe/core";
import { Positions, type AxisInfo } from "./positions.ts";

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
  readonly factor?: "first" | "last" | "auto";
}

/** Builds the graph of a model whose shapes are inferred and whose constants are initializers. The model is not changed. */
export function dependencyGraph(model: Model, options: DependencyOptions = {}): DependencyGraph {
  const { graph } = model;
  const positions = new Positions();
  const rules = new Map<Node, TieRule>();
  for (const value of graph.values()) positions.addValue(value);
  for (const node of graph.nodes) {
    const rule = ruleOf(node, options.ops ?? standardOps, model.opset);
    if (!rule) continue;
    rules.set(node, rule);
    positions.addFactors(node, rule.factors ?? []);
  }
  const choices = new Map<string, number>();
  for (let round = 0; round < 4; round++) {
    positions.reset();
    connect(graph, positions, rules, choices, options);
    if (!reconsider(positions, rules, choices)) break;
  }
  return { groups: collectGroups(graph, positions), held: heldWeights(graph, positions), rules, positions };
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

const axisInfo = (positions: Positions, node: Node, axis: Axis): AxisInfo | undefined => {
  if (axis.port === "factor") return positions.factorOf(node, axis.index);
  return positions.axisOf(axis.port === "in" ? node.input(axis.index) : node.output(axis.index), axis.axis);
};

function connect(graph: Graph, positions: Positions, rules: ReadonlyMap<Node, TieRule>, choices: Map<string, number>, options: DependencyOptions): void {
  for (const value of graph.inputs) holdValue(positions, value, `graph input "${value.name}"`);
  for (const value of graph.outputs) holdValue(positions, value, `graph output "${value.name}"`);
  for (const node of graph.nodes) {
    const rule = rules.get(node);
    holdUnmentioned(positions, node, rule);
    holdCaptured(positions, node, graph);
    if (rule) join(positions, node, rule, choices, options.factor ?? "auto");
  }
  const { keep } = options;
  if (keep) for (const axis of positions.axes) if (axis.value && keep(axis.value, axis.axis)) positions.holdAxis(axis, "the caller's choice");
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

/** Values that a subgraph reads from outside are held. */
function holdCaptured(positions: Positions, node: Node, graph: Graph): void {
  for (const { graph: inner } of node.subgraphs) {
    for (const nested of inner.allNodes()) for (const value of nested.inputs) if (value?.graph === graph) holdValue(positions, value, `the ${node.op} "${node.label}", whose body reads it`);
    for (const g of inner.allGraphs()) for (const value of g.outputs) if (value.graph === graph) holdValue(positions, value, `the ${node.op} "${node.label}", whose body returns it`);
  }
}

const productKey = (axis: AxisInfo, node: Node): string => `${axis.id}:${node.label}`;

/** Factor ties of a rule by the product axis they make up, outermost factor first. */
function products(rule: TieRule): Map<string, Tie[]> {
  const found = new Map<string, Tie[]>();
  for (const tie of rule.ties) if (tie.factor) found.set(axisLabel(tie.b), [...(found.get(axisLabel(tie.b)) ?? []), tie]);
  for (const ties of found.values()) ties.sort((a, b) => (b.inner ?? 1) - (a.inner ?? 1));
  return found;
}

function join(positions: Positions, node: Node, rule: TieRule, choices: Map<string, number>, factor: "first" | "last" | "auto"): void {
  for (const tie of rule.ties) if (!tie.factor) unite(positions, node, tie);
  for (const ties of products(rule).values()) {
    const axis = axisInfo(positions, node, ties[0]!.b);
    if (!axis) {
      for (const tie of ties) positions.holdAxis(axisInfo(positions, node, tie.a), `${node.op} "${node.label}"`);
      continue;
    }
    const key = productKey(axis, node);
    if (!choices.has(key)) choices.set(key, firstChoice(positions, node, ties, factor));
    ties.forEach((tie, i) => {
      if (i === choices.get(key)) unite(positions, node, tie);
      else positions.holdAxis(axisInfo(positions, node, tie.a), `${node.op} "${node.label}", where another factor of the axis is cut`);
    });
  }
  for (const { axis, spans } of rule.free ?? []) if (spans === "norm") mark(positions, node, axis);
}

function firstChoice(positions: Positions, node: Node, ties: readonly Tie[], factor: "first" | "last" | "auto"): number {
  if (factor === "last") return ties.length - 1;
  const lengths = ties.map((tie) => axisInfo(positions, node, tie.a)?.length ?? 0);
  return factor === "auto" && lengths[0]! < 4 && lengths.length > 1 ? lengths.indexOf(Math.max(...lengths)) : 0;
}

function mark(positions: Positions, node: Node, axis: Axis): void {
  const info = axisInfo(positions, node, axis);
  if (info) positions.markApproximate(info);
}

function unite(positions: Positions, node: Node, tie: Tie): void {
  const [a, b] = [axisInfo(positions, node, tie.a), axisInfo(positions, node, tie.b)];
  const reason = `${node.op} "${node.label}"`;
  if (!a || !b) {
    // The other end has no static length, so positions cannot be matched.
    positions.holdAxis(a ?? b, reason);
    return;
  }
  if (tie.map) tie.map.forEach((at, i) => at >= 0 && at < b.length && positions.union(a.start + i, b.start + at));
  else uniteRuns(positions, a, b, tie);
  if (tie.spans === "norm") positions.markApproximate(a);
}

/** Joins each position of `a` with its runs on `b` (what core's tiePositions lists for one). */
function uniteRuns(positions: Positions, a: AxisInfo, b: AxisInfo, { offset = 0, outer = 1, inner = 1 }: Tie): void {
  for (let o = 0, at = offset; o < outer; o++) {
    for (let i = 0; i < a.length; i++) {
      for (let k = 0; k < inner; k++, at++) if (at >= 0 && at < b.length) positions.union(a.start + i, b.start + at);
    }
  }
}

/** Takes another factor where the chosen one turned out to be held; true when something changed. */
function reconsider(positions: Positions, rules: ReadonlyMap<Node, TieRule>, choices: Map<string, number>): boolean {
  let changed = false;
  for (const [node, rule] of rules) {
    for (const ties of products(rule).values()) {
      const axis = axisInfo(positions, node, ties[0]!.b);
      if (!axis) continue;
      const key = productKey(axis, node);
      const chosen = choices.get(key) ?? 0;
      const isHeld = (tie: Tie): boolean => {
        const info = axisInfo(positions, node, tie.a);
        return !info || positions.heldBy(info.start) !== undefined;
      };
      if (!isHeld(ties[chosen]!)) continue;
      const next = ties.findIndex((tie, i) => i > chosen && axisInfo(positions, node, tie.a) !== undefined);
      if (next < 0) continue;
      choices.set(key, next);
      changed = true;
    }
  }
  return changed;
}

interface RawUnit {
  readonly members: Map<number, number[]>;
}

function collectGroups(graph: Graph, positions: Positions): Group[] {
  const units = new Map<number, RawUnit>();
  for (const axis of positions.axes) {
    for (let i = 0; i < axis.length; i++) {
      if (positions.heldBy(axis.start + i) !== undefined) continue;
      const root = positions.find(axis.start + i);
      let unit = units.get(root);
      if (!unit) units.set(root, (unit = { members: new Map() }));
      const list = unit.members.get(axis.id);
      if (list) list.push(i);
      else unit.members.set(axis.id, [i]);
    }
  }
  const bySignature = new Map<string, { units: Unit[]; approximate: boolean }>();
  for (const [root, raw] of units) {
    const members = [...raw.members].map(([id, list]) => ({ axis: positions.axes[id]!, positions: list }));
    if (!members.some((m) => m.axis.value?.tensor)) continue;
    const signature = members.map((m) => `${m.axis.id}x${m.positions.length}`).join(" ");
    const found = bySignature.get(signature) ?? { units: [], approximate: false };
    found.units.push({ members });
    found.approximate ||= positions.isApproximate(root);
    bySignature.set(signature, found);
  }
  return nameGroups(graph, [...bySignature.values()].filter((g) => g.units.length > 1));
}

function nameGroups(graph: Graph, raw: readonly { units: readonly Unit[]; approximate: boolean }[]): Group[] {
  const order = new Map([...graph.nodes].map((node, i) => [node, i]));
  const rank = (group: { units: readonly Unit[] }): { node: Node | undefined; at: number } => {
    let best: { node: Node | undefined; at: number } = { node: undefined, at: Infinity };
    for (const { axis } of group.units[0]!.members) {
      if (!axis.value?.tensor || axis.axis !== outputAxis(axis.value)) continue;
      for (const node of axis.value.consumers) if ((order.get(node) ?? Infinity) < best.at) best = { node, at: order.get(node)! };
    }
    return best;
  };
  const taken = new Map<string, number>();
  return raw
    .map((group) => ({ group, ...rank(group) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ group, node }) => {
      const base = node?.label ?? group.units[0]!.members.find((m) => m.axis.value)?.axis.value?.name ?? "group";
      const count = taken.get(base) ?? 0;
      taken.set(base, count + 1);
      return { name: count === 0 ? base : `${base}#${count}`, units: group.units, approximate: group.approximate, parameters: parametersOf(group.units[0]!) };
    });
}

/** The axis of a weight that makes output channels: where a group gets its name from. */
function outputAxis(value: Value): number {
  const use = value.uses[0];
  const rank = value.tensor?.dims.length ?? 0;
  if (use?.node.opType === "Gemm" && use.index === 1) return use.node.int("transB", 0) === 1 ? 0 : 1;
  if (use?.node.opType === "MatMul") return rank - 1;
  return use?.node.opType === "ConvTranspose" && use.index === 1 ? 1 : 0;
}

const parametersOf = (unit: Unit): { value: Value; axis: number }[] =>
  unit.members.flatMap(({ axis }) => (axis.value?.tensor ? [{ value: axis.value, axis: axis.axis }] : []));

/** Height and width of a kernel: nobody expects to cut those. */
const isKernelWindow = (value: Value, axis: number): boolean => axis >= 2 && value.uses.every((u) => u.index === 1 && (u.node.is("Conv") || u.node.is("ConvTranspose")));

function heldWeights(graph: Graph, positions: Positions): DependencyGraph["held"] {
  return [...graph.initializers].filter((v) => v.tensor!.dtype.startsWith("float") && v.tensor!.size > 1).flatMap((value) =>
    positions.axesOf(value).flatMap((axis, i) => {
      const reason = axis && axis.length > 1 && !isKernelWindow(value, i) ? positions.heldBy(axis.start) : undefined;
      return reason === undefined ? [] : [{ value: value.name, axis: i, length: axis!.length, reason }];
    }),
  );
}
