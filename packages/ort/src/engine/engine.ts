/** A loaded model on an ONNX Runtime module (native or WebAssembly), spoken to with raw tensors. */
import type { InferenceSession, InferenceSessionFactory, TensorConstructor } from "onnxruntime-common";
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
  run(feeds: RawTensors, fetches?: readonly string[]): Promise<RawTensors>;
  /** Writes the profile, when the session was opened with profiling on. */
  endProfiling(): void;
  dispose(): Promise<void>;
}

export async function openEngine(ort: OrtModule, model: RawModel, options: SessionOptions): Promise<Engine> {
  const session = await create(ort, model, options).catch((cause: unknown) => {
    throw loadFault(model, messageOf(cause), cause);
  });
  return {
    inputs: session.inputMetadata.map(describe),
    outputs: session.outputMetadata.map(describe),
    async run(feeds, fetches) {
      const given = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toOrtTensor(name, tensor, ort.Tensor)]));
      checkNames(session.inputNames, given, fetches, session.outputNames);
      refuseFourBit(session.outputMetadata, fetches);
      const results = await (fetches ? session.run(given, fetches) : session.run(given)).catch((cause: unknown) => {
        throw new FaultError("ORT_RUN_FAILED", { model: labelOf(model), reason: messageOf(cause).replace(/\.$/, "") }, cause);
      });
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromOrtTensor(tensor)]));
    },
    endProfiling: () => session.endProfiling(),
    dispose: () => session.release(),
  };
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
