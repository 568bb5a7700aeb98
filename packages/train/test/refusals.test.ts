/** What cannot be differentiated is refused by name before anything runs. */
import { describe, expect, it } from "vitest";
import { Model, Tensor, attr, tensorType, type Attribute } from "@lathe/core";
import { gradient, trainOps } from "@lathe/train";
import { runtime } from "./harness.ts";

function one(opType: string, dims: readonly (number | string)[], more: { attributes?: Record<string, Attribute>; constants?: readonly Tensor[]; domain?: string } = {}): Model {
  const model = new Model({ opset: 21, irVersion: 10 });
  const x = model.graph.addInput("x", tensorType("float32", dims));
  const constants = (more.constants ?? []).map((t, i) => model.graph.addInitializer(`c${i}`, t));
  const node = model.graph.add({ opType, domain: more.domain ?? "", name: "the_node", inputs: [x, ...constants], outputs: ["y"], attributes: more.attributes ?? {} });
  node.out.type = tensorType("float32", dims);
  const total = model.graph.add({ opType: "ReduceSum", inputs: [node.out], outputs: ["total"], attributes: { keepdims: attr.int(0) } });
  model.graph.addOutput(total.out);
  return model;
}

const differentiate = (model: Model) => gradient(model, { loss: "total", wrt: ["x"] });

describe("gradient", () => {
  it("names operator and node when a rule is missing", () => {
    expect(() => differentiate(one("Det", [3, 3]))).toThrow(/TRAIN_NO_GRADIENT.*Det \(node "the_node"\)/);
  });

  it("names fused operators of other domains", () => {
    expect(() => differentiate(one("BiasGelu", [3, 4], { domain: "com.microsoft", constants: [Tensor.from("float32", [4], [1, 2, 3, 4])] }))).toThrow(/TRAIN_NO_GRADIENT.*com\.microsoft\.BiasGelu/);
  });

  it("says which shape is missing", () => {
    const resize = one("Resize", ["N", 2, "H", 4], { constants: [Tensor.from("float32", [0], []), Tensor.from("float32", [4], [1, 1, 2, 1])] });
    expect(() => differentiate(resize)).toThrow(/TRAIN_UNSUPPORTED.*the_node.*symbolic length/);
  });

  it("says why a recurrent layer cannot be written out", () => {
    const weights = [Tensor.from("float32", [1, 8, 3], new Float32Array(24)), Tensor.from("float32", [1, 8, 2], new Float32Array(16))];
    const lstm = one("LSTM", ["T", 2, 3], { constants: weights, attributes: { hidden_size: attr.int(2) } });
    expect(() => differentiate(lstm)).toThrow(/TRAIN_UNSUPPORTED.*the_node.*symbolic length/);
  });

  it("says when the loss does not depend on what was asked for", () => {
    const model = one("Relu", [2]);
    model.graph.addInput("unused", tensorType("float32", [2]));
    expect(() => gradient(model, { loss: "total", wrt: ["unused"] })).toThrow(/TRAIN_UNREACHED.*"unused"/);
    expect(() => gradient(model, { loss: "total", wrt: ["y_"] })).toThrow(/TRAIN_NO_VALUE.*"y_"/);
  });

  it("leaves the given model alone", () => {
    const model = one("Relu", [2]);
    const before = [...model.graph.nodes].map((n) => n.opType);
    differentiate(model);
    expect([...model.graph.nodes].map((n) => n.opType)).toEqual(before);
  });

  it("puts no zero gradients into the graph", () => {
    const { model } = differentiate(one("Relu", [2]));
    expect([...model.graph.nodes].filter((n) => n.is("ConstantOfShape"))).toEqual([]);
  });

  it("takes a rule of the caller's own", async () => {
    const ops = trainOps.extend([{ domain: "", name: "Det", grad: (c) => [c.emit("Mul", [c.input(0), c.constant(Tensor.from("float32", [], [2]))])] }]);
    const model = one("Det", [2, 2]);
    model.graph.node("the_node")!.out.type = tensorType("float32", []);
    const made = gradient(model, { loss: "total", wrt: ["x"], ops });
    const session = await runtime.load(made.model);
    const results = await session.run({ x: Tensor.from("float32", [2, 2], [1, 2, 3, 4]) });
    expect([...results[made.gradients.get("x")!]!.toFloat32()]).toEqual([2, 4, 6, 8]);
    await session.dispose();
  });
});
