/** Runs a training step again and again: owns parameters, optimizer state and running statistics between steps. */
import { Tensor, type Feeds, type Model, type Runtime, type Session } from "@lathe/core";
import { LOSS } from "../step/prepare.ts";
import { BIAS1, BIAS2, LEARNING_RATE, type Carried, type TrainingStep } from "../step/graph.ts";
import type { Optimizer } from "../step/optimizers.ts";
import { trainErrors } from "../errors.ts";

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
  readonly #session: Session;
  readonly #step: TrainingStep;
  readonly #optimizer: Optimizer;
  readonly #carried: readonly Carried[];
  readonly #fetches: readonly string[];
  #tensors: Map<string, Tensor>;
  #count = 0;

  private constructor(session: Session, step: TrainingStep, optimizer: Optimizer) {
    this.#session = session;
    this.#step = step;
    this.#optimizer = optimizer;
    this.#carried = [...step.parameters, ...step.state, ...step.statistics];
    this.#tensors = new Map(this.#carried.map((c) => [c.name, c.initial]));
    this.#fetches = [LOSS, ...step.metrics.map((m) => `lathe/metric/${m}`), ...this.#carried.map((c) => c.next)];
  }

  static async create(step: TrainingStep, optimizer: Optimizer, runtime: Runtime): Promise<Trainer> {
    return new Trainer(await runtime.load(step.model), step, optimizer);
  }

  get count(): number {
    return this.#count;
  }

  /**
   * One step on one batch. Parameters change only when the loss is finite.
   * @throws TRAIN_NOT_FINITE naming the step; the state is then that of before.
   */
  async step(batch: Feeds, learningRate: number, signal?: AbortSignal): Promise<StepResult> {
    const feeds: Record<string, Tensor> = { ...batch, ...Object.fromEntries(this.#tensors), [LEARNING_RATE]: scalar(learningRate), ...this.#biases() };
    const known = Object.fromEntries(this.#session.inputs.map(({ name }) => [name, feeds[name] ?? this.#missing(name)]));
    const out = await this.#session.run(known, { fetches: this.#fetches, ...(signal ? { signal } : {}) });
    const loss = out[LOSS]!.toFloat32()[0]!;
    if (!Number.isFinite(loss)) throw trainErrors.TRAIN_NOT_FINITE({ step: this.#count, loss });
    this.#tensors = new Map(this.#carried.map((c) => [c.name, out[c.next]!]));
    this.#count++;
    return { loss, metrics: Object.fromEntries(this.#step.metrics.map((m) => [m, out[`lathe/metric/${m}`]!.toFloat32()[0]!])) };
  }

  #missing(name: string): never {
    throw trainErrors.TRAIN_MISSING_INPUT({ input: name, expected: this.#step.inputs });
  }

  #biases(): Record<string, Tensor> {
    const t = this.#count + 1;
    const [beta1, beta2] = this.#optimizer.betas ?? [0, 0];
    return { [BIAS1]: scalar(1 - beta1 ** t), [BIAS2]: scalar(1 - beta2 ** t) };
  }

  state(): TrainerState {
    return { step: this.#count, tensors: new Map(this.#tensors) };
  }

  /** Goes on from a state, bit for bit. @throws TRAIN_CHECKPOINT when it is of another model or optimizer. */
  restore(state: TrainerState): void {
    for (const { name, initial } of this.#carried) {
      const tensor = state.tensors.get(name);
      if (!tensor || tensor.dims.join() !== initial.dims.join()) throw trainErrors.TRAIN_CHECKPOINT({ tensor: name });
    }
    this.#tensors = new Map(this.#carried.map((c) => [c.name, state.tensors.get(c.name)!]));
    this.#count = state.step;
  }

  /** A copy of the original model with the current parameters and running statistics: a clean inference model. */
  export(original: Model): Model {
    const model = original.clone();
    for (const value of [...model.graph.initializers]) {
      const tensor = this.#tensors.get(value.name);
      if (tensor) model.graph.setInitializer(value, tensor);
    }
    return model;
  }

  dispose(): Promise<void> {
    return this.#session.dispose();
  }
}

const scalar = (value: number): Tensor => Tensor.from("float32", [], [value]);
