/** Makes the files of the studio from its sources: one page, one script, one style sheet. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = new URL(".", import.meta.url);

/** Files by name. */
export async function bundle(): Promise<ReadonlyMap<string, Uint8Array>> {
  const { outputFiles } = await build({
    entryPoints: { studio: fileURLToPath(new URL("main.tsx", here)), "studio-style": fileURLToPath(new URL("style.css", here)) },
    outdir: "out",
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    jsx: "automatic",
    jsxImportSource: "preact",
  });
  const made = (name: string): Uint8Array => outputFiles.find((file) => file.path.endsWith(name))!.contents;
  return new Map([
    ["index.html", await readFile(new URL("index.html", here))],
    ["studio.js", made("studio.js")],
    ["studio.css", made("studio-style.css")],
  ]);
}
