/** Training needs to know channels and sizes of images; exporters often leave them open. */
import { inferShapes, tensorType, type Model, type Shape } from "@lathe/core";
import { trainErrors } from "../errors.ts";
import { trainOps } from "../grad/ops.ts";

/**
 * A copy of the model whose inputs have these shapes, all others inferred anew. Dimensions may stay symbols: `{ x: ["N", 3, 48, 192] }`.
 * @throws TRAIN_MISSING_INPUT for a name that is no input.
 */
export function withInputShapes(model: Model, shapes: Readonly<Record<string, Shape>>): Model {
  const copy = model.clone();
  const { graph } = copy;
  for (const node of graph.allNodes()) for (const value of node.outputs) if (value?.dtype) value.type = tensorType(value.dtype, undefined);
  for (const [name, shape] of Object.entries(shapes)) {
    const input = graph.inputs.find((v) => v.name === name);
    if (!input) throw trainErrors.TRAIN_MISSING_INPUT({ input: name, expected: graph.inputs.map((v) => v.name) });
    input.type = tensorType(input.dtype ?? "float32", shape);
  }
  inferShapes(copy, { ops: trainOps });
  return copy;
}
