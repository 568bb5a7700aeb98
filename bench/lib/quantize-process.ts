/** Our tool as a process: a program that imports the built packages, as a user's would, or the built command. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import type { ProcessFigures } from "./quantize-peer.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const usage = path("report-usage.mjs");
const command = path("../../packages/cli/dist/main.js");

/** A folder in the repository, so that the program in it finds the packages. */
export const scratch = (): string => mkdtempSync(path("../../node_modules/.cache-quantize-tool-"));

/** The program of quantize-once.ts without its types; it imports `dist`, which `npm run build` makes. */
export function writeProgram(folder: string): string {
  if (!existsSync(path("../../packages/quantize/dist/index.js"))) throw new Error("run `npm run build` first: the bench measures what is published");
  const program = join(folder, "quantize.mjs");
  writeFileSync(program, transformSync(readFileSync(path("quantize-once.ts"), "utf8"), { loader: "ts", format: "esm", target: "es2023" }).code);
  return program;
}

export const runProgram = (program: string, args: readonly string[]): ProcessFigures => run([program, ...args]);

/** `lathe` with these arguments; undefined where the command is not built. */
export const runCommand = (args: readonly string[]): ProcessFigures | undefined => (existsSync(command) ? run([command, ...args]) : undefined);

function run(args: readonly string[]): ProcessFigures {
  const report = `${args[0] === command ? join(path("../../node_modules"), ".cache-lathe-usage") : args[0]}.json`;
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ["--import", usage, ...args], { encoding: "utf8", env: { ...process.env, LATHE_USAGE: report } });
  const wallMs = performance.now() - start;
  if (status !== 0) throw new Error(stderr);
  return { wallMs, ...(JSON.parse(readFileSync(report, "utf8")) as Omit<ProcessFigures, "wallMs">) };
}
