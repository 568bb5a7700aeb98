/** Small models for tests, and runs of them in ONNX Runtime exactly as written (optimisation off). */
import * as ort from "onnxruntime-node";
import { expect } from "vitest";
import {
  assertValid, dtypes, encodeModel, Model, passContext, runPass, standardOps, Tensor, tensorType, typeToString, verify,
  type Attribute, type DType, type Graph, type Pass, type PassContextInit, type Runtime, type Value,
} from "@lathe/core";

/** The same numbers on every run. */
export function random(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export class Build {
  readonly model: Model;
  readonly graph: Graph;
  #seed = 1;

  constructor(opset = 21, graph?: Graph) {
    this.model = new Model({ opset, irVersion: opset < 21 ? 8 : 10 });
    this.graph = graph ?? this.model.graph;
  }

  input(name: string, shape: readonly (number | string)[], dtype: DType = "float32"): Value {
    return this.graph.addInput(name, tensorType(dtype, shape));
  }

  /** Random weights in [-1, 1), or [0.5, 1.5) for `positive`. */
  weight(dims: readonly number[], name = `w${this.#seed}`, positive = false, dtype: DType = "float32"): Value {
    const next = random(this.#seed++);
    const size = dims.reduce((p, d) => p * d, 1);
    return this.constant(dtype, dims, Array.from({ length: size }, () => (positive ? 0.5 + next() : next() * 2 - 1)), name);
  }

  constant(dtype: DType, dims: readonly number[], values: readonly number[], name = `c${this.#seed++}`): Value {
    return this.graph.addInitializer(name, Tensor.from(dtype, dims, values));
  }

  ints(...values: number[]): Value {
    return this.constant("int64", [values.length], values);
  }

  scalar(value: number, dtype: DType = "float32"): Value {
    return this.constant(dtype, [], [value]);
  }

  op(opType: string, inputs: readonly (Value | null)[], attributes: Readonly<Record<string, Attribute>> = {}, outputs: number | readonly string[] = 1): Value {
    return this.graph.add({ opType, name: `${opType}_${this.graph.nodeCount}`, inputs, attributes, outputs }).out;
  }

  /** Sets what shape inference would have found. */
  typed(value: Value, shape: readonly (number | string)[], dtype: DType = "float32"): Value {
    value.type = tensorType(dtype, shape);
    return value;
  }

  output(value: Value, name = `y${this.graph.outputs.length}`): this {
    value.name = name;
    this.graph.addOutput(value);
    return this;
  }
}

export const opsOf = (model: Model): string[] => [...model.graph.allNodes()].map((n) => n.op);


/** Random feeds for the inputs; symbols become `size`. Values in [-2, 2), or integers 0..3. */
export function randomFeeds(model: Model, seed = 7, size = 3): Record<string, Tensor> {
  const next = random(seed);
  const feeds: Record<string, Tensor> = {};
  for (const input of model.graph.inputs) {
    if (input.tensor) continue;
    const dims = (input.shape ?? []).map((d) => (typeof d === "number" ? d : size));
    const dtype = input.dtype ?? "float32";
    const float = dtypes[dtype].kind === "float";
    const count = dims.reduce((p, d) => p * d, 1);
    feeds[input.name] = Tensor.from(dtype, dims, Array.from({ length: count }, () => (float ? next() * 4 - 2 : Math.floor(next() * (dtype === "bool" ? 2 : 4)))));
  }
  return feeds;
}

/** Outputs by name, at optimisation level "disabled". */
export async function runModel(model: Model | Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const bytes = model instanceof Uint8Array ? model : encodeModel(model);
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: "disabled", intraOpNumThreads: 1, logSeverityLevel: 3 });
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, toOrt(t)]));
  const results = await session.run(inputs);
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, t]) => [name, fromOrt(t)]));
}

function toOrt(tensor: Tensor): ort.Tensor {
  const type = tensor.dtype as ort.Tensor.Type;
  // ONNX Runtime may keep the buffer: give it one of its own.
  return new ort.Tensor(type, tensor.data().slice() as never, tensor.dims as number[]);
}

function fromOrt(tensor: ort.Tensor): Tensor {
  return Tensor.from(tensor.type as DType, tensor.dims, tensor.data as never);
}

/** Largest difference, relative to the largest magnitude of the expected tensor (at least `floor`). Shapes, types and non-finite values must agree. */
export function relativeError(expected: Tensor, received: Tensor, floor = 1e-3): number {
  expect([received.dtype, ...received.dims]).toEqual([expected.dtype, ...expected.dims]);
  const [a, b] = [expected.toFloat64(), received.toFloat64()];
  let worst = 0;
  let top = floor;
  for (let i = 0; i < a.length; i++) {
    if (!Number.isFinite(a[i]!) || !Number.isFinite(b[i]!)) {
      expect(b[i]).toBe(a[i]);
      continue;
    }
    top = Math.max(top, Math.abs(a[i]!));
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  }
  return worst / top;
}

export async function expectSameResults(before: Model | Uint8Array, after: Model, feeds: Record<string, Tensor>, tolerance = 1e-5, floor = 1e-3): Promise<void> {
  const [a, b] = [await runModel(before, feeds), await runModel(after, feeds)];
  expect(Object.keys(b)).toEqual(Object.keys(a));
  for (const [name, tensor] of Object.entries(a)) expect(relativeError(tensor, b[name]!, floor), name).toBeLessThanOrEqual(tolerance);
}

/**
 * Runs a pass on a clone and checks what every pass owes: a sound model, the same inputs, output names and results, and nothing left
 * to do for a second run. Gives the changed model.
 */
export async function applied(pass: Pass, built: Build | Model, options: { feeds?: Record<string, Tensor>; init?: PassContextInit; tolerance?: number; run?: boolean } = {}): Promise<{ model: Model; modified: boolean }> {
  const original = built instanceof Build ? built.model : built;
  expect(verify(original, { ops: standardOps }).map((i) => i.error.message)).toEqual([]);
  const model = original.clone();
  const ctx = passContext({ verifyBetween: true, ...options.init });
  const { modified } = await runPass(pass, model, ctx);
  assertValid(model, { ops: standardOps });
  expect(model.graph.inputs.map((v) => v.name)).toEqual(original.graph.inputs.map((v) => v.name));
  expect(model.graph.outputs.map((v) => v.name)).toEqual(original.graph.outputs.map((v) => v.name));
  // Declared types of inputs and outputs, names of their sizes included, are what callers see.
  const declared = (m: Model): string[] => [...m.graph.inputs, ...m.graph.outputs].map((v, i) => ([...original.graph.inputs, ...original.graph.outputs][i]!.type ? typeToString(v.type) : ""));
  expect(declared(model)).toEqual(declared(original));
  if (options.run !== false) await expectSameResults(original, model, options.feeds ?? randomFeeds(original), options.tolerance ?? 1e-5);
  expect((await runPass(pass, model, ctx)).modified).toBe(false);
  return { model, modified };
}

/** The pass must leave this model alone. */
export async function expectUntouched(pass: Pass, built: Build, init?: PassContextInit): Promise<void> {
  const { modified } = await applied(pass, built, { run: false, ...(init ? { init } : {}) });
  expect(modified).toBe(false);
}

/** ONNX Runtime behind the interface that passes and techniques use. */
export const testRuntime: Runtime = {
  name: "test",
  load: async (source) => {
    if (typeof source === "string") throw new Error("models only");
    const bytes = source instanceof Uint8Array ? source : encodeModel(source);
    return { inputs: [], outputs: [], run: (feeds) => runModel(bytes, { ...feeds }), dispose: async () => {} };
  },
};
