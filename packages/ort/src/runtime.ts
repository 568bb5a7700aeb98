import type { ModelSource, Runtime, Session } from "@lathe/core";
import type { OrtModule } from "./engine/engine.ts";
import { ortErrors } from "./errors.ts";
import { openInline } from "./inline.ts";
import { loadOrt } from "./load-ort.ts";
import { sessionOptions, type OnWarning, type OrtLoadOptions } from "./options.ts";
import type { Placement } from "./place/channel.ts";
import { openRemote } from "./place/session.ts";
import { rawModel } from "./source.ts";

/**
 * Where ONNX Runtime runs:
 * - `inline`: in the caller's thread. Nothing is copied; the event loop stands still during a run. Scripts, notebooks, tests.
 * - `thread`: in a worker thread per session. The event loop stays free. An aborted run is given up at once, but its thread computes on
 *   until the native call returns, since ONNX Runtime offers no way to stop it and ending the thread would end the process.
 * - `process`: in a child process per session. Aborts and timeouts stop the work for real; a crash or an out-of-memory kill is an error.
 */
export type PlacementKind = "inline" | "thread" | "process";

export interface OrtRuntimeOptions {
  /** Default "inline". */
  readonly placement?: PlacementKind;
  /** Defaults for every load. */
  readonly load?: OrtLoadOptions;
  /** `process` only: bytes of resident memory above which the child is ended with ORT_OUT_OF_MEMORY; Linux only. */
  readonly memoryLimit?: number;
  /** `process` only: environment of the child. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `process` only: told of each child's process id. */
  readonly onStart?: (pid: number) => void;
  /** `inline` only: the ONNX Runtime module to use; default: `import("onnxruntime-node")`. */
  readonly ort?: () => Promise<OrtModule>;
  /** Told of options that will have no effect; default: `console.warn`. */
  readonly onWarning?: OnWarning;
}

export interface OrtRuntime extends Runtime {
  load(model: ModelSource, options?: OrtLoadOptions): Promise<Session>;
}

/**
 * Runs models on onnxruntime-node, which is loaded on first use.
 * @throws ORT_NOT_INSTALLED, ORT_LOAD_FAILED, ORT_RUN_FAILED, ORT_FEED, ORT_DTYPE, ORT_OPTION; outside the caller's thread also
 * ORT_TIMEOUT, ORT_CRASHED, ORT_OUT_OF_MEMORY, ORT_NO_WORKER.
 */
export function ortRuntime(options: OrtRuntimeOptions = {}): OrtRuntime {
  const { placement = "inline", onWarning = console.warn } = options;
  const open = openers[placement];
  if (!open) throw ortErrors.ORT_OPTION({ option: "placement", expected: "inline, thread or process", received: JSON.stringify(placement) });
  const load = open(options);
  return {
    name: `onnxruntime-node (${placement})`,
    load: async (model, given = {}) => {
      const merged = { ...options.load, ...given };
      return load(model, merged, sessionOptions(merged, onWarning));
    },
  };
}

type Open = (model: ModelSource, options: OrtLoadOptions, session: ReturnType<typeof sessionOptions>) => Promise<Session>;

/** Modules that need workers are imported with the first session that does. */
const openers: Readonly<Record<PlacementKind, (options: OrtRuntimeOptions) => Open>> = {
  inline: ({ ort = importNative }) => async (model, options, session) => openInline(await loadOrt("onnxruntime-node", ort), model, session, options),
  thread: () => remote(async () => (await import("./place/thread.ts")).threadPlacement),
  process: ({ memoryLimit, env, onStart }) => remote(async () => (await import("./place/process.ts")).processPlacement({ memoryLimit, env, onStart })),
};

const remote = (place: () => Promise<Placement>): Open => async (model, limits, session) => openRemote(await place(), rawModel(model), session, limits);

export const importNative = (): Promise<OrtModule> => import("onnxruntime-node");
