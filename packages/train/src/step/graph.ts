/**
 * One training step as one ONNX graph: forward, loss, backward, clipping and optimizer. Parameters and optimizer state go in as inputs
 * and come out updated; the learning rate is an input.
 */
import { Node, Value, attr, inferShapes, tensorType, type Graph, type Model, type OpTable, Tensor } from "@lathe/core";
import { backward } from "../grad/backward.ts";
import { trainOps } from "../grad/ops.ts";
import { trainErrors } from "../errors.ts";
import { LossBuilder, type Loss } from "./losses.ts";
import { dropDead, expose, LOSS, preparedForGradient } from "./prepare.ts";
import { optimizerContext, type Optimizer } from "./optimizers.ts";
import { parametersOf } from "./parameters.ts";
import { useBatchStatistics, type RunningStatistic } from "./statistics.ts";

export interface StepOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Narrows the trained parameters (see parameters.ts for what counts as one); default: all that the loss depends on. */
  readonly trainable?: (name: string, tensor: Tensor) => boolean;
  /** Which parameters decay; default: those with more than one dimension (not biases or norm scales). */
  readonly decay?: (name: string, tensor: Tensor) => boolean;
  /** Largest global L2 norm of all gradients together. */
  readonly clipNorm?: number;
  /** `train`: statistics of the batch, running statistics updated. `frozen`: as in inference. Default train. */
  readonly batchNorm?: "train" | "frozen";
  /** Scalars to report besides the loss, written like losses. */
  readonly metrics?: Readonly<Record<string, Loss>>;
  readonly ops?: OpTable;
}

/** A tensor that goes round: fed under `name`, fetched under `next`. */
export interface Carried {
  readonly name: string;
  readonly next: string;
  readonly initial: Tensor;
}

export interface TrainingStep {
  readonly model: Model;
  /** Trained parameters, named as the initializers of the original model. */
  readonly parameters: readonly Carried[];
  /** Optimizer state, `<parameter>/<state>`. */
  readonly state: readonly Carried[];
  /** Running statistics of BatchNormalization. */
  readonly statistics: readonly Carried[];
  /** Inputs the data must feed: the model's own and those the losses added. */
  readonly inputs: readonly string[];
  readonly metrics: readonly string[];
}

export const LEARNING_RATE = "lathe/lr";
export const BIAS1 = "lathe/bias1";
export const BIAS2 = "lathe/bias2";

/**
 * Builds the step of `model`, whose shapes must be inferable (the batch may be symbolic). The given model is not changed.
 * @throws TRAIN_NO_GRADIENT, TRAIN_SHAPE_UNKNOWN, TRAIN_UNSUPPORTED naming the node.
 */
export function trainingStep(model: Model, options: StepOptions): TrainingStep {
  const ops = options.ops ?? trainOps;
  const step = preparedForGradient(model, ops);
  const { graph } = step;
  const candidates = new Set(parametersOf(graph).filter((v) => options.trainable?.(v.name, v.tensor!) ?? true));
  const statistics = options.batchNorm === "frozen" ? [] : useBatchStatistics(graph, (node) => candidates.has(node.input(1)!));
  for (const node of graph.nodes) for (const running of node.is("BatchNormalization") ? [node.input(3), node.input(4)] : []) if (running) candidates.delete(running);
  for (const { value } of statistics) candidates.delete(value);
  const builder = new LossBuilder(graph);
  const loss = options.loss(builder);
  const metrics = Object.entries(options.metrics ?? {}).map(([name, metric]) => [name, metric(builder)] as const);
  inferShapes(step, { ops });
  const gradients = backward(step, { ops, loss, wrt: [...candidates] });
  if (gradients.size === 0) throw trainErrors.TRAIN_UNREACHED({ value: [...candidates].map((v) => v.name).join(", ") || "any trainable parameter" });
  return finish(step, options, loss, metrics, gradients, statistics);
}

function finish(model: Model, options: StepOptions, loss: Value, metrics: readonly (readonly [string, Value])[], gradients: ReadonlyMap<Value, Value>, statistics: readonly RunningStatistic[]): TrainingStep {
  const { graph } = model;
  const data = graph.inputs.map((v) => v.name);
  while (graph.outputs.length > 0) graph.removeOutput(0);
  expose(graph, loss, LOSS);
  for (const [name, value] of metrics) expose(graph, value, `lathe/metric/${name}`);
  const scalars = Object.fromEntries([["learningRate", LEARNING_RATE], ["bias1", BIAS1], ["bias2", BIAS2]].map(([key, name]) => [key!, graph.addInput(name!, tensorType("float32", []))])) as Record<"learningRate" | "bias1" | "bias2", Value>;
  const context = optimizerContext(graph, scalars);
  const clipped = options.clipNorm === undefined ? gradients : clip(graph, gradients, options.clipNorm);
  const state: Carried[] = [];
  const parameters: Carried[] = [];
  for (const [parameter, gradient] of clipped) {
    const initial = parameter.tensor!;
    const decay = options.decay?.(parameter.name, initial) ?? initial.dims.length > 1;
    const input = becomeInput(graph, parameter);
    const slots = options.optimizer.state.map((slot) => graph.addInput(`${parameter.name}/${slot}`, parameter.type));
    const updated = options.optimizer.update(context, input, gradient, slots, decay);
    parameters.push(carry(graph, input, updated.parameter, initial));
    slots.forEach((slot, i) => state.push(carry(graph, slot, updated.state[i]!, zeros(initial))));
  }
  const running = statistics.map(({ value, next }) => {
    const initial = value.tensor!;
    return carry(graph, becomeInput(graph, value), next, initial);
  });
  dropDead(graph);
  return { model, parameters, state, statistics: running, inputs: data, metrics: metrics.map(([name]) => name) };
}

const zeros = (like: Tensor): Tensor => Tensor.from("float32", like.dims, new Float32Array(like.size));

/** An initializer turned into an input of the same name. */
function becomeInput(graph: Graph, parameter: Value): Value {
  const { name, type } = parameter;
  parameter.name = `${name}/initial`;
  const input = graph.addInput(name, type);
  graph.replaceUses(parameter, input);
  graph.removeInitializer(parameter);
  return input;
}

function carry(graph: Graph, from: Value, to: Value, initial: Tensor): Carried {
  const next = `next/${from.name}`;
  to.type ??= from.type;
  expose(graph, to, next);
  return { name: from.name, next, initial };
}

/** Scales all gradients by min(1, max / norm), norm over all of them (Pascanu et al. 2013). */
function clip(graph: Graph, gradients: ReadonlyMap<Value, Value>, limit: number): Map<Value, Value> {
  const emit = (opType: string, inputs: readonly Value[], attributes = {}): Value => {
    const output = new Value(`clip/${opType}_${graph.nodeCount}`);
    graph.append(new Node({ opType, name: output.name, inputs, outputs: [output], attributes }));
    return output;
  };
  const squares = [...gradients.values()].map((g) => emit("ReduceSumSquare", [g], { keepdims: attr.int(0) }));
  const norm = emit("Sqrt", [squares.length === 1 ? squares[0]! : emit("Sum", squares)]);
  const scalar = (name: string, value: number): Value => graph.addInitializer(`clip/${name}`, Tensor.from("float32", [], [value]));
  const factor = emit("Min", [emit("Div", [scalar("limit", limit), emit("Add", [norm, scalar("tiny", 1e-6)])]), scalar("one", 1)]);
  return new Map([...gradients].map(([parameter, gradient]) => [parameter, emit("Mul", [gradient, factor])]));
}
