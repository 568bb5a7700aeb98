/** Importance that is measured on samples: from the loss's gradient, or from what flows through the channels. */
import type { Feeds, Model, Runtime, Tensor, Value } from "@lathe/core";
import { eachActivation, feedsOf, linearOf } from "@lathe/core";
import { pruneErrors } from "../errors.ts";
import type { Group } from "../structure/dependency-graph.ts";
import type { Criterion, Reduction } from "./criteria.ts";
import { perWeight } from "./criteria.ts";
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
  return name === "taylor" || name === "fisher" ? gradientCriterion(name, model, options) : activationCriterion(name, model, groups, options);
}

async function gradientCriterion(name: "taylor" | "fisher", model: Model, { runtime, batches, reduction, labels = "labels", signal }: DataCriterionOptions): Promise<Criterion> {
  const first = batches[0]!;
  if (!first[labels]) throw pruneErrors.PRUNE_NO_LABELS({ criterion: name, label: labels, known: Object.keys(first) });
  const { crossEntropy, gradient } = await import("@lathe/train");
  const made = gradient(model, { loss: crossEntropy({ labels }) });
  const names = [...made.gradients.values()];
  const sums = new Map<string, Float64Array>();
  const session = await runtime.load(made.model, signal ? { signal } : {});
  try {
    for (const batch of batches) {
      const found = await session.run(feedsOf(session.inputs, batch), { fetches: names, ...(signal ? { signal } : {}) });
      for (const [value, output] of made.gradients) accumulate(sums, value, found[output]!, name);
    }
  } finally {
    await session.dispose();
  }
  return (group) => perWeight(group, reduction, ({ value, tensor, axis, positions }) => {
    const gradients = sums.get(value.name);
    const weights = tensor.toFloat32();
    const score = (i: number): number => {
      const g = gradients ? gradients[i]! / batches.length : 0;
      return name === "taylor" ? Math.abs(weights[i]!) * g : 0.5 * weights[i]! ** 2 * g;
    };
    const along = sumOver(tensor.dims, axis, score);
    return Float64Array.from(positions, (list) => list.reduce((sum, p) => sum + along[p]!, 0));
  });
}

/** Sums |g| or g² of each element. */
function accumulate(sums: Map<string, Float64Array>, name: string, tensor: Tensor, kind: "taylor" | "fisher"): void {
  const data = tensor.toFloat32();
  let sum = sums.get(name);
  if (!sum) sums.set(name, (sum = new Float64Array(data.length)));
  for (let i = 0; i < data.length; i++) sum[i]! += kind === "taylor" ? Math.abs(data[i]!) : data[i]! ** 2;
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

