/** `lathe quantize --search model.onnx ...`: one door to all ways of quantizing; each is a command of its own as well. */
import type { AnyTechnique } from "@lathe/core";
import type { Command } from "commander";
import { cliErrors } from "../errors.ts";
import type { Io } from "../io.ts";

/** Flag -> technique. `--static {...}` with JSON behind it is an option of the search and of training: what they give to static quantization. */
const ways: Readonly<Record<string, string>> = {
  static: "quantize-static",
  dynamic: "quantize-dynamic",
  auto: "quantize-auto",
  search: "quantize-search",
  weights: "quantize-weights",
  aware: "quantize-aware",
  float16: "convert-float16",
};

export function quantizeCommand(program: Command, techniques: readonly AnyTechnique[], io: Io): void {
  const offered = Object.entries(ways).flatMap(([flag, name]) => {
    const technique = techniques.find((t) => t.name === name);
    return technique ? [{ flag, technique }] : [];
  });
  if (offered.length === 0) return;
  const command = program
    .command("quantize")
    .description("Quantizes in the way that a flag names; without one, statically when there is data, else dynamically.")
    .argument("[model]", "an ONNX file; further options are those of the way chosen (lathe quantize --static --help)")
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false);
  command.addHelpText("after", `\nWays:\n${offered.map(({ flag, technique }) => `  --${flag.padEnd(9)} ${technique.summary} (lathe ${technique.name})`).join("\n")}`);
  command.action(async () => {
    const isWay = (arg: string, i: number): boolean => offered.some(({ flag }) => arg === `--${flag}`) && !command.args[i + 1]?.trimStart().startsWith("{");
    const chosen = command.args.filter(isWay);
    const rest = command.args.filter((arg, i) => !isWay(arg, i));
    if (chosen.length > 1) throw cliErrors.CLI_ONE_WAY({ given: chosen });
    if (chosen.length === 0 && (rest.length === 0 || rest.includes("--help") || rest.includes("-h"))) return command.outputHelp();
    const hasData = rest.some((arg) => /^--(data|random-data)(=|$)/.test(arg));
    const flag = chosen[0]?.slice(2) ?? (hasData ? "static" : "dynamic");
    const way = offered.find((w) => w.flag === flag);
    // A host may offer only some of the ways.
    if (!way) return command.outputHelp();
    const { name } = way.technique;
    if (chosen.length === 0) io.err(`${io.colors.dim(`quantizing by ${name}, as ${hasData ? "there is" : "no"} data${hasData ? "" : " is given"}`)}\n`);
    await program.commands.find((c) => c.name() === name)!.parseAsync(rest, { from: "user" });
  });
}
