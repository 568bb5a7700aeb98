/** A model whose outputs are the loss and its gradients: what other tools build on that do not train (importance scores, saliency). */
import { inferShapes, type Model, type OpTable, type Value } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import { dropDead, expose, LOSS, preparedForGradient } from "../step/prepare.ts";
import { widenFourBit } from "../step/four-bit.ts";
import { LossBuilder, type Loss } from "../step/losses.ts";
import { parametersOf } from "../step/parameters.ts";
import { useBatchStatistics } from "../step/statistics.ts";
import { backward } from "./backward.ts";
import { trainOps } from "./ops.ts";

export interface GradientOptions {
  /** A loss, or the name of a scalar of the model. */
  readonly loss: Loss | string;
  /** Names of inputs, initializers or values inside whose gradients are wanted; default: all parameters. */
  readonly wrt?: readonly string[];
  /** Parameters to leave out of the default. */
  readonly freeze?: (name: string) => boolean;
  /** `train`: BatchNormalization with statistics of the batch. `frozen`, the default: as in inference. */
  readonly batchNorm?: "train" | "frozen";
  readonly ops?: OpTable;
}

export interface GradientModel {
  /** The model with its own outputs, the loss and the gradients. */
  readonly model: Model;
  /** Name of the loss output, a float scalar. */
  readonly loss: string;
  /** Name of the gradient output of each wanted value, of that value's shape. */
  readonly gradients: ReadonlyMap<string, string>;
}

/**
 * Reverse-mode gradient of a model as ordinary ONNX nodes. The given model is not changed; an opset below 18 is converted.
 * @throws TRAIN_NO_GRADIENT, TRAIN_SHAPE_UNKNOWN, TRAIN_UNSUPPORTED naming the node, before anything runs; TRAIN_NO_VALUE, TRAIN_UNREACHED.
 */
export function gradient(model: Model, options: GradientOptions): GradientModel {
  const ops = options.ops ?? trainOps;
  const made = preparedForGradient(model, ops);
  const { graph } = made;
  const named = (name: string): Value => graph.value(name) ?? missing(name, graph.outputs);
  const wrt = options.wrt ? options.wrt.map(named) : parametersOf(graph).filter((v) => !options.freeze?.(v.name));
  if (options.batchNorm === "train") useBatchStatistics(graph, () => true);
  const loss = typeof options.loss === "string" ? named(options.loss) : options.loss(new LossBuilder(graph));
  inferShapes(made, { ops });
  const gradients = backward(made, { ops, loss, wrt });
  const unreached = options.wrt?.find((name) => !gradients.has(named(name)));
  if (unreached !== undefined) throw trainErrors.TRAIN_UNREACHED({ value: unreached });
  const lossName = typeof options.loss === "string" ? options.loss : LOSS;
  if (!loss.isGraphOutput) expose(graph, loss, lossName);
  const names = new Map<string, string>();
  for (const [value, grad] of gradients) {
    grad.type ??= value.type;
    names.set(value.name, `gradient/${value.name}`);
    expose(graph, grad, `gradient/${value.name}`);
  }
  widenFourBit(graph);
  dropDead(graph);
  return { model: made, loss: lossName, gradients: names };
}

function missing(value: string, outputs: readonly Value[]): never {
  throw trainErrors.TRAIN_NO_VALUE({ value, outputs: outputs.map((o) => o.name) });
}
