/** Equal work and equal weights once; moves in a row; Transpose that cancels. */
import { describe, expect, test } from "vitest";
import {
  attr, commonSubexpressions, deadCode, Graph, mergeInitializers, mergeMoves, pushTransposes, removeNoop, sequence, type DType, type Value,
} from "@lathe/core";
import { applied, Build, expectUntouched, opsOf } from "./build.ts";

const perm = (...axes: number[]) => ({ perm: attr.ints(axes) });

describe("common-subexpressions", () => {
  test("merges chains that compute the same", async () => {
    const b = new Build();
    const x = b.input("x", [2, 3]);
    const w = b.weight([3]);
    const side = () => b.op("LeakyRelu", [b.op("Mul", [x, w])], { alpha: attr.float(0.5) });
    b.output(b.op("Add", [side(), side()]));
    expect(opsOf((await applied(commonSubexpressions, b)).model)).toEqual(["Mul", "LeakyRelu", "Add"]);
  });

  test("an output takes the place of what it repeats, with its name", async () => {
    const b = new Build();
    const x = b.input("x", [2, 3]);
    b.output(b.op("Neg", [b.op("Relu", [x])])).output(b.op("Relu", [x]), "again");
    const { model } = await applied(commonSubexpressions, b);
    expect(opsOf(model)).toEqual(["Relu", "Neg"]);
  });

  test.each<[string, (b: Build, x: Value) => void]>([
    ["other attributes", (b, x) => void b.output(b.op("Add", [b.op("LeakyRelu", [x], { alpha: attr.float(0.5) }), b.op("LeakyRelu", [x])]))],
    ["other order of operands", (b, x) => void b.output(b.op("Add", [b.op("Sub", [x, b.scalar(1)]), b.op("Sub", [b.scalar(1), x])]))],
    ["random numbers", (b, x) => void b.output(b.op("Add", [b.op("RandomNormalLike", [x]), b.op("RandomNormalLike", [x])]))],
    ["two outputs", (b, x) => void b.output(b.op("Relu", [x])).output(b.op("Relu", [x]))],
  ])("leaves %s", async (_what, make) => {
    const b = new Build();
    make(b, b.input("x", [2, 3]));
    await expectUntouched(commonSubexpressions, b);
  });
});

describe("merge-initializers", () => {
  const long = Array.from({ length: 1024 }, (_, i) => i / 7);

  test("keeps one of equal weights, the outermost", async () => {
    const b = new Build();
    const x = b.input("x", [2, 1024]);
    const y = b.op("Add", [b.op("Mul", [x, b.constant("float32", [1024], long)]), b.constant("float32", [1024], long)]);
    const branch = (op: string): Graph => {
      const g = new Graph(op);
      const inner = new Build(21, g);
      return inner.output(inner.op(op, [y, inner.constant("float32", [1024], long)]), "v"), g;
    };
    b.output(b.op("If", [b.input("c", [], "bool")], { then_branch: attr.graph(branch("Add")), else_branch: attr.graph(branch("Sub")) }));
    const { model } = await applied(mergeInitializers, b);
    expect([...model.graph.allGraphs()].map((g) => g.initializers.size)).toEqual([1, 0, 0]);
  });

  test("merges numbers and shapes", async () => {
    const b = new Build();
    const x = b.op("Mul", [b.op("Add", [b.input("x", [2, 2]), b.scalar(3)]), b.scalar(3)]);
    b.output(b.op("Reshape", [b.op("Reshape", [x, b.ints(4, 1)]), b.ints(4, 1)]));
    expect([...(await applied(mergeInitializers, b)).model.graph.initializers].map((v) => v.dtype)).toEqual(["float32", "int64"]);
  });

  test("leaves other types, shapes and values, and siblings that cannot see each other", async () => {
    const b = new Build();
    const x = b.input("x", [2, 1024]);
    const use = (dtype: DType, dims: number[], values: number[]) => b.op("Cast", [b.constant(dtype, dims, values)], { to: attr.int(1) });
    b.output(b.op("Sum", [x, use("float32", [1024], long), use("float32", [1, 1024], long), use("int32", [1024], long), use("float32", [1024], long.toReversed())]));
    const branch = (op: string): Graph => {
      const g = new Graph(op);
      const inner = new Build(21, g);
      return inner.output(inner.op(op, [x, inner.constant("float32", [1024], long.with(1023, 5))]), "v"), g;
    };
    b.output(b.op("If", [b.input("c", [], "bool")], { then_branch: attr.graph(branch("Add")), else_branch: attr.graph(branch("Sub")) }));
    await expectUntouched(mergeInitializers, b);
  });

  test("leaves what belongs to one layer or tensor: short vectors of floats, scales and zero points", async () => {
    const b = new Build();
    const pair = (x: Value): Value => b.op("DequantizeLinear", [b.op("QuantizeLinear", [x, b.scalar(0.1), b.constant("uint8", [], [3])]), b.scalar(0.1), b.constant("uint8", [], [3])]);
    const bias = (x: Value): Value => b.op("Add", [x, b.constant("float32", [4], [0, 0, 0, 0])]);
    b.output(bias(pair(bias(pair(b.input("x", [2, 4]))))));
    await expectUntouched(mergeInitializers, b);
  });
});

describe("merge-moves", () => {
  const shape = [2, 3, 4];
  const to = (dtype: number) => ({ to: attr.int(dtype) });
  const merge = sequence("merge", [mergeMoves, deadCode]);

  test.each<[string, (b: Build, x: Value) => Value, string[]]>([
    ["Transpose twice", (b, x) => b.op("Transpose", [b.op("Transpose", [x], perm(1, 2, 0))], perm(1, 0, 2)), ["Transpose"]],
    ["Transpose and back", (b, x) => b.op("Transpose", [b.op("Transpose", [x], perm(1, 2, 0))], perm(2, 0, 1)), []],
    ["Reshape twice", (b, x) => b.op("Reshape", [b.op("Reshape", [x, b.ints(6, 4)]), b.ints(4, -1)]), ["Reshape"]],
    ["Reshape behind Flatten, Squeeze and Unsqueeze", (b, x) => b.op("Reshape", [b.op("Flatten", [b.op("Unsqueeze", [x, b.ints(0)])]), b.ints(4, 6)]), ["Reshape"]],
    ["Unsqueeze and Squeeze", (b, x) => b.op("Squeeze", [b.op("Unsqueeze", [x, b.ints(1, 3)]), b.ints(3, 1)]), []],
    ["Unsqueeze twice", (b, x) => b.op("Unsqueeze", [b.op("Unsqueeze", [x, b.ints(1)]), b.ints(0, 3)]), ["Unsqueeze"]],
    ["Unsqueeze twice at one place", (b, x) => b.op("Unsqueeze", [b.op("Unsqueeze", [x, b.ints(0, 2)]), b.ints(2)]), ["Unsqueeze"]],
    ["Squeeze twice", (b, x) => b.op("Squeeze", [b.op("Squeeze", [b.op("Reshape", [x, b.ints(1, 2, 1, 12, 1)]), b.ints(0, 4)]), b.ints(1)]), ["Reshape", "Squeeze"]],
    ["Cast to more and back", (b, x) => b.op("Cast", [b.op("Cast", [x], to(11))], to(1)), []],
    ["Cast to more and to something else", (b, x) => b.op("Cast", [b.op("Cast", [x], to(11))], to(7)), ["Cast"]],
  ])("%s", async (_name, make, expected) => {
    const b = new Build();
    b.output(b.op("Neg", [make(b, b.typed(b.op("Relu", [b.input("x", shape)]), shape))]));
    expect(opsOf((await applied(merge, b)).model)).toEqual(["Relu", ...expected, "Neg"]);
  });

  test("keeps the first when it is read elsewhere", async () => {
    const b = new Build();
    const t = b.op("Transpose", [b.input("x", shape)], perm(1, 2, 0));
    b.output(t).output(b.op("Transpose", [t], perm(1, 0, 2)));
    const { model } = await applied(mergeMoves, b);
    expect(model.graph.lastNode!.input(0)).toBe(model.graph.inputs[0]);
    expect(model.graph.lastNode!.ints("perm")).toEqual([2, 1, 0]);
  });

  test.each<[string, DType, number[]]>([
    ["float32 through float16", "float32", [10, 1]],
    ["int64 through float32", "int64", [1, 7]],
    ["int32 through uint32", "int32", [12, 7]],
    ["float32 through bool", "float32", [9, 1]],
    ["uint8 through int8", "uint8", [3, 6]],
  ])("leaves a Cast of %s", async (_name, dtype, [first, second]) => {
    const b = new Build();
    b.output(b.op("Cast", [b.op("Cast", [b.input("x", [3], dtype)], to(first!))], to(second!)));
    await expectUntouched(mergeMoves, b);
  });

  test.each<[string, (b: Build, x: Value) => Value]>([
    ["a Reshape that takes a size from its input", (b, x) => b.op("Reshape", [b.op("Reshape", [x, b.ints(6, 4)]), b.ints(0, 2, 2)])],
    ["Squeeze of other axes", (b, x) => b.op("Squeeze", [b.op("Unsqueeze", [b.op("Unsqueeze", [x, b.input("a", [1], "int64")]), b.ints(0)]), b.ints(1)])],
  ])("leaves %s", async (_name, make) => {
    const b = new Build();
    await expectUntouched(mergeMoves, b.output(make(b, b.input("x", shape))));
  });
});

describe("push-transposes", () => {
  const push = sequence("push", [pushTransposes, mergeMoves, removeNoop, deadCode]);
  const nhwc = [2, 4, 5, 3];
  const out = (b: Build, x: Value) => b.op("Transpose", [x], perm(0, 3, 1, 2));
  const back = (b: Build, x: Value) => b.op("Transpose", [x], perm(0, 2, 3, 1));

  test.each<[string, (b: Build, x: Value) => Value, string[]]>([
    ["an activation", (b, x) => back(b, b.op("Relu", [out(b, x)])), ["Relu"]],
    ["several operators", (b, x) => back(b, b.op("Clip", [b.op("Mul", [b.op("Sigmoid", [out(b, x)]), b.scalar(2)]), b.scalar(0), b.scalar(1)])), ["Sigmoid", "Mul", "Clip"]],
    ["a constant per channel", (b, x) => back(b, b.op("Sub", [b.weight([3, 1, 1]), out(b, x)])), ["Sub"]],
    ["a full constant", (b, x) => back(b, b.op("Add", [out(b, x), b.weight([2, 3, 4, 5])])), ["Add"]],
    ["a residual", (b, x) => back(b, b.op("Add", [out(b, b.op("Relu", [x])), out(b, b.op("Neg", [x]))])), ["Relu", "Neg", "Add"]],
    ["two equal operands, without a Transpose behind", (b, x) => b.op("Max", [out(b, b.op("Relu", [x])), out(b, b.op("Neg", [x]))]), ["Relu", "Neg", "Max", "Transpose"]],
  ])("through %s", async (_name, make, expected) => {
    const b = new Build();
    b.output(b.op("Abs", [make(b, b.input("x", nhwc))]));
    expect(opsOf((await applied(push, b)).model)).toEqual([...expected, "Abs"]);
  });

  test.each<[string, (b: Build, x: Value) => Value]>([
    ["where no other one follows", (b, x) => b.op("Relu", [out(b, x)])],
    ["through operators along an axis", (b, x) => back(b, b.op("Softmax", [out(b, x)], { axis: attr.int(1) }))],
    ["that is read elsewhere", (b, x) => { const t = out(b, x); b.output(t); return back(b, b.op("Relu", [t])); }],
    ["past a constant that adds axes", (b, x) => b.op("Transpose", [b.op("Add", [out(b, x), b.weight([2, 1, 1, 1, 1])])], perm(0, 1, 3, 4, 2))],
    ["through operands of different orders", (b, x) => b.op("Add", [b.op("Transpose", [b.op("Relu", [x])], perm(0, 3, 1, 2)), b.op("Transpose", [b.op("Reshape", [x, b.ints(2, 5, 3, 4)])], perm(0, 2, 3, 1))])],
  ])("leaves one %s", async (_name, make) => {
    const b = new Build();
    await expectUntouched(pushTransposes, b.output(make(b, b.input("x", nhwc))));
  });
});
