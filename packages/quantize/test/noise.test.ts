import { describe, expect, it } from "vitest";
import { Graph, Model, Node, Tensor, Value, attr, tensorType } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { outputSqnr, reference } from "@lathe/quantize";

/** y = x * factor, with the output under a name of choice. */
function scaled(factor: number, output = "y"): Model {
  const graph = new Graph();
  const x = graph.addInput("x", tensorType("float32", [4]));
  const y = new Value(output, tensorType("float32", [4]));
  graph.append(new Node({ opType: "Mul", inputs: [x, graph.addInitializer("factor", Tensor.from("float32", [], [factor]))], outputs: [y], attributes: {} }));
  graph.addOutput(y);
  return new Model({ graph });
}

describe("judging a model by its outputs", () => {
  const runtime = ortRuntime();
  const samples = [{ x: Tensor.from("float32", [4], [1, -2, 3, 4]) }];

  it("gives decibels, and Infinity for the same outputs", async () => {
    const known = await reference(scaled(1), runtime, samples, 1);
    expect(await outputSqnr(scaled(1), runtime, known)).toBe(Infinity);
    expect(await outputSqnr(scaled(1.1), runtime, known)).toBeCloseTo(20, 3);
  });

  it("never takes NaN, a missing output, or nothing to compare for a good result", async () => {
    const known = await reference(scaled(1), runtime, samples, 1);
    expect(await outputSqnr(scaled(NaN), runtime, known)).toBe(-Infinity);
    expect(await outputSqnr(scaled(1, "other"), runtime, known)).toBe(-Infinity);
    const graph = new Graph();
    const x = graph.addInput("x", tensorType("float32", [4]));
    const y = new Value("y", tensorType("int64", [4]));
    graph.append(new Node({ opType: "Cast", inputs: [x], outputs: [y], attributes: { to: attr.int(7) } }));
    graph.addOutput(y);
    const integers = new Model({ graph });
    expect(await outputSqnr(integers, runtime, await reference(integers, runtime, samples, 1))).toBe(-Infinity);
  });
});
