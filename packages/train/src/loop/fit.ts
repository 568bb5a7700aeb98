/** The training loop. */
import { EventLog, type Dataset, type Feeds, type Model, type Runtime, type Tensor } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import { crossEntropy, type Loss } from "../step/losses.ts";
import { adamW, type Optimizer } from "../step/optimizers.ts";
import { constant, type Schedule } from "../step/schedules.ts";
import { blockOf } from "../step/block-probe.ts";
import { trainingStep, type StepOptions } from "../step/graph.ts";
import { decodeState, encodeState } from "../checkpoint/state.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import { fixedBatch, trainingData, type TrainingData } from "./data.ts";
import { evaluate } from "./evaluate.ts";
import { supersedes, type FitEvent } from "./events.ts";
import { stepMemory } from "./memory.ts";
import { accuracy, type Metric } from "./metrics.ts";
import { batchOrder, type Order } from "./order.ts";
import { Trainer, withWeights } from "./trainer.ts";

export interface FitOptions extends Omit<StepOptions, "loss" | "optimizer" | "metrics"> {
  /** Not changed; the result is a new model. */
  readonly model: Model;
  /** Examples with the model's inputs and what the loss reads (int64 "labels", float32 "target" ...), by name. */
  readonly data: TrainingData | Dataset;
  /** Default: cross-entropy of the first output with "labels". */
  readonly loss?: Loss | undefined;
  /** Default: AdamW. */
  readonly optimizer?: Optimizer | undefined;
  /** Learning rate, or a schedule of it over the parameter updates. Default 1e-3. */
  readonly schedule?: Schedule | number | undefined;
  readonly epochs: number;
  /** Default 32, or the model's own batch when that is fixed. */
  readonly batchSize?: number | undefined;
  /** Default true. */
  readonly shuffle?: boolean | undefined;
  /** Default false: the last batch of an epoch may be smaller. */
  readonly dropLast?: boolean | undefined;
  /** Live figures of the training batches, written like losses. */
  readonly metrics?: Readonly<Record<string, Loss>> | undefined;
  /** Judges the model after every epoch; the first metric decides which epoch was best. */
  readonly validate?: { readonly data: TrainingData | Dataset; readonly metrics?: readonly Metric[]; readonly batchSize?: number } | undefined;
  /** Ends when the first validation metric has not improved by `minDelta` (default 0) for `patience` epochs. */
  readonly earlyStopping?: { readonly patience: number; readonly minDelta?: number } | undefined;
  /** Which weights the result has: of the best epoch (default with `validate`) or the last. */
  readonly keep?: "best" | "last" | undefined;
  /** Saves after every epoch, and every so many steps when given; a run that finds a checkpoint in the store goes on from it. */
  readonly checkpoint?: { readonly store: CheckpointStore; readonly everySteps?: number } | undefined;
  /** Order of the data, augmentation and dropout. Default 0. The same seed gives the same bytes. */
  readonly seed?: number | undefined;
  /** Default: ONNX Runtime in this thread. A runtime of placement `thread` keeps the event loop free and prepares batches meanwhile. */
  readonly runtime?: Runtime | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with each event, also without iterating the run. What it throws ends the run. */
  readonly onEvent?: ((event: FitEvent) => void) | undefined;
}

export interface EpochRecord {
  /** From 0. */
  readonly epoch: number;
  /** Mean loss of the epoch's steps. */
  readonly loss: number;
  /** Validation metrics by name; empty without `validate`. */
  readonly scores: Readonly<Record<string, number>>;
  /** Better than all epochs before. */
  readonly best: boolean;
}

export interface FitResult {
  /** A clean inference model with the trained weights. */
  readonly model: Model;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly history: readonly EpochRecord[];
  /** The epoch whose weights these are. */
  readonly epoch: number;
  readonly steps: number;
  readonly stopped: "done" | "early";
}

/** A run that has begun. Iterate it for events (any number of times), await `result`, or do both. */
export interface FitRun extends AsyncIterable<FitEvent> {
  readonly result: Promise<FitResult>;
}

/**
 * Trains a model.
 *
 * @example
 * const run = fit({ model, data: tensorData({ input: images, labels }), epochs: 3, schedule: cosine(1e-3), validate: { data: test } });
 * for await (const event of run) if (event.type === "epoch") console.log(event.epoch, event.loss, event.scores);
 * const { model: trained } = await run.result;
 * @throws (through the run) TRAIN_NO_GRADIENT and the other refusals of trainingStep before the first step; TRAIN_NOT_FINITE,
 * TRAIN_CHECKPOINT, TRAIN_OPTION, TRAIN_DATA; the signal's reason when aborted, within one step.
 */
export const fit = (options: FitOptions): FitRun => fitRun((emit) => new Loop(options, emit).run(), options.onEvent);

/** A run of training that begins now and tells what it emits to all who iterate it, and to `onEvent`. */
export function fitRun(begin: (emit: (event: FitEvent) => void) => Promise<FitResult>, onEvent?: (event: FitEvent) => void): FitRun {
  const log = new EventLog<FitEvent>(supersedes);
  const result = begin((event) => {
    log.push(event);
    onEvent?.(event);
  });
  result.then(() => log.close(), (error: unknown) => log.close({ error }));
  return { result, [Symbol.asyncIterator]: () => log.read() };
}

/** What a checkpoint remembers beside tensors. */
interface Progress {
  readonly history: readonly EpochRecord[];
  /** Sum of the losses of the epoch that is under way. */
  readonly lossSum: number;
  readonly bestEpoch: number;
}

class Loop {
  readonly #options: FitOptions;
  readonly #emit: (event: FitEvent) => void;
  #best: ReadonlyMap<string, Tensor> = new Map();
  #progress: Progress = { history: [], lossSum: 0, bestEpoch: -1 };

  constructor(options: FitOptions, emit: (event: FitEvent) => void) {
    this.#options = options;
    this.#emit = emit;
  }

  async run(): Promise<FitResult> {
    const fixed = fixedBatch(this.#options.model);
    // A model of fixed batch cannot take the smaller rest of an epoch.
    const { seed = 0, signal, batchSize = fixed ?? 32, epochs, shuffle = true, dropLast = fixed !== undefined } = this.#options;
    signal?.throwIfAborted();
    this.#check(epochs, batchSize);
    if (fixed !== undefined && batchSize !== fixed) throw trainErrors.TRAIN_OPTION({ option: "batchSize", expected: `${fixed}, the fixed batch of the model's inputs`, received: String(batchSize) });
    const optimizer = this.#options.optimizer ?? adamW();
    const { optimizer: _, loss = crossEntropy(), metrics, ...rest } = this.#options;
    const runtime = this.#options.runtime ?? (await defaultRuntime());
    const block = this.#options.block ?? (await blockOf(runtime));
    const step = trainingStep(this.#options.model, { ...rest, loss, optimizer, block, ...(metrics ? { metrics } : {}) });
    const data = await trainingData(this.#options.data, this.#options.model);
    const order = batchOrder({ size: data.size, batchSize, epochs, seed, shuffle, dropLast });
    const trainer = await Trainer.create(step, optimizer, runtime, seed, signal);
    try {
      const fingerprint = `${optimizer.name}, seed ${seed}, batches of ${batchSize} out of ${data.size}, ${step.parameters.length} parameters`;
      await this.#resume(trainer, fingerprint);
      const elements = step.parameters.reduce((sum, p) => sum + p.initial.size, 0);
      this.#emit({ type: "start", parameters: step.parameters.length, elements, stepsPerEpoch: order.stepsPerEpoch, totalSteps: order.total, memoryBytes: stepMemory(step, batchSize), resumedAt: trainer.count });
      const stopped = await this.#epochs(trainer, data, order, runtime, fingerprint);
      this.#emit({ type: "end", steps: trainer.count, stopped });
      return this.#result(trainer, stopped);
    } finally {
      await trainer.dispose();
    }
  }

  #check(epochs: number, batchSize: number): void {
    const positive = (option: string, value: number): void => {
      if (!Number.isInteger(value) || value < 1) throw trainErrors.TRAIN_OPTION({ option, expected: "an integer of 1 or more", received: String(value) });
    };
    positive("epochs", epochs);
    positive("batchSize", batchSize);
    positive("accumulate", this.#options.accumulate ?? 1);
    if (this.#options.earlyStopping && !this.#options.validate) throw trainErrors.TRAIN_OPTION({ option: "earlyStopping", expected: "used with validate", received: "given alone" });
  }

  async #resume(trainer: Trainer, fingerprint: string): Promise<void> {
    const bytes = await this.#options.checkpoint?.store.read();
    if (!bytes) return;
    const { step, tensors, best, progress } = decodeState<Progress>(bytes, fingerprint);
    trainer.restore({ step, tensors });
    this.#best = best;
    this.#progress = progress;
  }

  async #save(trainer: Trainer, fingerprint: string): Promise<void> {
    const { checkpoint } = this.#options;
    if (!checkpoint) return;
    const bytes = encodeState({ ...trainer.state(), best: this.#best, progress: this.#progress }, fingerprint);
    await checkpoint.store.write(bytes);
    this.#emit({ type: "checkpoint", step: trainer.count, bytes: bytes.length });
  }

  async #epochs(trainer: Trainer, data: TrainingData, order: Order, runtime: Runtime, fingerprint: string): Promise<"done" | "early"> {
    const { checkpoint, signal, accumulate = 1 } = this.#options;
    const given = this.#options.schedule ?? 1e-3;
    const schedule = typeof given === "number" ? constant(given) : given;
    const updates = Math.ceil(order.total / accumulate);
    const begin = performance.now();
    const first = trainer.count;
    if (this.#isOver()) return "early";
    const prepare = (step: number): Promise<Feeds> | undefined => (step < order.total ? Promise.resolve(data.batch(order.indices(step), order.randomOf(step))) : undefined);
    let next = prepare(trainer.count);
    while (trainer.count < order.total) {
      signal?.throwIfAborted();
      const batch = await next!;
      const learningRate = schedule(Math.floor(trainer.count / accumulate), updates);
      const at = performance.now();
      const stepping = trainer.step(batch, learningRate, signal);
      // The engine may be in another thread: the next batch is made meanwhile.
      next = prepare(trainer.count + 1);
      next?.catch(() => undefined);
      const { loss, metrics } = await stepping;
      const now = performance.now();
      const step = trainer.count;
      this.#progress = { ...this.#progress, lossSum: this.#progress.lossSum + loss };
      const examples = Object.values(batch)[0]?.dims[0] ?? 1;
      this.#emit({
        type: "step", step, totalSteps: order.total, epoch: Math.floor((step - 1) / order.stepsPerEpoch), loss, metrics, learningRate,
        stepMs: now - at, examplesPerSecond: (examples * 1000) / (now - at), etaMs: ((now - begin) / (step - first)) * (order.total - step),
      });
      const ended = step % order.stepsPerEpoch === 0;
      if (ended) await this.#endEpoch(trainer, order, runtime, now - begin);
      if (ended || (checkpoint?.everySteps !== undefined && step % checkpoint.everySteps === 0)) await this.#save(trainer, fingerprint);
      if (ended && this.#isOver()) return "early";
    }
    return "done";
  }

  async #endEpoch(trainer: Trainer, order: Order, runtime: Runtime, elapsedMs: number): Promise<void> {
    const { validate, model, signal } = this.#options;
    const epoch = trainer.count / order.stepsPerEpoch - 1;
    // What a trainer hands out it cannot write to any more: asked for only where it is needed.
    const weights = validate ? trainer.weights() : undefined;
    const scores = validate && weights ? await evaluate(withWeights(model, weights), validate.data, { ...validate, runtime, signal }) : {};
    const best = this.#isBest(scores);
    if (best && weights) this.#best = weights;
    const record: EpochRecord = { epoch, loss: this.#progress.lossSum / order.stepsPerEpoch, scores, best };
    this.#progress = { history: [...this.#progress.history, record], lossSum: 0, bestEpoch: best ? epoch : this.#progress.bestEpoch };
    this.#emit({ type: "epoch", ...record, elapsedMs });
  }

  /** The metric that decides. */
  get #judge(): Metric | undefined {
    return this.#options.validate ? (this.#options.validate.metrics?.[0] ?? accuracy()) : undefined;
  }

  #isBest(scores: Readonly<Record<string, number>>): boolean {
    const judge = this.#judge;
    if (!judge) return false;
    const before = this.#progress.history[this.#progress.bestEpoch]?.scores[judge.name];
    const delta = this.#options.earlyStopping?.minDelta ?? 0;
    const now = scores[judge.name]!;
    return before === undefined || (judge.higherIsBetter ? now > before + delta : now < before - delta);
  }

  #isOver(): boolean {
    const { earlyStopping } = this.#options;
    return earlyStopping !== undefined && this.#progress.history.length - 1 - this.#progress.bestEpoch >= earlyStopping.patience;
  }

  #result(trainer: Trainer, stopped: "done" | "early"): FitResult {
    const { history, bestEpoch } = this.#progress;
    const useBest = (this.#options.keep ?? "best") === "best" && this.#best.size > 0;
    const weights = useBest ? this.#best : trainer.weights();
    return { model: withWeights(this.#options.model, weights), weights, history, epoch: useBest ? bestEpoch : history.length - 1, steps: trainer.count, stopped };
  }
}

/** Less memory than with the engine's allocation pattern, at the same speed. */
async function defaultRuntime(): Promise<Runtime> {
  const { ortRuntime } = await import("@lathe/ort");
  return ortRuntime({ load: { memoryPattern: false } });
}
