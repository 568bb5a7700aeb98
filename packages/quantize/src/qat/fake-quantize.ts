/** The model that is trained: float weights and biases behind Q/DQ pairs, placed and scaled as static quantization does. */
import type { Model, Tensor } from "@lathe/core";
import type { StaticOptionsInput } from "../options.ts";
import type { QuantParams } from "../params.ts";
import type { Overrides, Range } from "../spec.ts";
import { applyStatic, planStatic } from "../static.ts";

export interface FakeQuantized {
  readonly model: Model;
  /** Names of the weights behind Q/DQ pairs. */
  readonly weights: readonly string[];
  /** Names of the float scales, of weights and activations. */
  readonly scales: readonly string[];
}

/** Adds fake quantization to a copy of a prepared float model. Biases stay float: they are rounded when the result is written. */
export function fakeQuantize(float: Model, options: StaticOptionsInput, ranges: ReadonlyMap<string, Range>): FakeQuantized {
  const plan = planStatic(float.clone(), { ...options, ...AS_IT_IS, weightPairs: true, quantizeBias: false });
  const weights = [...plan.plan.tensors].filter(([, how]) => how.kind === "constant").map(([value]) => value.name);
  applyStatic(plan, ranges);
  const scales = [...plan.model.graph.initializers].filter((v) => v.name.endsWith("_scale") && v.uses.some(({ node, index }) => index === 1 && node.opType === "DequantizeLinear"));
  return { model: plan.model, weights, scales: scales.map((v) => v.name) };
}

/** The float model was prepared already, and Q/DQ pairs are what the trainer differentiates. */
const AS_IT_IS = { simplify: false, equalize: false, smooth: undefined, correctBias: false, format: "qdq" } as const;

/** The parameters of the weights of a fake-quantized model, as overrides that fix them. */
export function weightParams({ model, weights }: FakeQuantized, trained: ReadonlyMap<string, Tensor>): Overrides {
  const tensors = new Map([...model.graph.initializers].map((v) => [v.name, v.tensor!]));
  const axes = axesOf(model);
  return Object.fromEntries(weights.map((name) => {
    const scales = (trained.get(`${name}_scale`) ?? tensors.get(`${name}_scale`)!).toNumbers();
    const zeroPoints = tensors.get(`${name}_zero_point`)!.toNumbers();
    const params: QuantParams[] = scales.map((scale, i) => ({ scale: Math.max(scale, SMALLEST), zeroPoint: zeroPoints[i]! }));
    return [name, { params, axis: tensors.get(`${name}_scale`)!.dims.length === 0 ? null : axes.get(name) }];
  }));
}

/** A learned scale must stay positive. */
const SMALLEST = 2 ** -100;

/** Axis of the QuantizeLinear behind each initializer. */
function axesOf(model: Model): Map<string, number> {
  const axes = new Map<string, number>();
  for (const node of model.graph.nodes) if (node.opType === "QuantizeLinear") axes.set(node.input(0)!.name, node.int("axis", 1));
  return axes;
}

/** The ranges that learned activation scales stand for, by the names that calibration used. */
export function learnedRanges(fake: FakeQuantized, ranges: ReadonlyMap<string, Range>, trained: ReadonlyMap<string, Tensor>): Map<string, Range> {
  const tensors = new Map([...fake.model.graph.initializers].map((v) => [v.name, v.tensor!]));
  return new Map([...ranges].map(([name, range]) => {
    const before = tensors.get(`${name}_scale`)?.toNumbers()[0];
    const after = trained.get(`${name}_scale`)?.toNumbers()[0];
    if (before === undefined || after === undefined) return [name, range];
    // The zero point is kept, so both ends move by the same factor.
    const factor = Math.max(after, SMALLEST) / before;
    return [name, { min: range.min * factor, max: range.max * factor }];
  }));
}
