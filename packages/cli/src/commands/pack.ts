/** `lathe pack` and `lathe unpack`: one compressed file for storing and sending a model. */
import { stat } from "node:fs/promises";
import { format, stats } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { loadPacked, savePacked, type PackCodec } from "@lathe/prune/node";
import { Option, type Command } from "commander";
import { demandApart } from "../apart.ts";
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
    .action(async (path: string, { codec, ...target }: Target & { codec: PackCodec }) => {
      demandApart(path, target);
      const { output } = target;
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
    .action(async (path: string, { maxBytes, ...target }: Target & { maxBytes: number }) => {
      demandApart(path, target);
      const { output } = target;
      await saveModel(await loadPacked(path, { maxBytes }), output);
      io.out(`${output}: ${format.bytes((await stat(output)).size)}`);
    });
}
