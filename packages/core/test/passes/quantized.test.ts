/** Quantized models keep their Q/DQ pairs: what is between them is simplified, they are not. */
import { describe, expect, test } from "vitest";
import { attr, evaluateWith, simplifyModel, type Model, type Value } from "@lathe/core";
import { Build, expectSameResults, opsOf, randomFeeds, testRuntime } from "./build.ts";

const zero = (b: Build, dtype: "int8" | "uint8" | "int32" = "uint8"): Value => b.constant(dtype, [], [dtype === "uint8" ? 128 : 0]);
const scale = (b: Build, x = 0.02): Value => b.scalar(x);

/** Quantizes and dequantizes an activation. */
function pair(b: Build, x: Value, s = 0.02): Value {
  const [step, point] = [scale(b, s), zero(b)];
  return b.op("DequantizeLinear", [b.op("QuantizeLinear", [x, step, point]), step, point]);
}

/** Weights stored as int8, one scale per output channel. */
function weights(b: Build, dims: readonly number[]): Value {
  const size = dims.reduce((p, d) => p * d, 1);
  const codes = b.constant("int8", dims, Array.from({ length: size }, (_, i) => ((i * 37) % 255) - 127));
  const scales = b.constant("float32", [dims[0]!], Array.from({ length: dims[0]! }, (_, i) => 0.001 * (i + 1)));
  const points = b.constant("int8", [dims[0]!], Array.from({ length: dims[0]! }, () => 0));
  return b.op("DequantizeLinear", [codes, scales, points], { axis: attr.int(0) });
}

const bias = (b: Build, n: number): Value => b.op("DequantizeLinear", [b.constant("int32", [n], Array.from({ length: n }, (_, i) => i * 50 - 100)), scale(b, 0.0004), zero(b, "int32")]);

function network(): Build {
  const b = new Build(13);
  const x = pair(b, b.op("Identity", [b.input("x", ["N", 3, 8, 8])]));
  const conv = b.op("Conv", [x, weights(b, [4, 3, 3, 3]), bias(b, 4)], { pads: attr.ints([1, 1, 1, 1]) });
  const one = pair(b, b.op("Dropout", [b.op("Relu", [conv])]));
  const norm = b.op("BatchNormalization", [one, b.weight([4]), b.weight([4]), b.weight([4]), b.weight([4], undefined, true)]);
  const padded = b.op("Pad", [pair(b, norm), b.ints(0, 0, 1, 1, 0, 0, 1, 1)]);
  const two = pair(b, b.op("Conv", [pair(b, padded), weights(b, [4, 4, 3, 3]), bias(b, 4)]));
  const flat = b.op("Reshape", [b.op("GlobalAveragePool", [pair(b, b.op("Add", [one, two]), 0.04)]), b.ints(0, 4)]);
  return b.output(pair(b, b.op("Add", [b.op("MatMul", [pair(b, flat), weights(b, [4, 5])]), b.weight([5])])), "logits");
}

const count = (model: Model): number => opsOf(model).filter((op) => op.includes("QuantizeLinear") || op.includes("DequantizeLinear")).length;

describe("a quantized network", () => {
  test("keeps every Q and DQ; Identity and Dropout go, layers are not folded through them", async () => {
    const b = network();
    const model = b.model.clone();
    await simplifyModel(model, {}, { verifyBetween: true, evaluate: evaluateWith(testRuntime) });
    expect(count(model)).toBe(count(b.model));
    expect(opsOf(model)).not.toContain("Identity");
    expect(opsOf(model)).not.toContain("Dropout");
    expect(opsOf(model).filter((op) => ["BatchNormalization", "Pad", "MatMul", "Gemm"].includes(op))).toEqual(["BatchNormalization", "Pad", "MatMul"]);
    await expectSameResults(b.model, model, randomFeeds(b.model));
  });

  test("converted to a newer operator set it is the same", async () => {
    const b = network();
    const model = b.model.clone();
    await simplifyModel(model, { opset: 23 }, { verifyBetween: true });
    expect(count(model)).toBe(count(b.model));
    await expectSameResults(b.model, model, randomFeeds(b.model));
  });
});
