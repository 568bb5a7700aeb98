import { expect, test } from "vitest";
import { attr, Model, Tensor, tensorType } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";

/** y = x as 4-bit integers, z = -x. */
function fourBit(id: number): Model {
  const model = new Model({ opset: 21 });
  const x = model.graph.addInput("x", tensorType("float32", [3]));
  const cast = model.graph.add({ opType: "Cast", inputs: [x], outputs: ["y"], attributes: { to: attr.int(id) } });
  const negative = model.graph.add({ opType: "Neg", inputs: [x], outputs: ["z"] });
  model.graph.addOutput(cast.out);
  model.graph.addOutput(negative.out);
  return model;
}

test.each([[22, "int4"], [21, "uint4"]])("outputs of ONNX type %i (%s) are refused, for the native binding would end the process; others can be fetched", async (id, dtype) => {
  const session = await ortRuntime().load(fourBit(id));
  const feeds = { x: Tensor.from("float32", [3], [1, 2, 3]) };
  await expect(session.run(feeds)).rejects.toThrow(new RegExp(`ORT_DTYPE.*"y".*${dtype}`));
  expect((await session.run(feeds, { fetches: ["z"] }))["z"]!.toNumbers()).toEqual([-1, -2, -3]);
  await session.dispose();
});
