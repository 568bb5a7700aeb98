/** Weights for x64 CPUs whose 8-bit dot product adds pairs of products in 16 bits. */
import { describe, expect, it } from "vitest";
import { Graph, Tensor, attr, random } from "@lathe/core";
import { dequantize, quantizeWeight, reductionLayout, weightParams, widenForSaturation } from "@lathe/quantize";

const normal = (seed: string, dims: readonly number[]): Tensor => {
  const r = random(seed);
  return Tensor.from("float32", dims, Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => r.normal()));
};

/** What VPMADDUBSW gives for a row: pairs of uint8 * int8 products, each pair saturated to int16. */
function saturatingDot(x: Uint8Array, w: readonly number[]): number {
  let sum = 0;
  for (let k = 0; k < w.length; k += 2) sum += Math.max(-32768, Math.min(32767, x[k]! * w[k]! + (x[k + 1] ?? 0) * (w[k + 1] ?? 0)));
  return sum;
}

const node = (opType: string, attributes = {}) => new Graph().add({ opType, attributes });
const cases = [
  { name: "Conv", op: node("Conv"), dims: [8, 16, 3, 3], axis: 0 },
  { name: "MatMul", op: node("MatMul"), dims: [64, 10], axis: 1 },
  { name: "Gemm with transB", op: node("Gemm", { transB: attr.int(1) }), dims: [10, 64], axis: 0 },
];

describe.each(cases)("$name weights", ({ name, op, dims, axis }) => {
  const weight = normal(name, dims);
  const layout = reductionLayout(op, dims)!;
  const plain = weightParams(weight, { dtype: "int8", axis, symmetric: true });
  const safe = widenForSaturation(weight, plain, layout);
  const codesOf = (params: typeof plain | typeof safe): Int8Array => quantizeWeight(weight, params, "int8", axis).values.data() as Int8Array;
  const rows = (codes: Int8Array): number[][] =>
    layout.orders.flatMap((order) => Array.from({ length: layout.channels }, (_, c) => Array.from(order, (k) => codes[layout.start(c) + k]!)));

  it("never saturate once widened, whatever the activations", () => {
    const r = random("activations");
    const some = [new Uint8Array(1024).fill(255), Uint8Array.from({ length: 1024 }, () => 128 + r.int(128))];
    const exact = (x: Uint8Array, w: readonly number[]): number => w.reduce((sum, q, k) => sum + q * x[k]!, 0);
    const wrong = (codes: Int8Array): number => rows(codes).filter((w) => some.some((x) => saturatingDot(x, w) !== exact(x, w))).length;
    expect(wrong(codesOf(plain))).toBeGreaterThan(0);
    expect(wrong(codesOf(safe))).toBe(0);
  });

  it("lose less than by a reduced range", () => {
    const noise = (params: typeof plain | typeof safe): number => {
      const back = dequantize(quantizeWeight(weight, params, "int8", axis));
      return weight.toFloat32().reduce((sum, x, i) => sum + (x - back[i]!) ** 2, 0);
    };
    const reduced = weightParams(weight, { dtype: "int8", axis, symmetric: true, reduceRange: true });
    expect(noise(safe)).toBeLessThan(0.8 * noise(reduced));
  });

  it("keep the scales of channels that are safe already", () => {
    const small = Tensor.from("float32", dims, weight.toFloat32().map((x) => Math.sign(x) * (Math.abs(x) > 2.5 ? 1 : 0.001)));
    const lonely = small.toFloat32().map((x, i) => (i === 0 ? 1 : x * 0.0001));
    const params = weightParams(Tensor.from("float32", dims, lonely), { dtype: "int8", symmetric: true });
    expect(widenForSaturation(Tensor.from("float32", dims, lonely), params, layout)).toEqual(params);
  });
});

it("operators without such a kernel have no layout", () => {
  expect(reductionLayout(node("Add"), [4, 4])).toBeUndefined();
});
