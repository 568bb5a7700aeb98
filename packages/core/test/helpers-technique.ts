/** Small models and techniques for the contract's tests. */
import { attr, defineTechnique, Model, Tensor, tensorType } from "@lathe/core";
import { z } from "zod";

/** x [N,4] -> MatMul(w [4,3]) -> Relu -> y [N,3]. */
export function tinyModel(weights: ArrayLike<number> = Array.from({ length: 12 }, (_, i) => i - 5)): Model {
  const model = new Model({ opset: 21 });
  const x = model.graph.addInput("x", tensorType("float32", ["N", 4]));
  const w = model.graph.addInitializer("w", Tensor.from("float32", [4, 3], weights));
  const product = model.graph.add({ opType: "MatMul", name: "product", inputs: [x, w], outputs: ["p"] });
  const relu = model.graph.add({ opType: "Relu", name: "relu", inputs: [product.out], outputs: ["y"] });
  relu.out.type = tensorType("float32", ["N", 3]);
  model.graph.addOutput(relu.out);
  return model;
}

export const weightOf = (model: Model): number[] => [...model.graph.initializers][0]!.tensor!.toNumbers();

const setWeight = (model: Model, values: readonly number[]): void => {
  const [w] = model.graph.initializers;
  model.graph.setInitializer(w!, Tensor.from("float32", w!.tensor!.dims, values));
};

/** Multiplies the weight; the smallest technique that changes something. */
export const scale = defineTechnique({
  name: "scale",
  summary: "Multiplies the weights.",
  options: z.strictObject({ by: z.number().min(-10).max(10).default(2).describe("factor") }),
  apply(model, { by }) {
    setWeight(model, weightOf(model).map((v) => v * by));
    return { metrics: { by }, details: { touched: ["w"] } };
  },
});

/** Adds seeded noise. */
export const noise = defineTechnique({
  name: "noise",
  summary: "Adds noise to the weights.",
  options: z.strictObject({}),
  apply(model, _, ctx) {
    setWeight(model, weightOf(model).map((v) => v + ctx.random.normal()));
  },
});

/** Marks the metadata and a node, then fails if asked to: shows that edits stay in the clone. */
export const mark = defineTechnique({
  name: "mark",
  summary: "Marks the model.",
  options: z.strictObject({ fail: z.boolean().default(false) }),
  apply(model, { fail }) {
    model.metadata.set("marked", "yes");
    model.graph.node("relu")?.setAttribute("marked", attr.int(1));
    if (fail) throw new Error("the mark does not stick");
  },
});
