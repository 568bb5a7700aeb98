/** Which program a task child runs: the built one, or one that is made of the sources. */
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

export interface ChildProgram {
  readonly file: string;
  /** Arguments of Node before the file. */
  readonly args: readonly string[];
  /** Addresses by which the program imports the technique modules, in the order given. */
  readonly modules: readonly string[];
}

/** @param modules addresses of the technique modules */
export async function childProgram(modules: readonly string[]): Promise<ChildProgram> {
  // The bundle has this module at its root.
  if (!import.meta.url.endsWith(".ts")) return { file: fileURLToPath(new URL("./task/child.js", import.meta.url)), args: [], modules };
  // In a checkout there is a bundler. Modules from elsewhere run where they are, since they may look for files beside them.
  if (modules.every((url) => /^file:.*\.ts$/.test(url))) return { args: [], ...(await bundled(modules)) };
  return { file: fileURLToPath(new URL("../task/child.ts", import.meta.url)), args: ["--conditions=@lathe/source", ...loader()], modules };
}

async function bundled(modules: readonly string[]): Promise<Pick<ChildProgram, "file" | "modules">> {
  const { bundleChild } = (await import(new URL("../../scripts/child-bundle.ts", import.meta.url).href)) as { bundleChild(modules: readonly string[]): Promise<Pick<ChildProgram, "file" | "modules">> };
  return bundleChild(modules);
}

/** Node versions without type stripping read sources with tsx. */
function loader(): string[] {
  const strips = Boolean((process.features as { typescript?: unknown }).typescript);
  return strips ? [] : ["--import", pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href];
}
