/** `lathe pack` and `lathe unpack`: one compressed file for storing and sending a model. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { format, stats } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { loadPacked, savePacked, type PackCodec } from "@lathe/prune/node";
import { Option, type Command } from "commander";
import { cliErrors } from "../errors.ts";
import { countOf } from "../numbers.ts";
import type { Io } from "../io.ts";

interface Target {
  readonly output: string;
  readonly force?: boolean;
}

const codecs: readonly PackCodec[] = ["gzip", "brotli", "none"];

export function packCommands(program: Command, io: Io): void {
  program
    .command("pack")
    .description("Writes a model in one compressed file; zeros and shared values take next to nothing.")
    .argument("<model>", "an ONNX model")
    .requiredOption("-o, --output <file>", "where the packed model goes")
    .addOption(new Option("--codec <name>", "how sections are compressed").choices(codecs).default("gzip"))
    .option("--force", "allow the output to replace the input")
    .action(async (path: string, { output, codec, force }: Target & { codec: PackCodec }) => {
      apart(path, output, force);
      const model = await loadModel(path);
      const bytes = await savePacked(model, output, { codec });
      // Of the weights, wherever they are kept: the file itself may hold none.
      const { bytes: weights } = stats(model);
      io.out(`${output}: ${format.bytes(bytes)}${weights > 0 ? `, ${format.percent(bytes / weights)} of ${format.bytes(weights)} of weights` : ""}`);
    });
  program
    .command("unpack")
    .description("Makes the ONNX model of a packed file again, bit for bit.")
    .argument("<packed>", "a file that `lathe pack` wrote")
    .requiredOption("-o, --output <model.onnx>", "where the model goes")
    .option("--max-bytes <count>", "refuse a model that is larger when unpacked", (text: string) => countOf("--max-bytes", text), 2 ** 31)
    .option("--force", "allow the output to replace the input")
    .action(async (path: string, { output, maxBytes, force }: Target & { maxBytes: number }) => {
      apart(path, output, force);
      await saveModel(await loadPacked(path, { maxBytes }), output);
      io.out(`${output}: ${format.bytes((await stat(output)).size)}`);
    });
}

/** @throws CLI_SAME_FILE */
function apart(path: string, output: string, force = false): void {
  if (resolve(path) === resolve(output) && !force) throw cliErrors.CLI_SAME_FILE({ path });
}
