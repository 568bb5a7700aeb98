import { readFileSync } from "node:fs";
import { describeTechnique, isLatheError, iterate, search, type AnyTechnique } from "@lathe/core";
import { buildTensorRTEngine } from "@lathe/trt";
import { Command } from "commander";
import { benchCommand } from "./commands/bench.ts";
import { compareCommand } from "./commands/compare.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { packCommands } from "./commands/pack.ts";
import { packageCommand } from "./commands/package.ts";
import { cliErrors } from "./errors.ts";
import { quantizeCommand } from "./commands/quantize.ts";
import { serveCommand } from "./commands/serve.ts";
import { exitCode, optimizeCommand, techniqueCommand } from "./commands/transform.ts";
import { processIo, table, type Io } from "./io.ts";
import { trtCommand } from "./commands/trt.ts";
import { standardTechniques } from "./techniques.ts";

export interface ProgramOptions {
  readonly techniques?: readonly AnyTechnique[];
  readonly io?: Io;
  /** Wrong usage is not told in words: the caller prints the error that is thrown. */
  readonly json?: boolean;
}

/** Beside the folder of the sources as well as of the build. */
const version = (): string => (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }).version;

/** The whole command line. Techniques become commands; their schemas become flags. Those that are made of steps, or give something else than a model, have no command: recipes use them. */
export function createProgram({ techniques = standardTechniques, io = processIo(), json = false }: ProgramOptions = {}): Command {
  const program = new Command("lathe")
    .description("Makes ONNX models small and fast: simplify, quantize, prune, train, compare, time.")
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.err(text), outputError: (text, write) => (json ? undefined : write(text)) })
    .version(version(), "-V, --version", "print the version")
    .exitOverride()
    .showSuggestionAfterError();
  inspectCommand(program, io);
  for (const technique of techniques) techniqueCommand(program, technique, io);
  quantizeCommand(program, techniques, io);
  const inRecipes = [...techniques, ...[iterate, search, buildTensorRTEngine].filter(({ name }) => !techniques.some((t) => t.name === name))];
  optimizeCommand(program, inRecipes, io);
  compareCommand(program, io);
  benchCommand(program, io);
  packCommands(program, io);
  packageCommand(program, io);
  trtCommand(program, io);
  serveCommand(program);
  program
    .command("techniques")
    .description("Lists the techniques that recipes may use.")
    .option("--json", "with the JSON Schema of their options")
    .action((flags: { json?: boolean }) => {
      const all = inRecipes.map(describeTechnique);
      io.out(flags.json ? JSON.stringify(all, undefined, 2) : table(all.map((t) => [t.name, t.needs.join(", "), t.summary]), ["technique", "needs", ""]));
    });
  return program;
}

/**
 * Runs the command line and gives the exit code: 0 done, 1 failed or beyond a limit, 2 wrong usage, 130 interrupted.
 * @param args without the program's name
 */
export async function main(args: readonly string[], options: ProgramOptions = {}): Promise<number> {
  const io = options.io ?? processIo();
  const json = args.includes("--json");
  const print = (error: unknown): void => io.err(`${JSON.stringify({ error })}\n`);
  try {
    await createProgram({ json, ...options, io }).parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (isCommanderError(error)) {
      if (error.exitCode === 0) return 0;
      if (json) print(cliErrors.CLI_USAGE({ message: error.message.replace(/^error: /, "").replace(/\.$/, "") }));
      return 2;
    }
    const message = error instanceof Error ? error.message : String(error);
    if (json) print(isLatheError(error) ? error : { message });
    else io.err(`${io.colors.red("error")} ${message}\n`);
    return exitCode(error);
  }
}

const isCommanderError = (error: unknown): error is Error & { exitCode: number } => error instanceof Error && "exitCode" in error && String((error as { code?: unknown }).code).startsWith("commander.");
