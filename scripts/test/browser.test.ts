import { builtinModules } from "node:module";
import { build } from "esbuild";
import { expect, it } from "vitest";

it("bundles the main entry of core for browsers without any Node built-in", async () => {
  const { metafile, outputFiles } = await build({
    stdin: { contents: 'export * from "@lathe/core";', resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    format: "esm",
    platform: "browser",
    conditions: ["@lathe/source"],
    external: ["node:*", ...builtinModules],
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);

  expect(imports.filter(({ external }) => external)).toEqual([]);
  expect(outputFiles).toHaveLength(1);
});
