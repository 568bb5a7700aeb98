/** Where the tool is. */
import { access, constants, stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { engineErrors } from "../errors.ts";
import type { ToolKind } from "../version.ts";

export interface FindOptions {
  /** A path, or a name that is looked for on the PATH. */
  readonly path?: string | undefined;
  /** Which tool; default: trtexec, else tensorrt_rtx. */
  readonly kind?: ToolKind | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Where NVIDIA's packages and containers put it, beside the PATH. */
const places: Readonly<Record<ToolKind, readonly string[]>> = { trtexec: ["/usr/src/tensorrt/bin/trtexec", "/opt/tensorrt/bin/trtexec"], tensorrt_rtx: [] };

/** @throws TRT_NOT_FOUND with every place that was looked at */
export async function findTool({ path, kind, env }: FindOptions): Promise<string> {
  const asked = path ?? (kind === undefined || kind === "trtexec" ? env["TRTEXEC"] : undefined);
  if (asked) return first(/[/\\]/.test(asked) ? [resolve(asked)] : onPath(asked, env), asked);
  const kinds = kind ? [kind] : (["trtexec", "tensorrt_rtx"] as const);
  return first(kinds.flatMap((k) => [...onPath(k, env), ...places[k]]), kinds.join(" or "));
}

function onPath(name: string, env: FindOptions["env"]): string[] {
  const windows = process.platform === "win32";
  const folders = (env["PATH"] ?? env["Path"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, windows && !name.endsWith(".exe") ? `${name}.exe` : name));
}

async function first(given: readonly string[], tool: string): Promise<string> {
  const paths = [...new Set(given)];
  for (const path of paths) if (await runnable(path)) return path;
  throw engineErrors.TRT_NOT_FOUND({ tool, tried: paths });
}

async function runnable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
