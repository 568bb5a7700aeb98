/** Runs in the caller's thread: nothing is copied, and the event loop stands still during a run. */
import type { ModelSource, RuntimeRunOptions, Session } from "@lathe/core";
import { openEngine, type Engine, type OrtModule, type SessionOptions } from "./engine/engine.ts";
import { ortErrors, withErrors } from "./errors.ts";
import type { OrtLoadOptions } from "./options.ts";
import { rawModel } from "./source.ts";
import { fromRaw, toRaw, toSessionValue } from "./tensors.ts";
import { canWriteInto, STOPPER } from "./write-into.ts";

/** A session of the inline placement; profiling needs to end it by hand. */
export interface InlineSession extends Session {
  endProfiling(): void;
}

export async function openInline(ort: OrtModule, model: ModelSource, options: SessionOptions, { signal, into = false }: OrtLoadOptions = {}): Promise<InlineSession> {
  signal?.throwIfAborted();
  const stopper = into && hasSequences(model) && (await canWriteInto(ort)) ? STOPPER : undefined;
  const engine = await withErrors(() => openEngine(ort, rawModel(model, stopper), options, stopper));
  return inlineSession(engine);
}

/** SequenceEmpty came with operator set 11; a model that is a file is left as it is. */
const hasSequences = (model: ModelSource): boolean => typeof model === "object" && "graph" in model && model.opset >= 11;

function inlineSession(engine: Engine): InlineSession {
  let open = true;
  const mustBeOpen = (): void => {
    if (!open) throw ortErrors.ORT_DISPOSED({});
  };
  return {
    inputs: engine.inputs.map(toSessionValue),
    outputs: engine.outputs.map(toSessionValue),
    async run(feeds, { fetches, signal, into }: RuntimeRunOptions = {}) {
      mustBeOpen();
      signal?.throwIfAborted();
      const results = await withErrors(() => engine.run(toRaw(feeds), fetches, into && toRaw(into)));
      // A run cannot be interrupted in its own thread; its result is dropped instead.
      signal?.throwIfAborted();
      return fromRaw(results, into);
    },
    endProfiling: () => engine.endProfiling(),
    async dispose() {
      if (!open) return;
      open = false;
      await engine.dispose();
    },
  };
}
