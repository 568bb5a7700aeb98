/** A loaded model on an ONNX Runtime module (native or WebAssembly), spoken to with raw tensors. */
import type { InferenceSession, InferenceSessionFactory, Tensor as OrtTensor, TensorConstructor } from "onnxruntime-common";
import { FaultError, messageOf, type RawModel, type RawTensors, type RawValue } from "./raw.ts";
import { fromOrtTensor, toOrtTensor } from "./tensors.ts";

/** What we use of `onnxruntime-node` and `onnxruntime-web`. */
export interface OrtModule {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
}

export type SessionOptions = InferenceSession.SessionOptions;

export interface Engine {
  readonly inputs: readonly RawValue[];
  readonly outputs: readonly RawValue[];
  /** @param into tensors that the results are written to, where the engine was opened for that and there is one for every fetch */
  run(feeds: RawTensors, fetches?: readonly string[], into?: RawTensors): Promise<RawTensors>;
  /** Writes the profile, when the session was opened with profiling on. */
  endProfiling(): void;
  dispose(): Promise<void>;
}

/** What the binding says of a sequence among the outputs (inference_session_wrap, tensor_helper). */
const STOPPED = "Non tensor type is temporarily not supported.";

/** @param stopper a sequence among the model's outputs at which the binding stops before it copies results: write-into.ts */
export async function openEngine(ort: OrtModule, model: RawModel, options: SessionOptions, stopper?: string): Promise<Engine> {
  const session = await create(ort, model, options).catch((cause: unknown) => {
    throw loadFault(model, messageOf(cause), cause);
  });
  const outputs = session.outputMetadata.filter(({ name }) => name !== stopper);
  const names = outputs.map(({ name }) => name);
  return {
    inputs: session.inputMetadata.map(describe),
    outputs: outputs.map(describe),
    async run(feeds, fetches, into) {
      const given = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toOrtTensor(name, tensor, ort.Tensor)]));
      checkNames(session.inputNames, given, fetches, names);
      refuseFourBit(outputs, fetches);
      const wanted = fetches ?? names;
      const targets = into && stopper !== undefined ? targetsOf(wanted, into, ort.Tensor) : undefined;
      try {
        const results = await (targets ? session.run(given, { [stopper!]: null, ...targets }) : session.run(given, wanted));
        return Object.fromEntries(wanted.map((name) => [name, fromOrtTensor(results[name]!)]));
      } catch (cause) {
        if (targets && messageOf(cause) === STOPPED) return Object.fromEntries(wanted.map((name) => [name, into![name]!]));
        throw new FaultError("ORT_RUN_FAILED", { model: labelOf(model), reason: messageOf(cause).replace(/\.$/, "") }, cause);
      }
    },
    endProfiling: () => session.endProfiling(),
    dispose: () => session.release(),
  };
}

/** Undefined unless there is a tensor for each, whose very bytes ONNX Runtime can write to. */
function targetsOf(names: readonly string[], into: RawTensors, Tensor: TensorConstructor): Record<string, OrtTensor> | undefined {
  const targets: Record<string, OrtTensor> = {};
  for (const name of names) {
    const given = into[name];
    if (!given || !(given.data instanceof Uint8Array)) return undefined;
    const target = toOrtTensor(name, given, Tensor);
    if (!ArrayBuffer.isView(target.data) || target.data.buffer !== given.data.buffer) return undefined;
    targets[name] = target;
  }
  return targets;
}

function create(ort: OrtModule, model: RawModel, options: SessionOptions): Promise<InferenceSession> {
  if (model.kind === "path") return ort.InferenceSession.create(model.path, options);
  if (model.external.length === 0) return ort.InferenceSession.create(model.bytes, options);
  return ort.InferenceSession.create(model.bytes, { ...options, externalData: [...model.external] });
}

/** ONNX Runtime's own sentences for these do not say which names there are. Inputs with a default are not among its input names. */
function checkNames(inputs: readonly string[], given: object, fetches: readonly string[] | undefined, outputs: readonly string[]): void {
  const fail = (problem: string, name: string, known: readonly string[]): never => {
    throw new FaultError("ORT_FEED", { problem, name, known });
  };
  for (const name of Object.keys(given)) if (!inputs.includes(name)) fail("is not an input of the model", name, inputs);
  for (const name of inputs) if (!Object.hasOwn(given, name)) fail("is an input that was not fed", name, inputs);
  for (const name of fetches ?? []) if (!outputs.includes(name)) fail("is not an output of the model", name, outputs);
}

/** The native binding does not refuse to hand out these: it ends the process (onnxruntime-node 1.30). */
function refuseFourBit(outputs: readonly InferenceSession.ValueMetadata[], fetches: readonly string[] | undefined): void {
  for (const output of outputs) {
    if (!output.isTensor || (output.type !== "int4" && output.type !== "uint4") || (fetches && !fetches.includes(output.name))) continue;
    throw new FaultError("ORT_DTYPE", { name: `Output "${output.name}"`, dtype: output.type });
  }
}

/** The binding names element types that it cannot carry by their ONNX number. */
function loadFault(model: RawModel, reason: string, cause: unknown): FaultError {
  const id = /^Unsupported data type: (\d+)$/.exec(reason)?.[1];
  if (id !== undefined) return new FaultError("ORT_DTYPE", { name: "an input or output", dtype: `ONNX type ${id}` }, cause);
  return new FaultError("ORT_LOAD_FAILED", { model: labelOf(model), reason: reason.replace(/\.$/, "") }, cause);
}

function describe(value: InferenceSession.ValueMetadata): RawValue {
  return value.isTensor ? { name: value.name, dtype: value.type, shape: value.shape } : { name: value.name, dtype: undefined, shape: undefined };
}

export const labelOf = (model: RawModel): string => (model.kind === "path" ? model.path : `${model.bytes.byteLength} bytes in memory`);
