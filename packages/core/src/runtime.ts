/**
 * What techniques ask of an engine that runs models: the service named `runtime`. Types only; `@lathe/ort` implements them over
 * ONNX Runtime, and a caller may lend any other engine.
 */
import type { DType } from "./dtype.ts";
import type { Model } from "./ir/model.ts";
import type { Shape } from "./ir/type.ts";
import type { Tensor } from "./tensor.ts";

/** A model to run: the graph, the bytes of an ONNX file, or the path of one (which may have external data beside it). */
export type ModelSource = Model | Uint8Array | string;

/** Named tensors: what goes into a model, or comes out of it. */
export type Feeds = Readonly<Record<string, Tensor>>;

/** How far the engine may rewrite the graph before running it. `disabled` is the reference: what the file says, nothing else. */
export type OptimizationLevel = "disabled" | "basic" | "extended" | "all";

export interface RuntimeLoadOptions {
  /** Default "all". */
  readonly optimization?: OptimizationLevel;
  /** Threads within one operator; default: the number of cores. */
  readonly threads?: number;
  /** Session configuration entries of the engine, for instance `{ "session.disable_quant_qdq": "1" }`. */
  readonly config?: Readonly<Record<string, string>>;
  /** Runs will give tensors to write results to (`into`). Default false. Engines that cannot do that ignore it. */
  readonly into?: boolean;
  readonly signal?: AbortSignal;
  /** Limit for loading, in milliseconds; only where the engine runs outside the caller's thread. */
  readonly timeoutMs?: number;
}

export interface RuntimeRunOptions {
  /** Names of the outputs to compute; default: all. */
  readonly fetches?: readonly string[];
  readonly signal?: AbortSignal;
  /** Limit for this run, in milliseconds; only where the engine runs outside the caller's thread. */
  readonly timeoutMs?: number;
  /**
   * The fed tensors are given away: their buffers may be moved to another thread instead of being copied, and must not be used again.
   * Default false.
   */
  readonly transfer?: boolean;
  /**
   * Tensors of the right type and shape that results may be written to, by output, in place of new ones: what they hold is lost then. Only in
   * sessions loaded with `into`, and where there is one for every fetch; what comes back tells, since it is the tensor given or another.
   */
  readonly into?: Feeds;
}

/** An input or output of a loaded model. `dtype` is undefined for what is not a tensor. */
export interface SessionValue {
  readonly name: string;
  readonly dtype: DType | undefined;
  readonly shape: Shape | undefined;
}

/** A loaded model. Runs are done one after another, in order of the calls. */
export interface Session {
  readonly inputs: readonly SessionValue[];
  readonly outputs: readonly SessionValue[];
  /** Rejects with the signal's reason when aborted. */
  run(feeds: Feeds, options?: RuntimeRunOptions): Promise<Record<string, Tensor>>;
  /** Frees the engine's memory; safe to call twice. */
  dispose(): Promise<void>;
}

export interface Runtime {
  readonly name: string;
  load(model: ModelSource, options?: RuntimeLoadOptions): Promise<Session>;
}
