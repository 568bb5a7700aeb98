/** Pruning while training: masks follow a schedule, weights and gradients are both masked, the result is a clean model with zeros. */
import { Tensor, random, type Model, type Runtime } from "@lathe/core";
import type { Loss, Optimizer, Schedule, TrainingData } from "@lathe/train";
import { chooseMasks } from "../sparse/choose.ts";
import type { Mask } from "../sparse/masks.ts";
import { weightsOf, type Weight } from "../sparse/weights.ts";
import type { WeightOptions } from "../weights.ts";
import { maskFeeds, withMaskInputs } from "./masked.ts";

export interface SparseFitOptions {
  readonly model: Model;
  readonly data: TrainingData;
  readonly runtime: Runtime;
  readonly epochs: number;
  readonly batchSize?: number;
  /** Sparsity at a step: {@link polynomialDecay}, {@link constantSparsity} ... */
  readonly sparsity: (step: number) => number;
  /** At which steps masks are chosen anew: {@link updatesAt}. Between them they stay. */
  readonly updates: (step: number) => boolean;
  /** Default: cross-entropy with "labels". */
  readonly loss?: Loss;
  readonly optimizer?: Optimizer;
  readonly schedule?: Schedule | number;
  readonly masks?: Partial<Pick<WeightOptions, "scope" | "pattern" | "criterion" | "block" | "pooling">>;
  readonly exclude?: readonly string[];
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: { readonly step: number; readonly total: number; readonly loss: number; readonly sparsity: number }) => void;
}

export interface SparseFitResult {
  /** Without masks: the zeros are in the weights. */
  readonly model: Model;
  /** Share of zeros among the pruned weights. */
  readonly sparsity: number;
  readonly steps: number;
}

/** @throws what trainingStep of @lathe/train refuses; PRUNE_NO_WEIGHTS; the signal's reason when aborted. */
export async function sparseFit(options: SparseFitOptions): Promise<SparseFitResult> {
  const { adamW, crossEntropy, Trainer, trainingStep } = await import("@lathe/train");
  const { model, data, runtime, epochs, batchSize = 64, seed = 0, signal, loss = crossEntropy(), optimizer = adamW(), schedule = 1e-3 } = options;
  const weights = weightsOf(model, options.exclude);
  const trainer = await Trainer.create(trainingStep(withMaskInputs(model, weights), { loss, optimizer }), optimizer, runtime, seed, signal);
  let masks: Mask[] = weights.map((w) => new Uint8Array(w.tensor.size).fill(1));
  const total = epochs * Math.floor(data.size / batchSize);
  try {
    for (let step = 0; step < total; step++) {
      signal?.throwIfAborted();
      if (options.updates(step)) masks = chosen(weights, trainer.weights(), masks, options.sparsity(step), options);
      const batch = await batchAt(data, step, batchSize, seed);
      const rate = typeof schedule === "number" ? schedule : schedule(step, total);
      const result = await trainer.step({ ...batch, ...maskFeeds(weights, masks) }, rate, signal);
      options.onStep?.({ step: step + 1, total, loss: result.loss, sparsity: zerosOf(masks) });
    }
    return { model: await baked(model, trainer.weights(), weights, masks), sparsity: zerosOf(masks), steps: total };
  } finally {
    await trainer.dispose();
  }
}

/** New masks from the weights as they are; what is masked counts as zero, so it stays masked while sparsity grows. */
function chosen(weights: readonly Weight[], now: ReadonlyMap<string, Tensor>, masks: readonly Mask[], sparsity: number, { masks: how = {}, seed = 0 }: SparseFitOptions): Mask[] {
  const current = weights.map((w, i) => ({ ...w, tensor: masked(now.get(w.value.name) ?? w.tensor, masks[i]!) }));
  return chooseMasks(current, { scope: "global", pattern: "free", criterion: "magnitude", pooling: "average", ...how, sparsity }, random(seed).fork("masks"));
}

const masked = (tensor: Tensor, mask: Mask): Tensor => Tensor.from("float32", tensor.dims, tensor.toFloat32().map((x, i) => (mask[i] === 1 ? x : 0)));

async function baked(model: Model, now: ReadonlyMap<string, Tensor>, weights: readonly Weight[], masks: readonly Mask[]): Promise<Model> {
  const { withWeights } = await import("@lathe/train");
  const byName = new Map(weights.map((w, i) => [w.value.name, masks[i]!]));
  return withWeights(model, new Map([...now].map(([name, tensor]) => [name, byName.has(name) ? masked(tensor, byName.get(name)!) : tensor])));
}

function zerosOf(masks: readonly Mask[]): number {
  const total = masks.reduce((sum, m) => sum + m.length, 0);
  return masks.reduce((sum, m) => sum + m.reduce((n, keep) => n + (keep === 0 ? 1 : 0), 0), 0) / total;
}

/** Batches of a shuffled epoch; the last one that is not full is left out. */
async function batchAt(data: TrainingData, step: number, batchSize: number, seed: number): Promise<Awaited<ReturnType<TrainingData["batch"]>>> {
  const perEpoch = Math.floor(data.size / batchSize);
  const [epoch, at] = [Math.floor(step / perEpoch), step % perEpoch];
  const order = random(`${seed}/order/${epoch}`).shuffle(Array.from({ length: data.size }, (_, i) => i));
  return data.batch(order.slice(at * batchSize, (at + 1) * batchSize), random(`${seed}/batch/${step}`));
}
