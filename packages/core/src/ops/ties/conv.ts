/** Convolutions. Weights are [M, C/group, kernel...] for Conv and [C, M/group, kernel...] for ConvTranspose. */
import type { Axis } from "../tie.ts";
import { input, isNumber, output, rule, type RuleBuilder, type Ties } from "./build.ts";
import { setInt } from "./resize.ts";

/** An axis that is groups x positions within a group. Parts of length 1 are left out; one part alone is an equivalence. */
function product(r: RuleBuilder, axis: Axis, groups: { axis: Axis; length: number }, local: { axis: Axis; length: number } | undefined, sum?: true): void {
  const inner = local?.length ?? 1;
  if (!local || inner === 1) return void r.tie(groups.axis, axis);
  r.tie(groups.axis, axis, { inner, factor: true });
  r.tie(local.axis, axis, { outer: groups.length, factor: true, ...(sum ? { spans: "sum" as const } : {}) });
}

export const convTies: Ties = (c) => {
  const w = c.shape(1);
  const group = c.node.int("group", 1);
  if (!w || w.length < 2 || (c.node.int("offset_group", 1) !== 1)) return undefined;
  const bias = c.node.opType === "DeformConv" ? 3 : 2;
  // com.microsoft FusedConv adds a fourth input to the result.
  const added = c.node.opType === "FusedConv" && c.node.input(3) !== undefined;
  const outChannels = [input(1, 0), output(0, 1), ...(c.node.input(bias) ? [input(bias, 0)] : []), ...(added ? [input(3, 1)] : [])];
  const r = rule().same([input(0, 0), output(0, 0), ...(added ? [input(3, 0)] : [])]);
  if (group === 1) return r.tie(input(0, 1), input(1, 1), { spans: "sum" }).same(outChannels).done();
  const [m, perGroup] = w;
  if (!isNumber(m) || !isNumber(perGroup) || c.node.opType === "DeformConv") return r.done("the grouped weights are not of static shape");
  const groups = { axis: r.addFactor(group), length: group };
  product(r, input(0, 1), groups, { axis: input(1, 1), length: perGroup }, true);
  const local = m / group > 1 ? { axis: r.addFactor(m / group), length: m / group } : undefined;
  for (const axis of outChannels) product(r, axis, groups, local);
  return r.resize(groups.axis, setInt("group")).done();
};

export const convTransposeTies: Ties = (c) => {
  const w = c.shape(1);
  const group = c.node.int("group", 1);
  if (!w || w.length < 2) return undefined;
  const outChannels = [output(0, 1), ...(c.node.input(2) ? [input(2, 0)] : [])];
  const r = rule().tie(input(0, 0), output(0, 0));
  if (group === 1) return r.tie(input(0, 1), input(1, 0), { spans: "sum" }).same([input(1, 1), ...outChannels]).done();
  const [channels, perGroup] = w;
  if (!isNumber(channels) || !isNumber(perGroup)) return r.done("the grouped weights are not of static shape");
  const groups = { axis: r.addFactor(group), length: group };
  const local = channels / group > 1 ? { axis: r.addFactor(channels / group), length: channels / group } : undefined;
  product(r, input(0, 1), groups, local, true);
  product(r, input(1, 0), groups, local, true);
  for (const axis of outChannels) product(r, axis, groups, { axis: input(1, 1), length: perGroup });
  return r.resize(groups.axis, setInt("group")).done();
};
