/** Straight-through gradients and learned step size of a QuantizeLinear - DequantizeLinear pair, by the formulas of their papers. */
import { describe, expect, it } from "vitest";
import { Model, Tensor, attr, dtypes, tensorType } from "@lathe/core";
import { gradient } from "@lathe/train";
import { runtime } from "./harness.ts";

const x = [-9, -3.2, -0.4, 0.1, 0.74, 2.6, 6.9, 11];
const weight = [1, -2, 0.5, 3, 1, -1, 2, 0.25];

/** sum(weight * fakeQuant(x)) with x [2, 4]. */
function model(scale: readonly number[], zeroPoint: readonly number[], axis?: number, dtype: "int8" | "int4" | "uint4" = "int8"): Model {
  const made = new Model({ opset: 21, irVersion: 10 });
  const { graph } = made;
  const input = graph.addInput("x", tensorType("float32", [2, 4]));
  const dims = axis === undefined ? [] : [scale.length];
  const s = graph.addInitializer("scale", Tensor.from("float32", dims, scale));
  const z = graph.addInitializer("zero", Tensor.from(dtype, dims, zeroPoint));
  const attributes = axis === undefined ? {} : { axis: attr.int(axis) };
  const q = graph.add({ opType: "QuantizeLinear", inputs: [input, s, z], attributes }).out;
  const y = graph.add({ opType: "DequantizeLinear", inputs: [q, s, z], outputs: ["y"], attributes }).out;
  const product = graph.add({ opType: "Mul", inputs: [y, graph.addInitializer("weight", Tensor.from("float32", [2, 4], weight))] }).out;
  graph.addOutput(graph.add({ opType: "ReduceSum", inputs: [product], outputs: ["total"], attributes: { keepdims: attr.int(0) } }).out);
  return made;
}

async function gradients(made: Model): Promise<{ dx: number[]; ds: number[] }> {
  const g = gradient(made, { loss: "total", wrt: ["x", "scale"] });
  const session = await runtime.load(g.model, { config: { "session.disable_quant_qdq": "1" } });
  const out = await session.run({ x: Tensor.from("float32", [2, 4], x) });
  await session.dispose();
  return { dx: out[g.gradients.get("x")!]!.toNumbers(), ds: out[g.gradients.get("scale")!]!.toNumbers() };
}

/** dx and ds of one element. */
function expected(value: number, dy: number, s: number, z: number, [low, high]: readonly [number, number] = [-128, 127]): { dx: number; ds: number } {
  const v = value / s;
  const q = Math.min(high, Math.max(low, Math.round(v) + z)) - z;
  const inside = v + z >= low - 0.5 && v + z <= high + 0.5;
  return { dx: inside ? dy : 0, ds: dy * (inside ? q - v : q) };
}

describe("fake quantization", () => {
  it.each([["symmetric", 0.05, 0], ["asymmetric", 0.041, 100]] as const)("%s, one scale", async (_name, s, z) => {
    const { dx, ds } = await gradients(model([s], [z]));
    const rows = x.map((value, i) => expected(value, weight[i]!, Math.fround(s), z));
    dx.forEach((value, i) => expect(value).toBeCloseTo(rows[i]!.dx, 6));
    expect(ds[0]).toBeCloseTo(rows.reduce((sum, r) => sum + r.ds, 0), 3);
  });

  it("a scale for each row", async () => {
    const scales = [0.05, 0.07];
    const { dx, ds } = await gradients(model(scales, [0, 0], 0));
    const rows = x.map((value, i) => expected(value, weight[i]!, Math.fround(scales[i < 4 ? 0 : 1]!), 0));
    dx.forEach((value, i) => expect(value).toBeCloseTo(rows[i]!.dx, 6));
    for (const row of [0, 1]) expect(ds[row]).toBeCloseTo(rows.slice(4 * row, 4 * row + 4).reduce((sum, r) => sum + r.ds, 0), 3);
  });

  it.each([["int4", 0, [-8, 7]], ["uint4", 6, [0, 15]]] as const)("%s, held in bytes: the engine reuses 4-bit memory for booleans of twice the size", async (dtype, zero, range) => {
    const scales = [1.1, 1.3];
    const made = model(scales, [zero, zero], 0, dtype);
    const { dx, ds } = await gradients(made);
    const rows = x.map((value, i) => expected(value, weight[i]!, Math.fround(scales[i < 4 ? 0 : 1]!), zero, range));
    dx.forEach((value, i) => expect(value).toBeCloseTo(rows[i]!.dx, 6));
    for (const row of [0, 1]) expect(ds[row]).toBeCloseTo(rows.slice(4 * row, 4 * row + 4).reduce((sum, r) => sum + r.ds, 0), 3);
    const types = (m: Model): (string | undefined)[] => [...m.graph.nodes].flatMap((node) => node.outputs.map((v) => v?.dtype));
    expect(types(gradient(made, { loss: "total", wrt: ["x", "scale"] }).model)).not.toContain(dtype);
    // The type may be said twice: by the zero point and by an attribute.
    [...made.graph.nodes].find((node) => node.is("QuantizeLinear"))!.setAttribute("output_dtype", attr.int(dtypes[dtype].id));
    expect(await gradients(made)).toEqual({ dx, ds });
  });
});
