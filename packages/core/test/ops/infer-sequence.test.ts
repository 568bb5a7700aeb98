/** Sequences and optional values: what their tensors have in common. */
import { describe, expect, test } from "vitest";
import { attr, Graph, inferShapes, Model, Tensor, tensorType, typeToString, type Attribute, type Shape, type Value } from "@lathe/core";

class Chain {
  readonly graph = new Graph("chain");

  input(name: string, shape: Shape): Value {
    return this.graph.addInput(name, tensorType("float32", shape));
  }

  op(opType: string, inputs: readonly Value[], attributes: Record<string, Attribute> = {}): Value {
    return this.graph.add({ opType, inputs, outputs: [`${opType}_${this.graph.nodeCount}`], attributes }).out;
  }

  types(...values: Value[]): string[] {
    for (const v of values) this.graph.addOutput(v);
    inferShapes(new Model({ graph: this.graph, opset: 18 }));
    return values.map((v) => typeToString(v.type));
  }
}

describe("sequences", () => {
  test("of tensors of several shapes know what these share", () => {
    const c = new Chain();
    const s = c.op("SequenceConstruct", [c.input("a", ["N", 3]), c.input("b", ["N", 4])]);
    expect(c.types(s, c.op("SequenceAt", [s, c.graph.addInput("i", tensorType("int64", []))]), c.op("SequenceLength", [s])))
      .toEqual(["sequence(float32[N,?])", "float32[N,?]", "int64[]"]);
  });

  test("start empty and grow", () => {
    const c = new Chain();
    const empty = c.op("SequenceEmpty", []);
    const one = c.op("SequenceInsert", [empty, c.input("a", [2, 3])]);
    const two = c.op("SequenceInsert", [one, c.input("b", [2, 4])]);
    expect(c.types(empty, one, two, c.op("SequenceErase", [two]))).toEqual(["sequence(float32[...])", "sequence(float32[2,3])", "sequence(float32[2,?])", "sequence(float32[2,?])"]);
  });

  test("join along an axis or a new one", () => {
    const c = new Chain();
    const s = c.op("SequenceConstruct", [c.input("a", ["N", 3]), c.input("b", ["N", 3])]);
    expect(c.types(c.op("ConcatFromSequence", [s], { axis: attr.int(1) }), c.op("ConcatFromSequence", [s], { axis: attr.int(0), new_axis: attr.int(1) })))
      .toEqual(["float32[N,?]", "float32[?,N,3]"]);
  });

  test("come from a split", () => {
    const c = new Chain();
    const x = c.input("x", [6, "C"]);
    const two = c.graph.addInitializer("two", Tensor.int64([2], []));
    expect(c.types(c.op("SplitToSequence", [x]), c.op("SplitToSequence", [x], { keepdims: attr.int(0) }), c.op("SplitToSequence", [x, two])))
      .toEqual(["sequence(float32[1,C])", "sequence(float32[C])", "sequence(float32[2,C])"]);
  });

  test("are mapped element by element", () => {
    const c = new Chain();
    const s = c.op("SequenceConstruct", [c.input("a", ["N", 3]), c.input("b", ["N", 3])]);
    const body = new Graph("body");
    const x = body.addInput("x", tensorType("float32"));
    body.addOutput(body.add({ opType: "Transpose", inputs: [x] }).out);
    expect(c.types(c.op("SequenceMap", [s], { body: attr.graph(body) }))).toEqual(["sequence(float32[3,N])"]);
  });
});

test("optional values wrap and unwrap a type", () => {
  const c = new Chain();
  const x = c.input("x", ["N"]);
  const wrapped = c.op("Optional", [x]);
  const none = c.op("Optional", [], { type: attr.type(tensorType("int64", [1])) });
  expect(c.types(wrapped, none, c.op("OptionalGetElement", [wrapped]), c.op("OptionalGetElement", [x]), c.op("OptionalHasElement", [none])))
    .toEqual(["optional(float32[N])", "optional(int64[1])", "float32[N]", "float32[N]", "bool[]"]);
});
