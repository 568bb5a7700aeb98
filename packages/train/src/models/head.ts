/** A trained network for a new task: the last layer is replaced, the rest keeps what it knows. */
import { Tensor, attr, random, tensorType, type Model, type Node, type Value } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import { parametersOf } from "../step/parameters.ts";
import { dropDead, prepared } from "../step/prepare.ts";
import { trainOps } from "../grad/ops.ts";

export interface HeadOptions {
  /** Size of the new last layer. */
  readonly classes: number;
  /** Output whose last layer is replaced; default: the first. Its name stays. */
  readonly output?: string;
  /** Draws the new weights. Default 0. */
  readonly seed?: number;
}

/** What {@link replaceHead} gives. */
export interface NewHead {
  readonly model: Model;
  /** Names of the new parameters, for training them alone at first: `trainable: (name) => head.includes(name)`. */
  readonly head: readonly string[];
}

/**
 * A copy of the model whose last Gemm, or MatMul with Add, has `classes` outputs and fresh weights, uniform within 1 / sqrt(inputs)
 * as PyTorch's Linear has them. What follows that layer (Softmax, say) is dropped: the output is logits.
 * @throws TRAIN_NO_VALUE for an unknown output; TRAIN_HEAD when no such layer stands before it.
 */
export function replaceHead(model: Model, { classes, output, seed = 0 }: HeadOptions): NewHead {
  const copy = prepared(model, trainOps);
  const { graph } = copy;
  const index = output === undefined ? 0 : graph.outputs.findIndex((v) => v.name === output);
  const old = graph.outputs[index];
  if (!old) throw trainErrors.TRAIN_NO_VALUE({ value: output ?? "", outputs: graph.outputs.map((v) => v.name) });
  const layer = lastLayer(old);
  const features = layer?.input(0);
  const size = features?.shape?.at(-1);
  if (!layer || !features || features.rank !== 2 || typeof size !== "number") throw trainErrors.TRAIN_HEAD({ output: old.name });
  const { name } = old;
  const { float } = random(seed);
  const bound = 1 / Math.sqrt(size);
  const draw = (count: number): Float32Array => Float32Array.from({ length: count }, () => (2 * float() - 1) * bound);
  const head = ["weight", "bias"].map((part) => graph.freshName(`head.${part}`));
  const weight = graph.addInitializer(head[0]!, Tensor.from("float32", [classes, size], draw(classes * size)));
  const bias = graph.addInitializer(head[1]!, Tensor.from("float32", [classes], draw(classes)));
  const fresh = graph.add({ opType: "Gemm", name: graph.freshName("head"), inputs: [features, weight, bias], attributes: { transB: attr.int(1) } });
  old.name = `${name}_before`;
  fresh.out.name = name;
  fresh.out.type = tensorType("float32", [features.shape![0]!, classes]);
  graph.setOutput(index, fresh.out);
  dropDead(graph);
  return { model: copy, head };
}

/** The nearest layer with weights on the way back from an output. */
function lastLayer(value: Value): Node | undefined {
  for (let node = value.producer; node; node = node.inputs.find((v) => v?.producer)?.producer) {
    if ((node.is("Gemm") || node.is("MatMul")) && node.input(1)?.constant) return node;
    if (node.is("Conv") || node.is("LSTM") || node.is("GRU")) return undefined;
  }
  return undefined;
}

/** Names of all parameters of a model, as training counts them. */
export const parameterNames = (model: Model): string[] => parametersOf(prepared(model, trainOps).graph).map((v) => v.name);
