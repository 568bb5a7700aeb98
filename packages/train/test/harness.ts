/** Builds and runs the models of the gradient cases. */
import { gunzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { Model, Tensor, attr, tensorType, type Attribute, type DType, type Feeds, type Value } from "@lathe/core";
import { ortRuntime } from "@lathe/ort";
import { gradient } from "@lathe/train";
import { drawn, nameOf, outputWeight, type AttributeValue, type Case, type Drawn } from "./cases/case.ts";

export const runtime = ortRuntime({ load: { threads: 1, log: "fatal" } });

export interface GoldenArray {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: string;
}

export const readFixture = <T>(name: string): T =>
  JSON.parse(gunzipSync(readFileSync(new URL(`../../../fixtures/train/${name}.json.gz`, import.meta.url))).toString()) as T;

export function floats(array: GoldenArray): Float32Array {
  const bytes = Buffer.from(array.data, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

function attribute(name: string, value: AttributeValue): Attribute {
  if (typeof value === "number") return attr.int(value);
  if (typeof value === "string") return attr.string(value);
  if (Array.isArray(value)) return attr.ints(value as readonly number[]);
  return attr.float((value as { float: number }).float);
}

export interface CaseModel {
  readonly model: Model;
  /** Names of the inputs that are differentiated, by input index. */
  readonly wrt: ReadonlyMap<number, string>;
  readonly feeds: Feeds;
  readonly dtype: "float32" | "float64";
  /** Names of the operator's float outputs. */
  readonly outputs: readonly string[];
}

/** The operator alone, its differentiated inputs as graph inputs x0, x1 ... and everything else constant. */
export function caseModel(c: Case, dtype: "float32" | "float64"): CaseModel {
  const model = new Model({ opset: c.opset ?? 21, irVersion: 10 });
  const { graph } = model;
  const wrt = new Map<number, string>();
  const feeds: Record<string, Tensor> = {};
  const inputs = drawn(c).map((value, i) => {
    if (!value) return null;
    const tensor = tensorOf(value, dtype);
    if (!value.wrt) return graph.addInitializer(`c${i}`, tensor);
    wrt.set(i, `x${i}`);
    feeds[`x${i}`] = tensor;
    const dims = c.batch?.includes(i) ? ["N", ...value.dims.slice(1)] : value.dims;
    return graph.addInput(`x${i}`, tensorType(dtype, dims));
  });
  const given = Object.entries(c.at ?? {}).map(([name, value]) => [name, attribute(name, value)] as const);
  const attributes = Object.fromEntries(given);
  if (c.op === "Cast" && dtype === "float64") attributes.to = attr.int(11);
  const node = graph.add({ opType: c.op, name: c.op, inputs, outputs: Array.from({ length: c.outs ?? 1 }, (_, i) => `y${i}`), attributes });
  const outputs = node.outputs.flatMap((v, i) => (v && !(c.op === "TopK" && i === 1) ? [v] : []));
  for (const value of outputs) graph.addOutput(value);
  return { model, wrt, feeds, dtype, outputs: outputs.map((v) => v.name) };
}

const tensorOf = (value: Drawn, dtype: DType): Tensor => Tensor.from(value.dtype === "float" ? dtype : value.dtype, value.dims, value.data);

/** The differentiated scalar: the sum of all outputs times fixed weights, which are graph inputs w0, w1 ... */
export function withLoss(made: CaseModel, values: Readonly<Record<string, Tensor>>): { model: Model; feeds: Feeds } {
  const model = made.model.clone();
  const { graph } = model;
  const feeds: Record<string, Tensor> = { ...made.feeds };
  const terms = made.outputs.map((name, k): Value => {
    const y = graph.value(name)!;
    const dims = values[name]!.dims;
    const weight = graph.addInput(`w${k}`, tensorType(made.dtype, dims.map((_, i) => `w${k}_${i}`)));
    feeds[`w${k}`] = Tensor.from(made.dtype, dims, Array.from({ length: values[name]!.size }, (_, i) => outputWeight(k, i)));
    const product = graph.add({ opType: "Mul", inputs: [y, weight], outputs: [`term${k}`] }).out;
    return graph.add({ opType: "ReduceSum", inputs: [product], outputs: [`sum${k}`], attributes: { keepdims: attr.int(0) } }).out;
  });
  const loss = terms.reduce((a, b, i) => graph.add({ opType: "Add", inputs: [a, b], outputs: [`total${i}`] }).out);
  loss.name = "total";
  graph.addOutput(loss);
  return { model, feeds };
}

/** Forward values and gradients by the backward graph. */
export async function differentiate(c: Case, dtype: "float32" | "float64"): Promise<{ made: CaseModel; values: Readonly<Record<string, Tensor>>; gradients: ReadonlyMap<number, Tensor> }> {
  const made = caseModel(c, dtype);
  const forward = await runtime.load(made.model, { optimization: "disabled" });
  const values = await forward.run(made.feeds);
  await forward.dispose();
  const { model, feeds } = withLoss(made, values);
  const { model: whole, gradients } = gradient(model, { loss: "total", wrt: [...made.wrt.values()] });
  const session = await runtime.load(whole);
  const results = await session.run(feeds, { fetches: [...gradients.values()] });
  await session.dispose();
  return { made, values, gradients: new Map([...made.wrt].map(([i, name]) => [i, results[gradients.get(name)!]!])) };
}

/** Central differences of the scalar, summed in float64, at some elements of one input (all of a small one). */
export async function finiteDifferences(made: CaseModel, input: number, limit: number): Promise<Map<number, number>> {
  const name = made.wrt.get(input)!;
  const session = await runtime.load(made.model, { optimization: "disabled" });
  const base = made.feeds[name]!;
  const step = made.dtype === "float64" ? 1e-5 : 1e-2;
  const scalar = async (at: number, delta: number): Promise<number> => {
    const moved = Float64Array.from(base.toFloat64());
    moved[at]! += delta;
    const out = await session.run({ ...made.feeds, [name]: Tensor.from(made.dtype, base.dims, made.dtype === "float64" ? moved : Float32Array.from(moved)) });
    return made.outputs.reduce((sum, output, k) => sum + out[output]!.toFloat64().reduce((s, v, i) => s + v * outputWeight(k, i), 0), 0);
  };
  const stride = Math.max(1, Math.ceil(base.size / limit));
  const slopes = new Map<number, number>();
  for (let at = 0; at < base.size; at += stride) slopes.set(at, ((await scalar(at, step)) - (await scalar(at, -step))) / (2 * step));
  await session.dispose();
  return slopes;
}

/** Largest difference, relative to the largest entry (at least `floor`). */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>, floor = 1e-3): number {
  let [worst, scale] = [0, floor];
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]!));
    const difference = Math.abs(actual[i]! - expected[i]!);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  return worst / scale;
}

export { nameOf };
