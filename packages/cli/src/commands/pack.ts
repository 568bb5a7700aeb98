/** `lathe pack` and `lathe unpack`: one compressed file for storing and sending a model. */
import { stat } from "node:fs/promises";
import { format } from "@lathe/core";
import { loadModel, saveModel } from "@lathe/core/node";
import { loadPacked, savePacked, type PackCodec } from "@lathe/prune/node";
import { Option, type Command } from "commander";
import { countOf } from "../numbers.ts";
import type { Io } from "../io.ts";

const codecs: readonly PackCodec[] = ["gzip", "brotli", "none"];

export function packCommands(program: Command, io: Io): void {
  program
    .command("pack")
    .description("Writes a model in one compressed file; zeros and shared values take next to nothing.")
    .argument("<model>", "an ONNX model")
    .requiredOption("-o, --output <file>", "where the packed model goes")
    .addOption(new Option("--codec <name>", "how sections are compressed").choices(codecs).default("gzip"))
    .action(async (path: string, { output, codec }: { output: string; codec: PackCodec }) => {
      const bytes = await savePacked(await loadModel(path), output, { codec });
      const { size } = await stat(path);
      io.out(`${output}: ${format.bytes(bytes)}, ${format.percent(bytes / size)} of ${format.bytes(size)}`);
    });
  program
    .command("unpack")
    .description("Makes the ONNX model of a packed file again, bit for bit.")
    .argument("<packed>", "a file that `lathe pack` wrote")
    .requiredOption("-o, --output <model.onnx>", "where the model goes")
    .option("--max-bytes <count>", "refuse a model that is larger when unpacked", (text: string) => countOf("--max-bytes", text), 2 ** 31)
    .action(async (path: string, { output, maxBytes }: { output: string; maxBytes: number }) => {
      await saveModel(await loadPacked(path, { maxBytes }), output);
      io.out(`${output}: ${format.bytes((await stat(output)).size)}`);
    });
}
