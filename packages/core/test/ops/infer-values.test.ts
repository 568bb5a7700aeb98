/** Shape values: what exporters compute with Shape, Gather, Concat and arithmetic is followed with its symbols. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attr, evaluateDim, Graph, inferShapes, Model, Tensor, tensorType, typeToString, type Attribute, type DType, type Shape, type Value } from "@lathe/core";
import { f, ints, row, runCase } from "./harness.ts";

/** A graph written as expressions. */
class Sketch {
  readonly graph = new Graph("sketch");

  input(name: string, shape: Shape, dtype: DType = "float32"): Value {
    return this.graph.addInput(name, tensorType(dtype, shape));
  }

  ints(...values: number[]): Value {
    return this.graph.addInitializer("", Tensor.int64(values));
  }

  scalar(value: number): Value {
    return this.graph.addInitializer("", Tensor.int64([value], []));
  }

  op(opType: string, inputs: readonly (Value | null)[], attributes: Record<string, Attribute> = {}): Value {
    return this.graph.add({ opType, inputs, attributes, outputs: [`v${this.graph.nodeCount}`] }).out;
  }

  type(value: Value, opset = 17): string {
    this.graph.addOutput(value);
    const { problems } = inferShapes(new Model({ graph: this.graph, opset }));
    return [typeToString(value.type), ...problems.map((p) => p.message)].join(" ");
  }
}

const axis0 = { axis: attr.int(0) };
const dim = (s: Sketch, x: Value, axis: number): Value => s.op("Unsqueeze", [s.op("Gather", [s.op("Shape", [x]), s.scalar(axis)]), s.ints(0)]);

describe("exported shape arithmetic", () => {
  test("x.view(x.shape[0], -1)", () => {
    const s = new Sketch();
    const x = s.input("x", ["N", 3, "H", "W"]);
    expect(s.type(s.op("Reshape", [x, s.op("Concat", [dim(s, x, 0), s.ints(-1)], axis0)]))).toBe("float32[N,3*H*W]");
  });

  test("heads: view(B, T, h, C // h), transpose", () => {
    const s = new Sketch();
    const x = s.input("x", ["B", "T", 64]);
    const width = s.op("Unsqueeze", [s.op("Div", [s.op("Gather", [s.op("Shape", [x]), s.scalar(2)]), s.scalar(4)]), s.ints(0)]);
    const heads = s.op("Reshape", [x, s.op("Concat", [dim(s, x, 0), dim(s, x, 1), s.ints(4), width], axis0)]);
    expect(s.type(s.op("Transpose", [heads], { perm: attr.ints([0, 2, 1, 3]) }))).toBe("float32[B,4,T,16]");
  });

  test("merging by a slice of the shape and a product", () => {
    const s = new Sketch();
    const x = s.input("x", ["N", "C", "H", "W"]);
    const tail = s.op("Slice", [s.op("Shape", [x]), s.ints(2), s.ints(4)]);
    const area = s.op("ReduceProd", [tail], { keepdims: attr.int(1) });
    const head = s.op("Slice", [s.op("Shape", [x]), s.ints(0), s.ints(2)]);
    expect(s.type(s.op("Reshape", [x, s.op("Concat", [head, area], axis0)]))).toBe("float32[N,C,H*W]");
  });

  test("resize to twice the size", () => {
    const s = new Sketch();
    const x = s.input("x", ["N", 8, "H", "W"]);
    const [head, tail] = [s.op("Slice", [s.op("Shape", [x]), s.ints(0), s.ints(2)]), s.op("Slice", [s.op("Shape", [x]), s.ints(2), s.ints(4)])];
    const sizes = s.op("Concat", [head, s.op("Mul", [tail, s.ints(2)])], axis0);
    expect(s.type(s.op("Resize", [x, null, null, sizes]))).toBe("float32[N,8,2*H,2*W]");
  });

  test("expand guarded by Where(Equal(shape, -1))", () => {
    const s = new Sketch();
    const x = s.input("x", ["N", "T"]);
    const wanted = s.op("Concat", [dim(s, x, 0), s.ints(4), s.ints(-1)], axis0);
    const ones = s.op("ConstantOfShape", [s.ints(3)], { value: attr.tensor(Tensor.int64([1])) });
    const target = s.op("Where", [s.op("Equal", [wanted, s.op("Mul", [ones, s.ints(-1)])]), ones, wanted]);
    expect(s.type(s.op("Expand", [s.op("Unsqueeze", [x, s.ints(1)]), target]))).toBe("float32[N,4,T]");
  });

  test("positions from a range", () => {
    const s = new Sketch();
    const x = s.input("x", ["N", "T"]);
    const length = s.op("Gather", [s.op("Shape", [x]), s.scalar(1)]);
    expect(s.type(s.op("Unsqueeze", [s.op("Range", [s.scalar(0), length, s.scalar(1)]), s.ints(0)]))).toBe("int64[1,T]");
  });

  test("zeros of a computed shape", () => {
    const s = new Sketch();
    const x = s.input("x", ["N", 5]);
    expect(s.type(s.op("ConstantOfShape", [s.op("Cast", [s.op("Concat", [dim(s, x, 0), s.op("Sub", [dim(s, x, 1), s.ints(1)])], axis0)], { to: attr.int(7) })]))).toBe("float32[N,4]");
  });

  test("the smaller of a length and a bound", () => {
    const s = new Sketch();
    const x = s.input("x", ["N"]);
    expect(s.type(s.op("Slice", [x, s.ints(0), s.op("Min", [s.op("Shape", [x]), s.ints(10)])]))).toBe("float32[min(10, N)]");
  });

  test("a scalar length survives Squeeze", () => {
    const s = new Sketch();
    const x = s.input("x", ["N", 3]);
    const n = s.op("Squeeze", [s.op("Slice", [s.op("Shape", [x]), s.ints(0), s.ints(1)]), s.ints(0)]);
    expect(s.type(s.op("Reshape", [x, s.op("Concat", [s.op("Unsqueeze", [s.op("Mul", [n, s.scalar(3)]), s.ints(0)])], axis0)]))).toBe("float32[3*N]");
  });
});

test("a slice length is exact for every value of its symbol", async () => {
  const bound = fc.oneof(fc.integer({ min: -7, max: 7 }), fc.constantFrom(2 ** 31 - 1, -(2 ** 31)));
  await fc.assert(fc.asyncProperty(bound, bound, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 9 }), async (start, end, step, length) => {
    const s = new Sketch();
    const y = s.op("Slice", [s.input("x", ["N"]), s.ints(start), s.ints(end), s.ints(0), s.ints(step)]);
    s.type(y);
    const [real] = await runCase(row("Slice", [f(length), ints(start), ints(end), ints(0), ints(step)]));
    expect(evaluateDim(y.shape![0]!, { N: length })).toBe(real!.dims[0]);
  }), { numRuns: 200 });
});

test("comparisons are decided only when every size agrees", () => {
  const known = (opType: string, left: Dim, right: Dim): string => {
    const s = new Sketch();
    const length = (d: Dim): Value => (typeof d === "number" ? s.ints(d) : s.op("Shape", [s.input(d!, [d])]));
    const flag = s.op(opType, [length(left), length(right)]);
    // The flag picks between two shapes: what can be told of it shows in the result.
    return s.type(s.op("Expand", [s.graph.addInitializer("one", Tensor.from("float32", [1], [1])), s.op("Where", [flag, s.ints(7), s.ints(9)])]));
  };
  type Dim = number | string;
  expect(known("Equal", "N", -1)).toBe("float32[9]");
  expect(known("Equal", "N", 3)).toBe("float32[?]");
  expect(known("Less", "N", 0)).toBe("float32[9]");
  expect(known("GreaterOrEqual", "N", 0)).toBe("float32[7]");
  expect(known("Greater", "N", 0)).toBe("float32[?]");
  expect(known("LessOrEqual", -1, "N")).toBe("float32[7]");
});
