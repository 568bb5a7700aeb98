/** Conversion to newer operator sets: same numbers, every step accounted for, refusals by name. */
import { describe, expect, test } from "vitest";
import { attr, convertOpset, MAX_OPSET, printModel, standardOps, verify, type Attribute, type Value } from "@lathe/core";
import { adapters } from "../../src/passes/opset/adapters.ts";
import { incompatibility } from "../../src/passes/opset/compatible.ts";
import { Build, expectSameResults, opsOf, randomFeeds } from "./build.ts";

const img = [2, 4, 6, 6];
type Make = (b: Build, x: Value) => Value;
const unary = (op: string, attributes: Readonly<Record<string, Attribute>> = {}): Make => (b, x) => b.op(op, [x], attributes);

/** Opset it is written in, and what it does to a float input of shape [2,4,6,6]. */
const rows: [string, number, Make, string[]?][] = [
  ["Softmax over several axes", 11, unary("Softmax", { axis: attr.int(1) }), ["Flatten", "Softmax", "Reshape"]],
  ["Softmax by its default axis", 7, unary("Softmax"), ["Flatten", "Softmax", "Reshape"]],
  ["Softmax over the last axis", 11, unary("Softmax", { axis: attr.int(3) }), ["Softmax"]],
  ["Softmax over axis -1", 11, unary("Softmax", { axis: attr.int(-1) }), ["Softmax"]],
  ["Softmax over axis 0", 9, unary("Softmax", { axis: attr.int(0) }), ["Flatten", "Softmax", "Reshape"]],
  ["LogSoftmax", 11, unary("LogSoftmax", { axis: attr.int(2) }), ["Flatten", "LogSoftmax", "Reshape"]],
  ["Hardmax", 11, unary("Hardmax", { axis: attr.int(2) }), ["Flatten", "Hardmax", "Reshape"]],
  ["Softmax of pooled features", 11, (b, x) => b.op("Softmax", [b.typed(b.op("GlobalAveragePool", [x]), [2, 4, 1, 1])]), ["GlobalAveragePool", "Softmax"]],
  ["Clip", 7, unary("Clip", { min: attr.float(-0.5), max: attr.float(1) })],
  ["Clip with one bound", 9, unary("Clip", { max: attr.float(1) })],
  ["Pad", 7, unary("Pad", { pads: attr.ints([0, 0, 1, 2, 0, 0, 3, 0]), value: attr.float(0.5) })],
  ["Pad by reflection", 9, unary("Pad", { pads: attr.ints([0, 0, 1, 2, 0, 0, 3, 0]), mode: attr.string("reflect") })],
  ["Slice", 7, unary("Slice", { starts: attr.ints([1, -3]), ends: attr.ints([4, 100]), axes: attr.ints([1, 3]) })],
  ["Slice without axes", 9, unary("Slice", { starts: attr.ints([0, 1]), ends: attr.ints([1, 3]) })],
  ["TopK", 9, (b, x) => b.op("TopK", [x], { k: attr.int(2), axis: attr.int(1) }, 2)],
  ["Squeeze and Unsqueeze", 11, (b, x) => b.op("Squeeze", [b.op("Unsqueeze", [x], { axes: attr.ints([0, 3]) })], { axes: attr.ints([0]) })],
  ["Squeeze without axes", 11, (b, x) => b.op("Squeeze", [b.op("Unsqueeze", [x], { axes: attr.ints([0]) })])],
  ["ReduceSum", 11, unary("ReduceSum", { axes: attr.ints([2, 3]), keepdims: attr.int(0) })],
  ["ReduceSum of everything", 7, unary("ReduceSum", { keepdims: attr.int(1) })],
  ["ReduceMean", 13, unary("ReduceMean", { axes: attr.ints([1]) })],
  ["ReduceMax", 8, unary("ReduceMax", { axes: attr.ints([1, 2]) })],
  ["ReduceL2", 13, unary("ReduceL2", { axes: attr.ints([-1]) })],
  ["Split into equal parts", 11, (b, x) => b.op("Split", [x], { axis: attr.int(1) }, 2)],
  ["Split by sizes", 7, (b, x) => b.op("Split", [x], { axis: attr.int(1), split: attr.ints([1, 3]) }, 2)],
  ["Dropout", 7, unary("Dropout", { ratio: attr.float(0.3) })],
  ["Dropout 10", 10, unary("Dropout", { ratio: attr.float(0.3) })],
  ["BatchNormalization", 7, (b, x) => b.op("BatchNormalization", [x, b.weight([4]), b.weight([4]), b.weight([4]), b.weight([4], undefined, true)], { spatial: attr.int(1) })],
  ["Upsample with scales as attribute", 7, unary("Upsample", { scales: attr.floats([1, 1, 2, 2]) }), ["Resize"]],
  ["Upsample by fractions", 7, unary("Upsample", { scales: attr.floats([1, 1, 1.5, 2.5]) })],
  ["Upsample linearly", 9, (b, x) => b.op("Upsample", [x, b.constant("float32", [4], [1, 1, 2, 2])], { mode: attr.string("linear") })],
  ["Resize 10 nearest, larger", 10, (b, x) => b.op("Resize", [x, b.constant("float32", [4], [1, 1, 2.5, 3])])],
  ["Resize 10 nearest, smaller", 10, (b, x) => b.op("Resize", [x, b.constant("float32", [4], [1, 1, 0.6, 0.4])])],
  ["Resize 10 linear", 10, (b, x) => b.op("Resize", [x, b.constant("float32", [4], [1, 1, 2.5, 0.5])], { mode: attr.string("linear") })],
  ["AveragePool, MaxPool", 7, (b, x) => b.op("AveragePool", [b.op("MaxPool", [x], { kernel_shape: attr.ints([2, 2]) })], { kernel_shape: attr.ints([2, 2]), pads: attr.ints([1, 1, 1, 1]), count_include_pad: attr.int(1) })],
  ["ArgMax", 7, (b, x) => b.op("ArgMax", [x], { axis: attr.int(1), keepdims: attr.int(0) })],
  ["Scatter", 9, (b, x) => b.op("Scatter", [x, b.constant("int64", [1, 1, 1, 2], [3, 1]), b.weight([1, 1, 1, 2])], { axis: attr.int(3) }), ["ScatterElements"]],
  ["Gemm, Flatten", 7, (b, x) => b.op("Gemm", [b.op("Flatten", [x]), b.weight([144, 5]), b.weight([5])])],
  ["RoiAlign", 10, (b, x) => b.op("RoiAlign", [x, b.constant("float32", [2, 4], [0, 0, 3, 3, 1, 1, 5, 5]), b.constant("int64", [2], [0, 1])], { output_height: attr.int(2), output_width: attr.int(2) })],
  ["GridSample", 16, (b, x) => b.op("GridSample", [x, b.weight([2, 3, 3, 2])], { mode: attr.string("bicubic") })],
  ["GroupNormalization", 18, (b, x) => b.op("GroupNormalization", [x, b.weight([2]), b.weight([2])], { num_groups: attr.int(2) })],
  ["QuantizeLinear and back", 10, (b, x) => b.op("DequantizeLinear", [b.op("QuantizeLinear", [x, b.scalar(0.02), b.constant("uint8", [], [128])]), b.scalar(0.02), b.constant("uint8", [], [128])])],
  ["LSTM", 7, (b, x) => b.op("LSTM", [b.op("Reshape", [x, b.ints(6, 1, 48)]), b.weight([1, 12, 48]), b.weight([1, 12, 3]), b.weight([1, 24])], { hidden_size: attr.int(3) })],
  ["Greater and Cast", 11, (b, x) => b.op("Cast", [b.op("Greater", [x, b.scalar(0)])], { to: attr.int(1) })],
  ["Sum, Mean, Max of several", 8, (b, x) => b.op("Sum", [b.op("Max", [x, b.weight([4, 1, 1])]), b.op("Mean", [x, b.weight([6])])])],
];

/** ONNX Runtime cannot run these from that version on. */
const noKernel: Readonly<Record<string, number>> = { RoiAlign: 22 };

describe("gives the same numbers", () => {
  test.each(rows)("%s from opset %i", async (name, opset, make, expected) => {
    for (const target of [11, 12, 13, 18, 21, MAX_OPSET].filter((t) => t > opset && t < (noKernel[name] ?? Infinity))) {
      const b = new Build(opset);
      b.output(make(b, b.input("x", img)));
      const converted = b.model.clone();
      convertOpset(converted, target);
      expect(converted.opset).toBe(target);
      expect(verify(converted, { ops: standardOps }).map((i) => i.error.message)).toEqual([]);
      await expectSameResults(b.model, converted, randomFeeds(b.model));
      if (expected && target === MAX_OPSET) expect(opsOf(converted)).toEqual(expected);
    }
  });

  test("when the shape is not known either", async () => {
    const b = new Build(11);
    b.output(b.op("Softmax", [b.op("Relu", [b.input("x", ["N", 3, "H"])])]));
    const converted = b.model.clone();
    convertOpset(converted, 13);
    expect(opsOf(converted)).toEqual(["Relu", "Flatten", "Softmax", "Shape", "Reshape"]);
    await expectSameResults(b.model, converted, randomFeeds(b.model));
  });
});

describe("refuses, naming the node and changing nothing", () => {
  test.each<[string, number, Make]>([
    ["Add broadcasting along an axis", 6, (b, x) => b.op("Add", [x, b.weight([4])], { broadcast: attr.int(1), axis: attr.int(1) })],
    ["Dropout in training mode", 6, unary("Dropout")],
    ["BatchNormalization per position", 7, (b, x) => b.op("BatchNormalization", [x, b.weight([4]), b.weight([4]), b.weight([4]), b.weight([4])], { spatial: attr.int(0) })],
    ["Resize of computed scales", 10, (b, x) => b.op("Resize", [x, b.input("s", [4])])],
    ["Resize up and down", 10, (b, x) => b.op("Resize", [x, b.constant("float32", [4], [1, 1, 2, 0.5])])],
    ["Scan 8", 8, (b, x) => b.op("Scan", [null, x], { num_scan_inputs: attr.int(1) })],
  ])("%s", (_name, opset, make) => {
    const b = new Build(opset);
    // The first node converts, the last does not.
    b.output(make(b, b.op("Squeeze", [b.input("x", [1, ...img])], { axes: attr.ints([0]) })));
    const node = b.graph.lastNode!;
    const before = printModel(b.model);
    expect(() => convertOpset(b.model, 13)).toThrow(new RegExp(`OPSET_CANNOT_CONVERT: Node "${node.name}" \\(${node.opType}\\)`));
    expect(printModel(b.model)).toBe(before);
  });

  test.each([[27, "OPSET_TARGET"], [6, "OPSET_TARGET"], [13.5, "OPSET_TARGET"], [11, "OPSET_DOWN"]])("target %d: %s", (target, code) => {
    const b = new Build(12);
    b.output(b.op("Relu", [b.input("x", [2])]));
    expect(() => convertOpset(b.model, target)).toThrow(code);
  });
});

test("functions are converted too, and the IR version rises with the opset", () => {
  const b = new Build(11);
  b.model.irVersion = 6;
  const inner = new Build(11);
  inner.output(inner.op("Unsqueeze", [inner.input("X", [2])], { axes: attr.ints([0]) }), "Y");
  b.model.functions.set("f::F::", { domain: "f", name: "F", overload: "", body: inner.graph, attributes: [], attributeDefaults: new Map(), opsetImports: new Map([["", 11]]) });
  b.model.opsetImports.set("f", 1);
  b.output(b.graph.add({ opType: "F", domain: "f", inputs: [b.input("x", [2])] }).out);
  convertOpset(b.model, 21);
  const [constant, unsqueeze] = [...inner.graph.nodes];
  expect([constant!.opType, unsqueeze!.input(1)]).toEqual(["Constant", constant!.out]);
  expect(constant!.constantOutput(0)!.toNumbers()).toEqual([0]);
  expect([b.model.irVersion, b.model.functions.get("f::F::")!.opsetImports.get("")]).toEqual([10, 21]);
});

describe("every step of every operator from opset 7 on", () => {
  const steps = standardOps.all.filter((op) => op.domain === "").flatMap((op) => op.schemas.slice(1).map((after, i) => ({ op, before: op.schemas[i]!, after })));

  test("keeps its meaning under an unchanged signature, or has an adapter", () => {
    const open = steps
      .filter(({ op, before, after }) => after.since > 7 && incompatibility(before, after) && !adapters.some((a) => a.op === op.name && a.to === after.since))
      .map(({ op, before, after }) => `${op.name} ${before.since} -> ${after.since}: ${incompatibility(before, after)}`);
    expect(open).toEqual([]);
  });

  test("adapters belong to a version of their operator", () => {
    for (const { op, to } of adapters) expect(standardOps.get("", op)?.schemas.map((s) => s.since), op).toContain(to);
  });
});
