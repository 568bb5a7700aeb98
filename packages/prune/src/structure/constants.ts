/** Constants of a model, in bodies of control flow as well. */
import type { Graph, Model, Tensor, Value } from "@lathe/core";

export const allConstants = ({ graph }: Model): Value[] => [...graph.allGraphs()].flatMap((one) => [...one.initializers]);

/** Replaces the content of a constant, in whichever graph it lives. */
export function setConstant(value: Value, tensor: Tensor): void {
  const graph: Graph | undefined = value.graph;
  if (value.isInitializer && graph) graph.setInitializer(value, tensor);
  else value.tensor = tensor;
}
