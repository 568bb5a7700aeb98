/** Groups of units, read off the classes of positions, with names. */
import type { Graph, Node, Value } from "@lathe/core";
import type { DependencyGraph, Group, Unit } from "./dependency-graph.ts";
import type { Positions } from "./positions.ts";

interface RawUnit {
  readonly members: Map<number, number[]>;
}

/** Units and groups: classes of positions that nothing holds and that touch a weight. */
export function collectGroups(graphs: readonly Graph[], positions: Positions): Group[] {
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
  return nameGroups(graphs, [...bySignature.values()].filter((g) => g.units.length > 1));
}

function nameGroups(graphs: readonly Graph[], raw: readonly { units: readonly Unit[]; approximate: boolean }[]): Group[] {
  const order = new Map(graphs.flatMap((graph) => [...graph.nodes]).map((node, i) => [node, i]));
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

/** Weight axes that nothing may be cut from. */
export function heldWeights(graphs: readonly Graph[], positions: Positions): DependencyGraph["held"] {
  return graphs.flatMap((graph) => [...graph.initializers]).filter((v) => v.tensor!.dtype.startsWith("float") && v.tensor!.size > 1).flatMap((value) =>
    positions.axesOf(value).flatMap((axis, i) => {
      const reason = axis && axis.length > 1 && !isKernelWindow(value, i) ? positions.heldBy(axis.start) : undefined;
      return reason === undefined ? [] : [{ value: value.name, axis: i, length: axis!.length, reason }];
    }),
  );
}
