/**
 * One training step as one ONNX graph: forward, loss, backward, clipping and optimizer. Parameters and optimizer state go in as inputs
 * and come out updated; the learning rate is an input.
 */
import { inferShapes, tensorType, type Dim, type Graph, type Model, type Node, type OpTable, type Tensor, type Value } from "@lathe/core";
import { backward } from "../grad/backward.ts";
import { trainOps } from "../grad/ops.ts";
import { trainErrors } from "../errors.ts";
import { blockedConvolution } from "../grad/rules/conv/blocked-rules.ts";
import { useBlockedConvolutions } from "./blocked.ts";
import { accumulated, clip } from "./accumulate.ts";
import { becomeInput, carry, zeros, type Carried } from "./carry.ts";
import { useMasks, type Mask } from "./dropout.ts";
import { widenFourBit } from "./four-bit.ts";
import { masking, zeroMasks, type ZeroMasks } from "./keep-zeros.ts";
import { LossBuilder, type Loss } from "./losses.ts";
import { optimizerContext, type Optimizer } from "./optimizers.ts";
import { parametersOf } from "./parameters.ts";
import { dropDead, expose, LOSS, preparedForGradient } from "./prepare.ts";
import { useBatchStatistics, type RunningStatistic } from "./statistics.ts";

export interface StepOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Narrows the trained parameters (see parameters.ts for what counts as one); default: all that the loss depends on. */
  readonly trainable?: ((name: string, tensor: Tensor) => boolean) | undefined;
  /** Names of further float32 initializers to train, which do not stand where parameters do (scales of fake quantization, say). */
  readonly include?: readonly string[] | undefined;
  /** Factor on the learning rate of a parameter; default 1. */
  readonly rate?: ((name: string, tensor: Tensor) => number) | undefined;
  /** Which parameters decay; default: those with more than one dimension (not biases or norm scales). */
  readonly decay?: ((name: string, tensor: Tensor) => boolean) | undefined;
  /** Zeros of kernels and matrices stay zero, exactly (a pruned model keeps its sparsity): gradients and updates are masked. Default false. */
  readonly keepZeros?: boolean | undefined;
  /** Largest global L2 norm of all gradients together. */
  readonly clipNorm?: number | undefined;
  /** `train`: statistics of the batch, running statistics updated. `frozen`: as in inference. Default train. */
  readonly batchNorm?: "train" | "frozen" | undefined;
  /** Default true: Dropout nodes drop. */
  readonly dropout?: boolean | undefined;
  /** Gradients of so many batches are averaged before parameters change. Default 1. */
  readonly accumulate?: number | undefined;
  /** Keeps an exponential moving average of the parameters with this decay, for instance 0.999. */
  readonly ema?: number | undefined;
  /** Scalars to report besides the loss, written like losses. */
  readonly metrics?: Readonly<Record<string, Loss>> | undefined;
  readonly ops?: OpTable | undefined;
  /**
   * Channels in a block of the engine's own memory layout for convolutions, as `blockOf` finds them out: also makes the step in which
   * convolutions use it. Default: none; `fit` asks the engine. `false`: none.
   */
  readonly block?: number | false | undefined;
}

export interface TrainingStep {
  readonly model: Model;
  /** The same step in the engine's blocked layout, for when all these dimensions (of what convolutions read) are multiples of the block. */
  readonly blocked?: { readonly model: Model; readonly block: number; readonly batches: readonly Dim[] } | undefined;
  /** Trained parameters, named as the initializers of the original model. */
  readonly parameters: readonly Carried[];
  /** Optimizer state, accumulated gradients and averages: `<parameter>/<state>`. */
  readonly state: readonly Carried[];
  /** Running statistics of BatchNormalization. */
  readonly statistics: readonly Carried[];
  /** Inputs the data must feed: the model's own and those the losses added. */
  readonly inputs: readonly string[];
  readonly masks: readonly Mask[];
  readonly metrics: readonly string[];
  readonly accumulate: number;
  readonly ema: boolean;
}

export const LEARNING_RATE = "lathe/lr";
export const BIAS1 = "lathe/bias1";
export const BIAS2 = "lathe/bias2";
/** True in the steps that change parameters; an input only when gradients are accumulated. */
export const APPLY = "lathe/apply";
const AVERAGE = "ema";

/** Name under which the moving average of a parameter is carried. */
export const averageOf = (parameter: string): string => `${parameter}/${AVERAGE}`;

/**
 * Builds the step of `model`, whose shapes must be inferable (the batch may be symbolic). The given model is not changed.
 * @throws TRAIN_NO_GRADIENT, TRAIN_SHAPE_UNKNOWN, TRAIN_UNSUPPORTED naming the node; TRAIN_UNREACHED when nothing can be trained.
 */
export function trainingStep(model: Model, options: StepOptions): TrainingStep {
  const { block } = options;
  const { step, batches } = build(model, options);
  if (!block) return step;
  // A kernel's gradient in blocks takes whole blocks of examples.
  const pays = batches.length > 0 && batches.every((dim) => typeof dim === "string" || (dim !== null && dim % block === 0));
  return pays ? { ...step, blocked: { model: build(model, options, block).step.model, block, batches } } : step;
}

/** The step, and what its convolutions call the batch. */
function build(model: Model, options: StepOptions, block?: number): { step: TrainingStep; batches: readonly Dim[] } {
  const standard = options.ops ?? trainOps;
  const ops = block === undefined ? standard : standard.extend([blockedConvolution(block)]);
  const made = preparedForGradient(model, ops);
  const { graph } = made;
  const candidates = trainable(graph, options);
  const statistics = options.batchNorm === "frozen" ? [] : useBatchStatistics(graph, (node) => candidates.has(node.input(1)!));
  const masks = options.dropout === false ? [] : useMasks(graph);
  const builder = new LossBuilder(graph);
  const loss = options.loss(builder);
  const metrics = Object.entries(options.metrics ?? {}).map(([name, metric]) => [name, metric(builder)] as const);
  inferShapes(made, { ops });
  const batches = [...new Set([...graph.nodes].flatMap((node) => (node.is("Conv") && node.input(0)?.rank === 4 ? [node.input(0)?.shape?.[0] ?? null] : [])))];
  const wrt = [...candidates, ...builder.parameters];
  const zeros = options.keepZeros ? zeroMasks(wrt) : new Map<Value, Tensor>();
  const gradients = backward(made, { ops, loss, wrt });
  if (gradients.size === 0) throw trainErrors.TRAIN_UNREACHED({ value: [...candidates].map((v) => v.name).join(", ") || "any trainable parameter" });
  const fed = new Set(masks.map((m) => m.name));
  const inputs = graph.inputs.map((v) => v.name).filter((name) => !fed.has(name));
  while (graph.outputs.length > 0) graph.removeOutput(0);
  expose(graph, loss, LOSS);
  for (const [name, value] of metrics) expose(graph, value, `lathe/metric/${name}`);
  const carried = update(graph, options, gradients, zeros);
  const running = carryStatistics(graph, statistics);
  widenFourBit(graph);
  if (block !== undefined) useBlockedConvolutions(made, block);
  dropDead(graph);
  const step = { model: made, ...carried, statistics: running, inputs, masks, metrics: metrics.map(([name]) => name), accumulate: options.accumulate ?? 1, ema: options.ema !== undefined };
  return { step, batches };
}

/** Parameters that the caller wants, without the statistics that BatchNormalization keeps for itself. */
function trainable(graph: Graph, options: StepOptions): Set<Value> {
  const wanted = parametersOf(graph).filter((v) => options.trainable?.(v.name, v.tensor!) ?? true);
  const kept = new Set([...graph.nodes].flatMap((node: Node) => (node.is("BatchNormalization") ? [node.input(3), node.input(4)] : [])));
  const included = (options.include ?? []).map((name) => named(graph, name));
  return new Set([...wanted.filter((v) => !kept.has(v)), ...included]);
}

function named(graph: Graph, name: string): Value {
  const found = [...graph.initializers].find((v) => v.name === name && v.dtype === "float32");
  if (!found) throw trainErrors.TRAIN_NO_VALUE({ value: name, outputs: graph.outputs.map((o) => o.name) });
  return found;
}

function carryStatistics(graph: Graph, statistics: readonly RunningStatistic[]): Carried[] {
  return statistics.map(({ value, next }) => {
    const initial = value.tensor!;
    return carry(graph, becomeInput(graph, value), next, initial);
  });
}

/** Appends accumulation, clipping, the optimizer and averages; parameters become inputs. */
function update(graph: Graph, options: StepOptions, gradients: ReadonlyMap<Value, Value>, masks: ZeroMasks): { parameters: Carried[]; state: Carried[] } {
  const scalarInput = (name: string): Value => graph.addInput(name, tensorType("float32", []));
  const c = optimizerContext(graph, { learningRate: scalarInput(LEARNING_RATE), bias1: scalarInput(BIAS1), bias2: scalarInput(BIAS2) });
  const apply = (options.accumulate ?? 1) > 1 ? graph.addInput(APPLY, tensorType("bool", [])) : undefined;
  const state: Carried[] = [];
  const masked = masking(graph, c, masks);
  const alive = new Map([...gradients].map(([parameter, gradient]) => [parameter, masked(parameter, gradient)]));
  const summed = apply ? accumulated(graph, c, alive, options.accumulate!, apply, state) : alive;
  const clipped = options.clipNorm === undefined ? summed : clip(c, summed, options.clipNorm);
  const choose = (next: Value, old: Value): Value => (apply ? c.emit("Where", [apply, next, old]) : next);
  const parameters: Carried[] = [];
  for (const [parameter, gradient] of clipped) {
    const initial = parameter.tensor!;
    const decay = options.decay?.(parameter.name, initial) ?? initial.dims.length > 1;
    const input = becomeInput(graph, parameter);
    const slots = options.optimizer.state.map((slot) => graph.addInput(`${input.name}/${slot}`, input.type));
    const factor = options.rate?.(input.name, initial) ?? 1;
    const rated = factor === 1 ? c : { ...c, learningRate: c.emit("Mul", [c.learningRate, c.scalar(factor)]) };
    const updated = options.optimizer.update(rated, input, gradient, slots, decay);
    const next = choose(masked(parameter, updated.parameter), input);
    parameters.push(carry(graph, input, next, initial));
    slots.forEach((slot, i) => state.push(carry(graph, slot, choose(updated.state[i]!, slot), zeros(initial))));
    if (options.ema === undefined) continue;
    const average = graph.addInput(averageOf(input.name), input.type);
    const moved = c.emit("Add", [c.emit("Mul", [average, c.scalar(options.ema)]), c.emit("Mul", [next, c.scalar(1 - options.ema)])]);
    state.push(carry(graph, average, choose(moved, average), initial));
  }
  return { parameters, state };
}
