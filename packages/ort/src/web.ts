/** `@lathe/ort/web`: the same runtime over onnxruntime-web (WebAssembly, WebGPU). Needs nothing of Node. */
import type { ModelSource, Runtime, Session } from "@lathe/core";
import type { OrtModule } from "./engine/engine.ts";
import { openInline } from "./inline.ts";
import { loadOrt } from "./load-ort.ts";
import { sessionOptions, type OnWarning, type OrtLoadOptions } from "./options.ts";

export interface WebRuntimeOptions {
  /** The onnxruntime-web module, when a page loads it in its own way; default: `import("onnxruntime-web")`. */
  readonly ort?: OrtModule | (() => Promise<OrtModule>);
  /** Defaults for every load. */
  readonly load?: OrtLoadOptions;
  readonly onWarning?: OnWarning;
}

/** Where the .wasm files lie and how many threads they use is set on `env.wasm` of onnxruntime-web itself. */
export function webRuntime(options: WebRuntimeOptions = {}): Runtime {
  const { ort, onWarning = console.warn } = options;
  const load = typeof ort === "function" ? ort : async (): Promise<OrtModule> => ort ?? import("onnxruntime-web");
  let module: Promise<OrtModule> | undefined;
  return {
    name: "onnxruntime-web",
    async load(model: ModelSource, given: OrtLoadOptions = {}): Promise<Session> {
      const merged = { ...options.load, ...given };
      const session = sessionOptions({ executionProviders: ["wasm"], ...merged }, onWarning);
      module ??= loadOrt("onnxruntime-web", load);
      return openInline(await module, model, session, merged);
    },
  };
}
