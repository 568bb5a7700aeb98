/**
 * The plain form in which models and tensors travel between threads and processes. Everything in this folder also runs in the worker,
 * so it imports nothing but types: a worker starts in the time that ONNX Runtime itself needs.
 */

/** Bytes are in ONNX raw layout. Strings travel as values. */
export interface RawTensor {
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly data: Uint8Array | readonly string[];
}

export type RawTensors = Record<string, RawTensor>;

export interface RawValue {
  readonly name: string;
  readonly dtype: string | undefined;
  readonly shape: readonly (number | string)[] | undefined;
}

/** Weights kept outside the model's bytes; `path` is the name under which the model refers to them. */
export interface ExternalData {
  readonly path: string;
  readonly data: Uint8Array;
}

export type RawModel =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly external: readonly ExternalData[] };

/** A failure inside the engine: a key of the error catalogue and its details. */
export interface Fault {
  readonly code: "ORT_NOT_INSTALLED" | "ORT_LOAD_FAILED" | "ORT_RUN_FAILED" | "ORT_DTYPE" | "ORT_FEED";
  readonly details: Readonly<Record<string, unknown>>;
}

export class FaultError extends Error {
  readonly fault: Fault;

  constructor(code: Fault["code"], details: Fault["details"], cause?: unknown) {
    super(code, { cause });
    this.name = "FaultError";
    this.fault = { code, details };
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
