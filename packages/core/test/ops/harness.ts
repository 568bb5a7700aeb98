/** One operator as a model of its own, and what ONNX Runtime (optimisation off) makes of it. */
import * as ort from "onnxruntime-node";
import { attr, encodeModel, Graph, Model, Node, Tensor, tensorType, type Attribute, type DType, type Shape, type Value } from "@lathe/core";

/** An operand: a tensor that is fed when the model runs, or (`constant`) one that the model holds. */
export interface Operand {
  readonly tensor: Tensor;
  readonly constant: boolean;
}

export interface OpCase {
  readonly op: string;
  readonly domain?: string;
  readonly opset: number;
  readonly inputs: readonly (Operand | null)[];
  readonly attrs: Readonly<Record<string, Attribute>>;
  readonly outputs: number;
  readonly note: string;
}

/** Small numbers of one sign mix, the same in every run. */
export function numbers(count: number, seed = 1): number[] {
  let state = seed * 2654435761 + 97;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.round((state / 2 ** 32 - 0.5) * 64) / 16;
  });
}

const countOf = (dims: readonly number[]): number => dims.reduce((p, d) => p * d, 1);

/** A fed float32 operand of this shape. */
export const f = (...dims: number[]): Operand => ({ tensor: Tensor.from("float32", dims, numbers(countOf(dims), countOf(dims) + dims.length)), constant: false });
/** The same, held by the model. */
export const weight = (...dims: number[]): Operand => ({ ...f(...dims), constant: true });
/** Positive values (variances, scales). */
export const positive = (...dims: number[]): Operand => ({ tensor: Tensor.from("float32", dims, numbers(countOf(dims), 5).map((v) => Math.abs(v) + 0.5)), constant: true });
/** A constant of another element type. */
export const constant = (dtype: DType, values: readonly (number | bigint)[], dims: readonly number[] = [values.length]): Operand => ({ tensor: Tensor.from(dtype, dims, values as number[]), constant: true });
export const ints = (...values: number[]): Operand => constant("int64", values);
export const int = (value: number): Operand => constant("int64", [value], []);
export const fed = (dtype: DType, values: readonly number[], dims: readonly number[] = [values.length]): Operand => ({ tensor: Tensor.from(dtype, dims, values), constant: false });

export type Attrs = Readonly<Record<string, Attribute | number | string | readonly number[]>>;

/** Numbers in attributes are ints; floats are given with `attr.float`. */
const attributesOf = (attrs: Attrs): Record<string, Attribute> =>
  Object.fromEntries(Object.entries(attrs).map(([name, value]) => {
    if (typeof value === "number") return [name, attr.int(value)];
    if (typeof value === "string") return [name, attr.string(value)];
    return [name, Array.isArray(value) ? attr.ints(value as number[]) : (value as Attribute)];
  }));

/** A row of the op tables. */
export function row(op: string, inputs: readonly (Operand | null)[], attrs: Attrs = {}, more: { opset?: number; outputs?: number; domain?: string; note?: string } = {}): OpCase {
  const opset = more.opset ?? 21;
  const shapes = inputs.map((i) => (i ? `${i.tensor.dtype === "float32" ? "" : i.tensor.dtype}[${i.tensor.dims.join(",")}]` : "-")).join(" ");
  const settings = Object.entries(attrs).map(([k, v]) => `${k}=${typeof v === "object" && !Array.isArray(v) ? String((v as { value?: unknown }).value) : String(v)}`).join(" ");
  return { op, opset, inputs, attrs: attributesOf(attrs), outputs: more.outputs ?? 1, note: more.note ?? `${op}-${opset} ${shapes} ${settings}`.trim(), ...(more.domain === undefined ? {} : { domain: more.domain }) };
}

export interface Built {
  readonly model: Model;
  readonly node: Node;
}

/** The case as a model; `shapes` overrides the declared shapes of fed inputs (symbols). */
export function build(c: OpCase, tensors: readonly (Tensor | undefined)[] = c.inputs.map((i) => i?.tensor), shapes: readonly (Shape | undefined)[] = []): Built {
  const graph = new Graph("case");
  const values = c.inputs.map((operand, i): Value | null => {
    const tensor = tensors[i];
    if (!operand || !tensor) return null;
    return operand.constant ? graph.addInitializer(`c${i}`, tensor) : graph.addInput(`x${i}`, tensorType(tensor.dtype, shapes[i] ?? tensor.dims));
  });
  const node = graph.append(new Node({ opType: c.op, domain: c.domain ?? "", inputs: values, outputs: Array.from({ length: c.outputs }, (_, i) => `y${i}`), attributes: c.attrs }));
  for (const output of node.outputs) if (output) graph.addOutput(output);
  const model = new Model({ graph, opsetImports: [["", c.opset], ...(c.domain ? [[c.domain, 1] as const] : [])], irVersion: 10 });
  return { model, node };
}

const ortTypes: Partial<Record<DType, ort.Tensor.Type>> = {
  float32: "float32", float64: "float64", float16: "float16", int64: "int64", int32: "int32", int16: "int16", int8: "int8",
  uint8: "uint8", uint16: "uint16", uint32: "uint32", uint64: "uint64", bool: "bool", string: "string",
};

function toOrt(tensor: Tensor): ort.Tensor {
  const type = ortTypes[tensor.dtype];
  if (!type) throw new Error(`${tensor.dtype} cannot be fed`);
  return new ort.Tensor(type, (tensor.dtype === "string" ? tensor.strings() : tensor.data()) as never, tensor.dims);
}

const dtypeOfOrt = new Map(Object.entries(ortTypes).map(([ours, theirs]) => [theirs, ours as DType]));

/** A result as one of our tensors. */
function fromOrt(tensor: ort.Tensor): Tensor {
  const dtype = dtypeOfOrt.get(tensor.type)!;
  return Tensor.from(dtype, tensor.dims, tensor.data as never);
}

/** Runs a model in ONNX Runtime with all optimisation off. Inputs by name, outputs in graph order. */
export async function runOrt(model: Model, feeds: Readonly<Record<string, Tensor>>): Promise<readonly Tensor[]> {
  const session = await ort.InferenceSession.create(encodeModel(model), { graphOptimizationLevel: "disabled", logSeverityLevel: 4, intraOpNumThreads: 1 });
  try {
    const results = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, toOrt(t)])));
    return model.graph.outputs.map((o) => fromOrt(results[o.name]!));
  } finally {
    await session.release();
  }
}

/** Feeds of a built case. */
export const feedsOf = (c: OpCase, tensors: readonly (Tensor | undefined)[] = c.inputs.map((i) => i?.tensor)): Record<string, Tensor> =>
  Object.fromEntries(c.inputs.flatMap((operand, i) => (operand && !operand.constant && tensors[i] ? [[`x${i}`, tensors[i]]] : [])));

export const runCase = (c: OpCase): Promise<readonly Tensor[]> => runOrt(build(c).model, feedsOf(c));
