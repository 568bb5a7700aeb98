/** Constants, dead code and operators that do nothing. */
import { describe, expect, test } from "vitest";
import { attr, constantNodes, deadCode, foldConstants, Graph, Node, removeIdentity, removeNoop, Tensor, type Value } from "@lathe/core";
import { applied, Build, expectUntouched, opsOf } from "./build.ts";

describe("dead-code", () => {
  test("removes chains that nothing reads, in subgraphs too, and their initializers", async () => {
    const b = new Build();
    const x = b.input("x", [2, 3]);
    b.op("Add", [b.op("Mul", [x, b.weight([3])]), b.op("Relu", [x])]);
    const branch = (name: string): Graph => {
      const g = new Graph(name);
      const inner = new Build(21, g);
      inner.op("Neg", [x]);
      inner.op("Mul", [x, inner.weight([3])]);
      return inner.output(inner.op("Abs", [x]), name), g;
    };
    b.output(b.op("If", [b.input("c", [], "bool")], { then_branch: attr.graph(branch("t")), else_branch: attr.graph(branch("e")) }));
    const { model } = await applied(deadCode, b);
    expect(opsOf(model)).toEqual(["If", "Abs", "Abs"]);
    for (const graph of model.graph.allGraphs()) expect(graph.initializers.size).toBe(0);
  });

  test("drops optional outputs that nothing reads", async () => {
    const b = new Build();
    const node = b.graph.add({ opType: "MaxPool", inputs: [b.input("x", [1, 1, 4, 4])], outputs: 2, attributes: { kernel_shape: attr.ints([2, 2]) } });
    const lstm = b.graph.add({ opType: "LSTM", inputs: [b.input("s", [5, 1, 3]), b.weight([1, 16, 3]), b.weight([1, 16, 4])], outputs: 3, attributes: { hidden_size: attr.int(4) } });
    b.output(node.out).output(lstm.output(1)!);
    const { model } = await applied(deadCode, b);
    const [pool, rnn] = [...model.graph.nodes];
    expect(pool!.outputs.length).toBe(1);
    expect(rnn!.outputs.map((o) => o !== null)).toEqual([false, true]);
  });

  test("keeps inputs, and what a graph output needs", async () => {
    const b = new Build();
    b.input("unused", [2]);
    b.output(b.op("Relu", [b.input("x", [2])]));
    await expectUntouched(deadCode, b);
  });
});

describe("constant-nodes", () => {
  test.each<[string, () => Node["attributes"]]>([
    ["value", () => new Map([["value", attr.tensor(Tensor.from("float32", [3], [1, 2, 3]))]])],
    ["value_float", () => new Map([["value_float", attr.float(2)]])],
    ["value_floats", () => new Map([["value_floats", attr.floats([1, 2, 3])]])],
  ])("%s becomes an initializer of the same name", async (_name, attributes) => {
    const b = new Build();
    const node = b.graph.append(new Node({ opType: "Constant", outputs: ["k"], attributes: attributes() }));
    b.output(b.op("Add", [b.input("x", [2, 3]), node.out]));
    const { model } = await applied(constantNodes, b);
    expect(opsOf(model)).toEqual(["Add"]);
    expect([...model.graph.initializers].map((v) => v.name)).toEqual(["k"]);
  });

  test("also as a graph output, but not as what a branch returns", async () => {
    const b = new Build();
    b.output(b.op("Constant", [], { value_float: attr.float(1) }), "k");
    const branch = (value: number): Graph => {
      const g = new Graph("b");
      return new Build(21, g).output(new Build(21, g).op("Constant", [], { value_float: attr.float(value) }), "v"), g;
    };
    b.output(b.op("If", [b.input("c", [], "bool")], { then_branch: attr.graph(branch(1)), else_branch: attr.graph(branch(2)) }), "z");
    const { model } = await applied(constantNodes, b);
    expect(opsOf(model)).toEqual(["If", "Constant", "Constant"]);
  });
});

/** Computes Neg in this test, in place of a runtime. */
const negate = async (node: Node, inputs: readonly (Tensor | undefined)[]): Promise<readonly Tensor[] | undefined> =>
  node.opType === "Softplus" ? [Tensor.from("float32", inputs[0]!.dims, inputs[0]!.toNumbers().map((v) => Math.log1p(Math.exp(v))))] : undefined;

describe("fold-constants", () => {
  test("computes chains of shape arithmetic", async () => {
    const b = new Build();
    const x = b.input("x", [2, 6]);
    const shape = b.op("Concat", [b.ints(4), b.op("Gather", [b.ints(1, 3, 5), b.ints(1)], { axis: attr.int(0) })], { axis: attr.int(0) });
    b.output(b.op("Reshape", [x, shape]));
    const { model } = await applied(foldConstants, b);
    expect(opsOf(model)).toEqual(["Reshape"]);
    expect(model.graph.firstNode!.input(1)!.constant!.toNumbers()).toEqual([4, 3]);
  });

  test("asks the context for what core does not evaluate", async () => {
    const b = new Build();
    b.output(b.op("Add", [b.input("x", [3]), b.op("Softplus", [b.constant("float32", [3], [0, 1, 2])])]));
    await expectUntouched(foldConstants, b);
    const { model } = await applied(foldConstants, b, { init: { evaluate: negate } });
    expect(opsOf(model)).toEqual(["Add"]);
  });

  test("folds into a graph output, and inside branches", async () => {
    const b = new Build();
    b.output(b.op("Add", [b.ints(1, 2), b.ints(3)]), "k");
    const k = b.ints(5);
    const branch = (add: number): Graph => {
      const g = new Graph("b");
      const inner = new Build(21, g);
      return inner.output(inner.op("Add", [k, inner.op("Mul", [k, inner.ints(add)])]), "v"), g;
    };
    b.output(b.op("If", [b.input("c", [], "bool")], { then_branch: attr.graph(branch(1)), else_branch: attr.graph(branch(2)) }), "z");
    const { model } = await applied(foldConstants, b);
    expect(opsOf(model)).toEqual(["If", "Constant", "Constant"]);
  });

  test.each<[string, (b: Build) => Value]>([
    ["random numbers", (b) => b.op("RandomNormalLike", [b.constant("float32", [2], [1, 2])])],
    ["quantized weights", (b) => b.op("DequantizeLinear", [b.constant("int8", [2], [1, 2]), b.scalar(0.5), b.constant("int8", [], [0])])],
    ["expansions that would make the model grow", (b) => b.op("Expand", [b.scalar(1), b.ints(1000, 1000)])],
    ["fills that would make the model grow", (b) => b.op("ConstantOfShape", [b.ints(1000, 1000)])],
    ["tilings without end", (b) => b.op("Tile", [b.constant("float32", [1, 1], [1]), b.ints(2 ** 30, 2 ** 30)])],
    ["ranges without end", (b) => b.op("Range", [b.scalar(0, "int64"), b.scalar(2 ** 52, "int64"), b.scalar(1, "int64")])],
    ["products that broadcast without end", (b) => b.op("Add", [b.weight([100_000, 1]), b.weight([1, 100_000])])],
  ])("leaves %s", async (_what, make) => {
    const b = new Build();
    await expectUntouched(foldConstants, b.output(make(b)));
  });

  test("keeps to the cap of the context", async () => {
    const b = new Build();
    b.output(b.op("Add", [b.input("x", [100]), b.op("Neg", [b.weight([100])])]));
    await expectUntouched(foldConstants, b, { maxFoldBytes: 399 });
    expect(opsOf((await applied(foldConstants, b, { init: { maxFoldBytes: 800 } })).model)).toEqual(["Add"]);
  });
});

describe("remove-identity", () => {
  test.each<[string, (b: Build, x: Value) => Value]>([
    ["Identity", (b, x) => b.op("Identity", [x])],
    ["Dropout", (b, x) => b.op("Dropout", [x])],
    ["Dropout told not to train", (b, x) => b.op("Dropout", [x, b.scalar(0.3), b.constant("bool", [], [0])])],
    ["a sum of one", (b, x) => b.op("Sum", [x])],
    ["a concatenation of one", (b, x) => b.op("Concat", [x], { axis: attr.int(0) })],
    ["a split into one", (b, x) => b.op("Split", [x], { num_outputs: attr.int(1) })],
    ["several in a row", (b, x) => b.op("Identity", [b.op("Identity", [b.op("Max", [x])])])],
  ])("removes %s", async (_name, make) => {
    const b = new Build();
    b.output(b.op("Neg", [make(b, b.op("Relu", [b.input("x", [2, 3])]))]));
    expect(opsOf((await applied(removeIdentity, b)).model)).toEqual(["Relu", "Neg"]);
  });

  test("hands the name of an output over", async () => {
    const b = new Build();
    b.output(b.op("Identity", [b.op("Relu", [b.input("x", ["N", 3])])]), "logits");
    const { model } = await applied(removeIdentity, b);
    expect(opsOf(model)).toEqual(["Relu"]);
  });

  test.each<[string, (b: Build) => void]>([
    ["that connects an input with an output", (b) => void b.output(b.op("Identity", [b.input("x", [2])]))],
    ["that gives a weight out", (b) => void b.output(b.op("Identity", [b.weight([2])]))],
    ["that repeats an output under another name", (b) => {
      const r = b.op("Relu", [b.input("x", [2])]);
      b.output(r).output(b.op("Identity", [r]));
    }],
    ["whose mask is read", (b) => {
      const node = b.graph.add({ opType: "Dropout", inputs: [b.input("x", [2])], outputs: 2 });
      b.output(node.out).output(node.output(1)!);
    }],
    ["that may train", (b) => void b.output(b.op("Dropout", [b.input("x", [2]), b.scalar(0.5), b.input("t", [], "bool")]))],
    ["that returns a captured value from a branch", (b) => {
      const x = b.op("Relu", [b.input("x", [2])]);
      const branch = (op: string): Graph => {
        const g = new Graph(op);
        return new Build(21, g).output(new Build(21, g).op(op, [x]), "v"), g;
      };
      b.output(b.op("If", [b.input("c", [], "bool")], { then_branch: attr.graph(branch("Identity")), else_branch: attr.graph(branch("Neg")) }), "z");
    }],
  ])("leaves one %s", async (_what, make) => {
    const b = new Build();
    make(b);
    await expectUntouched(removeIdentity, b);
  });
});

describe("remove-noop", () => {
  const img = [1, 2, 4, 4];
  test.each<[string, (b: Build, x: Value) => Value]>([
    ["Cast to the same type", (b, x) => b.op("Cast", [x], { to: attr.int(1) })],
    ["Reshape with zeros", (b, x) => b.op("Reshape", [x, b.ints(0, 0, 4, -1)])],
    ["Transpose that moves nothing", (b, x) => b.op("Transpose", [x], { perm: attr.ints([0, 1, 2, 3]) })],
    ["Slice of everything", (b, x) => b.op("Slice", [x, b.ints(0, 0), b.ints(4, 2 ** 31 - 1), b.ints(2, -1), b.ints(1, 1)])],
    ["Pad by nothing", (b, x) => b.op("Pad", [x, b.ints(0, 0, 0, 0, 0, 0, 0, 0)])],
    ["Expand by ones", (b, x) => b.op("Expand", [x, b.ints(1, 1)])],
    ["Tile by ones", (b, x) => b.op("Tile", [x, b.ints(1, 1, 1, 1)])],
    ["Resize by ones", (b, x) => b.op("Resize", [x, null, b.constant("float32", [4], [1, 1, 1, 1])])],
    ["Add of zero", (b, x) => b.op("Add", [b.scalar(0), x])],
    ["Sub of zero", (b, x) => b.op("Sub", [x, b.constant("float32", [1, 1], [0])])],
    ["Mul by one", (b, x) => b.op("Mul", [x, b.scalar(1)])],
    ["Div by one", (b, x) => b.op("Div", [x, b.scalar(1)])],
    ["a pool over one element", (b, x) => b.op("AveragePool", [x], { kernel_shape: attr.ints([1, 1]) })],
    ["a second Relu", (b, x) => b.op("Relu", [b.op("Relu", [x])])],
  ])("removes %s", async (name, make) => {
    const b = new Build();
    const x = b.typed(b.op("Sigmoid", [b.input("x", img)]), img);
    b.output(b.op("Tanh", [make(b, x)]));
    expect(opsOf((await applied(removeNoop, b)).model)).toEqual(name === "a second Relu" ? ["Sigmoid", "Relu", "Tanh"] : ["Sigmoid", "Tanh"]);
  });

  test("removes double negation, and attribute forms of old operator sets", async () => {
    const b = new Build(9);
    const x = b.op("Sigmoid", [b.input("x", img)]);
    const s = b.op("Slice", [x], { starts: attr.ints([0]), ends: attr.ints([9223372036854775807n]), axes: attr.ints([1]) });
    b.output(b.op("Neg", [b.op("Neg", [b.op("Pad", [s], { pads: attr.ints([0, 0, 0, 0, 0, 0, 0, 0]) })])]));
    expect(opsOf((await applied(removeNoop, b)).model)).toEqual(["Sigmoid"]);
  });

  test.each<[string, (b: Build, x: Value) => Value]>([
    ["Cast to another type", (b, x) => b.op("Cast", [x], { to: attr.int(11) })],
    ["Reshape that may move elements", (b, x) => b.op("Reshape", [x, b.ints(-1, 0, 4, 2)])],
    ["Reshape to another rank", (b, x) => b.op("Reshape", [x, b.ints(2, 4, 4)])],
    ["Slice with a step", (b, x) => b.op("Slice", [x, b.ints(0), b.ints(4), b.ints(2), b.ints(2)])],
    ["Slice to the end but one", (b, x) => b.op("Slice", [x, b.ints(0), b.ints(-1), b.ints(2)])],
    ["Expand to more axes", (b, x) => b.op("Expand", [x, b.ints(1, 1, 1, 1, 1)])],
    ["Mul by one of higher rank", (b, x) => b.op("Mul", [x, b.constant("float32", [1, 1, 1, 1, 1], [1])])],
    ["Sub from zero", (b, x) => b.op("Sub", [b.scalar(0), x])],
    ["Transpose of equal-looking axes", (b, x) => b.op("Transpose", [x], { perm: attr.ints([0, 1, 3, 2]) })],
  ])("leaves %s", async (_name, make) => {
    const b = new Build();
    await expectUntouched(removeNoop, b.output(make(b, b.typed(b.op("Sigmoid", [b.input("x", img)]), img))));
  });
});
