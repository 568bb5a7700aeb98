/** Runs a training step again and again: owns parameters, optimizer state and running statistics between steps. */
import { Tensor, evaluateDim, type Feeds, type Model, type Runtime, type Session } from "@lathe/core";
import { drawMask, type Mask } from "../step/dropout.ts";
import { APPLY, BIAS1, BIAS2, LEARNING_RATE, averageOf, type TrainingStep } from "../step/graph.ts";
import type { Carried } from "../step/carry.ts";
import type { Optimizer } from "../step/optimizers.ts";
import { LOSS, prepared } from "../step/prepare.ts";
import { trainErrors } from "../errors.ts";
import { trainOps } from "../grad/ops.ts";
import { firstNonFinite } from "./diagnose.ts";

export interface StepResult {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Everything that changes between steps; with the data order it determines the rest of the run exactly. */
export interface TrainerState {
  /** Steps done. */
  readonly step: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

export class Trainer {
  /** Of the standard step and of the blocked one; each loaded when first needed. */
  readonly #sessions = new Map<Model, Session>();
  readonly #inputs: readonly string[];
  readonly #runtime: Runtime;
  readonly #step: TrainingStep;
  readonly #optimizer: Optimizer;
  readonly #seed: number;
  readonly #carried: readonly Carried[];
  readonly #fetches: readonly string[];
  #tensors: Map<string, Tensor>;
  /** What the last step gave, if nobody else has got hold of it, and what the one before gave: its memory takes the results of the next. */
  #last: Feeds = {};
  #spare: Feeds = {};
  #count = 0;

  private constructor(runtime: Runtime, step: TrainingStep, optimizer: Optimizer, seed: number) {
    this.#inputs = step.model.graph.inputs.map((v) => v.name);
    this.#runtime = runtime;
    this.#step = step;
    this.#optimizer = optimizer;
    this.#seed = seed;
    this.#carried = [...step.parameters, ...step.state, ...step.statistics];
    this.#tensors = new Map(this.#carried.map((c) => [c.name, c.initial]));
    this.#fetches = [LOSS, ...step.metrics.map((m) => `lathe/metric/${m}`), ...this.#carried.map((c) => c.next)];
  }

  /** Loads the step. `seed` draws dropout masks. */
  static async create(step: TrainingStep, optimizer: Optimizer, runtime: Runtime, seed = 0, signal?: AbortSignal): Promise<Trainer> {
    const trainer = new Trainer(runtime, step, optimizer, seed);
    await trainer.#session(step.blocked?.model ?? step.model, signal);
    return trainer;
  }

  /** Steps done. */
  get count(): number {
    return this.#count;
  }

  /**
   * One step on one batch. Parameters change only when the loss is finite.
   * @throws TRAIN_NOT_FINITE naming the step and the node that made the first NaN or infinity; the state is then that of before.
   * @throws TRAIN_MISSING_INPUT
   */
  async step(batch: Feeds, learningRate: number, signal?: AbortSignal): Promise<StepResult> {
    const known = this.#feeds(batch, learningRate);
    const session = await this.#session(this.#modelFor(batch), signal);
    const out = await session.run(known, { fetches: this.#fetches, into: this.#spare, ...(signal ? { signal } : {}) });
    const loss = out[LOSS]!.toFloat32()[0]!;
    if (!Number.isFinite(loss)) throw trainErrors.TRAIN_NOT_FINITE({ step: this.#count, loss, at: await firstNonFinite(this.#step.model, known, this.#runtime, signal) });
    this.#tensors = new Map(this.#carried.map((c) => [c.name, out[c.next]!]));
    [this.#spare, this.#last] = [this.#last, out];
    this.#count++;
    return { loss, metrics: Object.fromEntries(this.#step.metrics.map((m) => [m, out[`lathe/metric/${m}`]!.toFloat32()[0]!])) };
  }

  /** All that the step's graph is fed: the batch, what is carried, and the scalars of this step. */
  feeds(batch: Feeds, learningRate: number): Feeds {
    this.#lend();
    return this.#feeds(batch, learningRate);
  }

  /** Carried tensors that leave this class stay as they are: no step writes to their memory. */
  #lend(): ReadonlyMap<string, Tensor> {
    this.#last = {};
    return this.#tensors;
  }

  #feeds(batch: Feeds, learningRate: number): Feeds {
    const given: Feeds = { ...batch, ...Object.fromEntries(this.#tensors), ...this.#masks(batch), [LEARNING_RATE]: scalar(learningRate), ...this.#counters() };
    return Object.fromEntries(this.#inputs.map((name) => [name, given[name] ?? this.#missing(name)]));
  }

  /** The blocked step takes whole blocks of examples only. */
  #modelFor(batch: Feeds): Model {
    const { model, blocked } = this.#step;
    if (!blocked) return model;
    const sizes = bindings(model, batch);
    return blocked.batches.every((dim) => (evaluateDim(dim, sizes) ?? 1) % blocked.block === 0) ? blocked.model : model;
  }

  async #session(model: Model, signal: AbortSignal | undefined): Promise<Session> {
    const session = this.#sessions.get(model) ?? (await this.#runtime.load(model, { into: true, config: { "session.disable_quant_qdq": "1" }, ...(signal ? { signal } : {}) }));
    this.#sessions.set(model, session);
    return session;
  }

  #missing(name: string): never {
    throw trainErrors.TRAIN_MISSING_INPUT({ input: name, expected: this.#step.inputs });
  }

  #counters(): Feeds {
    const { accumulate } = this.#step;
    const t = Math.floor(this.#count / accumulate) + 1;
    const [beta1, beta2] = this.#optimizer.betas ?? [0, 0];
    const applies = (this.#count + 1) % accumulate === 0;
    return { [BIAS1]: scalar(1 - beta1 ** t), [BIAS2]: scalar(1 - beta2 ** t), [APPLY]: Tensor.from("bool", [], [applies]) };
  }

  #masks(batch: Feeds): Feeds {
    if (this.#step.masks.length === 0) return {};
    const sizes = bindings(this.#step.model, batch);
    return Object.fromEntries(this.#step.masks.map((mask) => [mask.name, drawMask(mask, dimsOf(mask, sizes), this.#seed, this.#count)]));
  }

  state(): TrainerState {
    return { step: this.#count, tensors: new Map(this.#lend()) };
  }

  /** Goes on from a state, bit for bit. @throws TRAIN_CHECKPOINT when it is of another model or optimizer. */
  restore(state: TrainerState): void {
    for (const { name, initial } of this.#carried) {
      const tensor = state.tensors.get(name);
      if (!tensor || tensor.dims.join() !== initial.dims.join()) throw trainErrors.TRAIN_CHECKPOINT({ reason: `"${name}" is missing or has another shape` });
    }
    this.#tensors = new Map(this.#carried.map((c) => [c.name, state.tensors.get(c.name)!]));
    this.#last = {};
    this.#count = state.step;
  }

  /** What a model for inference takes over: parameters (their moving averages, when kept) and running statistics. */
  weights(): Map<string, Tensor> {
    const { parameters, statistics, ema } = this.#step;
    const tensors = this.#lend();
    const from = (name: string): Tensor => tensors.get(ema ? averageOf(name) : name)!;
    return new Map([...parameters.map(({ name }) => [name, from(name)] as const), ...statistics.map(({ name }) => [name, tensors.get(name)!] as const)]);
  }

  async dispose(): Promise<void> {
    for (const session of this.#sessions.values()) await session.dispose();
    this.#sessions.clear();
  }
}

/** A copy of the original model with these weights: a clean inference model. */
export function withWeights(original: Model, weights: ReadonlyMap<string, Tensor>): Model {
  const model = prepared(original, trainOps);
  for (const value of model.graph.initializers) {
    const tensor = weights.get(value.name);
    if (tensor) model.graph.setInitializer(value, tensor);
  }
  return model;
}

/** Sizes of the symbols in the inputs' shapes, read off the batch. */
function bindings(model: Model, batch: Feeds): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { name, shape } of model.graph.inputs) {
    const dims = batch[name]?.dims;
    shape?.forEach((d, i) => typeof d === "string" && dims?.[i] !== undefined && sizes.set(d, dims[i]));
  }
  return sizes;
}

const dimsOf = (mask: Mask, sizes: ReadonlyMap<string, number>): number[] =>
  mask.shape.map((d) => {
    const size = evaluateDim(d, sizes);
    if (size === null) throw trainErrors.TRAIN_MISSING_INPUT({ input: `a size for dimension "${String(d)}"`, expected: [...sizes.keys()] });
    return size;
  });

const scalar = (value: number): Tensor => Tensor.from("float32", [], [value]);
