import { defineConfig } from "tsup";

/** The one build recipe: ESM for Node 20 and browsers, with declarations, every dependency external. */
export function build(...entry: string[]) {
  return defineConfig({
    entry,
    format: "esm",
    target: "es2023",
    platform: "neutral",
    external: [/^node:/],
    dts: { compilerOptions: { customConditions: [] } },
    sourcemap: true,
    splitting: true,
    clean: true,
  });
}
