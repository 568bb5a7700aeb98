/** Small models for the tests of this package. */
import { attr, Model, Tensor, tensorType, type DType, type Shape } from "@lathe/core";

/** y = opType(x, ...constants). */
export function oneNode(opType: string, shape: Shape, options: { dtype?: DType; constants?: readonly Tensor[]; attributes?: Parameters<Model["graph"]["add"]>[0]["attributes"]; domain?: string } = {}): Model {
  const { dtype = "float32", constants = [], attributes = {}, domain = "" } = options;
  const model = new Model();
  const { graph } = model;
  const x = graph.addInput("x", tensorType(dtype, shape));
  const weights = constants.map((tensor, i) => graph.addInitializer(`c${i}`, tensor));
  const node = graph.add({ opType, domain, name: "node", inputs: [x, ...weights], outputs: ["y"], attributes });
  node.out.type = tensorType(dtype);
  graph.addOutput(node.out);
  return model;
}

/** y = relu(x W + b), with W [inputs, outputs] large enough to travel as external data. */
export function dense(inputs: number, outputs: number): Model {
  const model = new Model();
  const { graph } = model;
  const x = graph.addInput("x", tensorType("float32", ["N", inputs]));
  const w = graph.addInitializer("w", Tensor.from("float32", [inputs, outputs], Float32Array.from({ length: inputs * outputs }, (_, i) => Math.sin(i))));
  const b = graph.addInitializer("b", Tensor.from("float32", [outputs], Float32Array.from({ length: outputs }, (_, i) => i / outputs)));
  const z = graph.add({ opType: "Gemm", name: "gemm", inputs: [x, w, b], outputs: ["z"] }).out;
  const y = graph.add({ opType: "Relu", name: "relu", inputs: [z], outputs: ["y"] }).out;
  y.type = tensorType("float32", ["N", outputs]);
  graph.addOutput(y);
  return model;
}

/** Counts to `x` in a Loop: a run that takes as long as one likes. */
export function counting(): Model {
  const model = new Model();
  const { graph } = model;
  const trips = graph.addInput("x", tensorType("int64", []));
  const yes = graph.addInitializer("yes", Tensor.from("bool", [], [1]));
  const zero = graph.addInitializer("zero", Tensor.scalar("float32", 0));
  const body = new Model().graph;
  body.addInput("i", tensorType("int64", []));
  const go = body.addInput("go", tensorType("bool", []));
  const sum = body.addInput("sum", tensorType("float32", []));
  const one = body.addInitializer("one", Tensor.scalar("float32", 1));
  const next = body.add({ opType: "Add", inputs: [sum, one], outputs: ["next"] }).out;
  next.type = tensorType("float32", []);
  const on = body.add({ opType: "Identity", inputs: [go], outputs: ["on"] }).out;
  on.type = tensorType("bool", []);
  body.addOutput(on);
  body.addOutput(next);
  const y = graph.add({ opType: "Loop", name: "loop", inputs: [trips, yes, zero], outputs: ["y"], attributes: { body: attr.graph(body) } }).out;
  y.type = tensorType("float32", []);
  graph.addOutput(y);
  return model;
}
