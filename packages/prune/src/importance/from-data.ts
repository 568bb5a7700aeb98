/** Importance that is measured on samples: from the loss's gradient, or from what flows through the channels. */
import type { Feeds, Model, Runtime, Tensor, Value } from "@lathe/core";
import { eachActivation, feedsOf, linearOf } from "@lathe/core";
import { pruneErrors } from "../errors.ts";
import type { Group } from "../structure/dependency-graph.ts";
import type { Criterion, Reduction } from "./criteria.ts";
import { judgedBy, perWeight } from "./criteria.ts";
import { sumOver } from "./slices.ts";

export type DataCriterionName = "taylor" | "fisher" | "activation" | "apoz";

export interface DataCriterionOptions {
  readonly runtime: Runtime;
  readonly batches: readonly Feeds[];
  readonly reduction: Reduction;
  /** Name of the int64 class labels in the samples (taylor, fisher). Default "labels". */
  readonly labels?: string;
  readonly signal?: AbortSignal;
}

/**
 * - taylor: sum over the unit's weights of |w · ∂L/∂w|, mean over the batches (Molchanov et al. 2019);
 * - fisher: ½ w² E[(∂L/∂w)²], exact when each sample is one example;
 * - activation: root mean square of what the unit sends to the layers behind it;
 * - apoz: share of what it sends that is not zero (Hu et al. 2016).
 * @throws PRUNE_NO_LABELS
 */
export async function dataCriterion(name: DataCriterionName, model: Model, groups: readonly Group[], options: DataCriterionOptions): Promise<Criterion> {
  return name === "taylor" || name === "fisher" ? gradientCriterion(name, model, groups, options) : activationCriterion(name, model, groups, options);
}

/** The gradients of one sample are in memory at a time; of what they say only sums along the axes that units lie on are kept. */
async function gradientCriterion(name: "taylor" | "fisher", model: Model, groups: readonly Group[], { runtime, batches, reduction, labels = "labels", signal }: DataCriterionOptions): Promise<Criterion> {
  const first = batches[0]!;
  if (!first[labels]) throw pruneErrors.PRUNE_NO_LABELS({ criterion: name, label: labels, known: Object.keys(first) });
  const { crossEntropy, gradient } = await import("@lathe/train");
  const made = gradient(model, { loss: crossEntropy({ labels }) });
  const sums = groups.flatMap(judgedBy).flatMap(({ value, tensor, axis }): AxisSums[] => {
    const output = made.gradients.get(value.name);
    return output === undefined ? [] : [{ key: keyOf(value, axis), output, tensor, axis, totals: new Float64Array(tensor.dims[axis]!) }];
  });
  const fetches = [...new Set(sums.map((s) => s.output))];
  const session = await runtime.load(made.model, signal ? { signal } : {});
  try {
    for (const batch of batches) {
      const found = await session.run(feedsOf(session.inputs, batch), { fetches, ...(signal ? { signal } : {}) });
      for (const one of sums) accumulate(one, found[one.output]!, name);
    }
  } finally {
    await session.dispose();
  }
  const totals = new Map(sums.map((s) => [s.key, s.totals]));
  return (group) => perWeight(group, reduction, ({ value, axis, positions }) => {
    const along = totals.get(keyOf(value, axis));
    return Float64Array.from(positions, (list) => (along ? list.reduce((sum, p) => sum + along[p]! / batches.length, 0) : 0));
  });
}

/** Scores summed over each position of one axis of a weight, over all samples. */
interface AxisSums {
  readonly key: string;
  /** Name of the gradient. */
  readonly output: string;
  readonly tensor: Tensor;
  readonly axis: number;
  readonly totals: Float64Array;
}

const keyOf = (value: Value, axis: number): string => `${axis}/${value.name}`;

function accumulate({ tensor, axis, totals }: AxisSums, gradient: Tensor, kind: "taylor" | "fisher"): void {
  const [w, g] = [tensor.toFloat32(), gradient.toFloat32()];
  const score = kind === "taylor" ? (i: number): number => Math.abs(w[i]! * g[i]!) : (i: number): number => 0.5 * (w[i]! * g[i]!) ** 2;
  sumOver(tensor.dims, axis, score).forEach((sum, p) => (totals[p]! += sum));
}

interface Sent {
  readonly value: Value;
  readonly axis: number;
  readonly totals: Float64Array;
  count: number;
}

async function activationCriterion(name: "activation" | "apoz", model: Model, groups: readonly Group[], { runtime, batches, signal }: DataCriterionOptions): Promise<Criterion> {
  const sent = new Map(groups.map((group) => [group, sentBy(group)]));
  const all = [...sent.values()].flat();
  const names = [...new Set(all.map((s) => s.value.name))];
  await eachActivation(model, names, batches, runtime, (tensors) => {
    for (const s of all) measure(s, tensors[s.value.name]!, name);
  }, signal);
  return (group) => {
    const list = sent.get(group) ?? [];
    if (list.length === 0) return Float64Array.from(group.units, () => 1);
    return Float64Array.from(group.units, (unit) => list.reduce((sum, { value, axis, totals, count }) => {
      const positions = unit.members.find((m) => m.axis.value === value && m.axis.axis === axis)?.positions ?? [];
      const mean = positions.reduce((s, p) => s + totals[p]!, 0) / Math.max(1, count * positions.length);
      return sum + (name === "activation" ? Math.sqrt(mean) : mean) / list.length;
    }, 0));
  };
}

/** The group's activations that a linear layer reads. */
function sentBy(group: Group): Sent[] {
  return group.units[0]!.members.flatMap(({ axis: { value, axis, length } }) => {
    const isRead = value && !value.tensor && !value.graph?.parent && value.uses.some((u) => u.index === 0 && linearOf(u.node));
    return isRead ? [{ value, axis, totals: new Float64Array(length), count: 0 }] : [];
  });
}

function measure(sent: Sent, tensor: Tensor, name: "activation" | "apoz"): void {
  const data = tensor.toFloat32();
  const along = sumOver(tensor.dims, sent.axis, (i) => (name === "activation" ? data[i]! ** 2 : data[i] === 0 ? 0 : 1));
  along.forEach((s, i) => (sent.totals[i]! += s));
  sent.count += data.length / along.length;
}

