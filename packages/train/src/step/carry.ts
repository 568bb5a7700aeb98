/** Tensors that go round from step to step: an input of the graph and the output that replaces it. */
import { Tensor, type Graph, type Value } from "@lathe/core";
import { expose } from "./prepare.ts";

/** A tensor that goes round: fed under `name`, fetched under `next`. */
export interface Carried {
  readonly name: string;
  readonly next: string;
  readonly initial: Tensor;
}

export const zeros = (like: Tensor): Tensor => Tensor.from("float32", like.dims, new Float32Array(like.size));

/** An initializer turned into an input of the same name. */
export function becomeInput(graph: Graph, parameter: Value): Value {
  const { name, type } = parameter;
  parameter.name = `${name}/initial`;
  const input = graph.addInput(name, type);
  graph.replaceUses(parameter, input);
  graph.removeInitializer(parameter);
  return input;
}

export function carry(graph: Graph, from: Value, to: Value, initial: Tensor): Carried {
  const next = `next/${from.name}`;
  to.type ??= from.type;
  expose(graph, to, next);
  return { name: from.name, next, initial };
}
