/** Runs in the caller's thread: nothing is copied, and the event loop stands still during a run. */
import type { ModelSource, RuntimeRunOptions, Session } from "@lathe/core";
import { openEngine, type Engine, type OrtModule, type SessionOptions } from "./engine/engine.ts";
import { ortErrors, withErrors } from "./errors.ts";
import { rawModel } from "./source.ts";
import { fromRaw, toRaw, toSessionValue } from "./tensors.ts";

/** A session of the inline placement; profiling needs to end it by hand. */
export interface InlineSession extends Session {
  endProfiling(): void;
}

export async function openInline(ort: OrtModule, model: ModelSource, options: SessionOptions, signal?: AbortSignal): Promise<InlineSession> {
  signal?.throwIfAborted();
  const engine = await withErrors(() => openEngine(ort, rawModel(model), options));
  return inlineSession(engine);
}

function inlineSession(engine: Engine): InlineSession {
  let open = true;
  const mustBeOpen = (): void => {
    if (!open) throw ortErrors.ORT_DISPOSED({});
  };
  return {
    inputs: engine.inputs.map(toSessionValue),
    outputs: engine.outputs.map(toSessionValue),
    async run(feeds, { fetches, signal }: RuntimeRunOptions = {}) {
      mustBeOpen();
      signal?.throwIfAborted();
      const results = await withErrors(() => engine.run(toRaw(feeds), fetches));
      // A run cannot be interrupted in its own thread; its result is dropped instead.
      signal?.throwIfAborted();
      return fromRaw(results);
    },
    endProfiling: () => engine.endProfiling(),
    async dispose() {
      if (!open) return;
      open = false;
      await engine.dispose();
    },
  };
}
