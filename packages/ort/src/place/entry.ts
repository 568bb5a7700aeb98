/**
 * Finds the worker's entry: built (`engine/worker.js`) or, when the package runs from its sources, `worker.ts`, which Node
 * versions without type stripping read with tsx.
 */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

export interface Entry {
  readonly url: URL;
  /** Module to import before the entry, and the call that installs it. */
  readonly loader: { readonly flag: string; readonly api: string } | undefined;
}

export function workerEntry(): Entry {
  // The bundle has this module at its root.
  if (!import.meta.url.endsWith(".ts")) return { url: new URL("./engine/worker.js", import.meta.url), loader: undefined };
  const url = new URL("../engine/worker.ts", import.meta.url);
  return { url, loader: stripsTypes() ? undefined : tsx() };
}

const stripsTypes = (): boolean => Boolean((process.features as { typescript?: unknown }).typescript);

function tsx(): Entry["loader"] {
  const flag = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  return { flag, api: new URL("./esm/api/index.mjs", flag).href };
}
