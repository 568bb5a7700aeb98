/** What the session and its worker say to each other: one request at a time, one reply each. */
import type { SessionOptions } from "./engine.ts";
import type { Fault, RawModel, RawTensor, RawTensors, RawValue } from "./raw.ts";

export type Request =
  | { readonly op: "load"; readonly model: RawModel; readonly options: SessionOptions }
  | { readonly op: "run"; readonly feeds: RawTensors; readonly fetches: readonly string[] | undefined }
  | { readonly op: "exit" };

export type Reply =
  /** The worker is up. */
  | { readonly op: "ready" }
  | { readonly op: "loaded"; readonly inputs: readonly RawValue[]; readonly outputs: readonly RawValue[] }
  | { readonly op: "results"; readonly results: RawTensors }
  | { readonly op: "fault"; readonly fault: Fault }
  /** Something that is no fault of ONNX Runtime or of the caller. */
  | { readonly op: "error"; readonly message: string };

/** Buffers that tensors fill completely and that may therefore be moved instead of copied. */
export function movable(tensors: Iterable<RawTensor>): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  for (const { data } of tensors) {
    if (!(data instanceof Uint8Array) || !(data.buffer instanceof ArrayBuffer)) continue;
    if (data.byteLength === data.buffer.byteLength) found.add(data.buffer);
  }
  return [...found];
}
