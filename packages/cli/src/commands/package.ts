/** `lathe package folder model.onnx ...`: the onnx folder of a transformers.js model, a file for each dtype. */
import { basename } from "node:path";
import { format, type Feeds } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { packageDtypes, packageForTransformersJs, type PackageDtype, type PackageReport } from "@lathe/quantize/node";
import type { Command } from "commander";
import { parseBindings } from "../bindings.ts";
import { addDataFlags, openData, type DataFlags } from "../data.ts";
import { cliErrors } from "../errors.ts";
import { table, type Io } from "../io.ts";

interface PackageFlags extends DataFlags {
  readonly bind?: string[];
  readonly dtypes?: string;
  readonly embeddingBits?: string;
  readonly json?: boolean;
  readonly minSqnr?: string;
  readonly verify?: string;
}

export function packageCommand(program: Command, io: Io): void {
  const command = program
    .command("package")
    .description("Writes the onnx folder of a transformers.js model: a file for each dtype, each run and compared.")
    .argument("<folder>", "where the onnx folder goes")
    .argument("<models...>", "float32 models; files are named after them")
    .option("--dtypes <a,b,...>", `which of ${packageDtypes.join(", ")} (default: all that can be made)`)
    .option("--verify <a,b>", "engines that must run every file: node, web", "node")
    .option("--bind <name=size...>", "sizes of symbolic dimensions in random inputs (default: 2)")
    .option("--embedding-bits <count>", "quantize embedding tables in q4 and q4f16: 4 or 8")
    .option("--min-sqnr <dB>", "fail when the signal-to-noise ratio of an output is lower")
    .option("--json", "print the report as JSON");
  addDataFlags(command).action(async (folder: string, paths: string[], flags: PackageFlags) => {
    const models = Object.fromEntries(paths.map((path) => [basename(path, ".onnx"), path]));
    const report = await packageForTransformersJs(models, folder, {
      verify: listOf("--verify", flags.verify ?? "node", ["node", "web"] as const),
      ...(flags.dtypes === undefined ? {} : { dtypes: listOf("--dtypes", flags.dtypes, packageDtypes) }),
      ...(flags.embeddingBits === undefined ? {} : { embeddingBits: Number(listOf("--embedding-bits", flags.embeddingBits, ["4", "8"] as const)[0]) as 4 | 8 }),
      ...(flags.minSqnr === undefined ? {} : { minSqnr: Number(flags.minSqnr) }),
      bindings: parseBindings(flags.bind),
      feeds: await samples(models, flags),
    });
    io.out(flags.json ? JSON.stringify(report, undefined, 2) : text(report));
  });
}

/** The first samples of the given data; models without get random ones. */
async function samples(models: Readonly<Record<string, string>>, flags: DataFlags): Promise<Record<string, Feeds[]>> {
  const found: Record<string, Feeds[]> = {};
  for (const [name, path] of Object.entries(models)) {
    const data = await openData(await loadModel(path), flags);
    if (data) found[name] = await data.take(2).toArray();
  }
  return found;
}

/** @throws CLI_BAD_VALUE */
function listOf<T extends string>(flag: string, given: string, known: readonly T[]): T[] {
  return given.split(",").map((part) => {
    const value = known.find((k) => k === part.trim());
    if (value === undefined) throw cliErrors.CLI_BAD_VALUE({ flag, expected: `some of ${known.join(", ")}`, received: part });
    return value;
  });
}

function text({ files, skipped }: PackageReport): string {
  const engines = [...new Set(files.flatMap((file) => Object.keys(file.sqnr)))];
  const decibels = (value: number | undefined): string => (value === undefined ? "" : Number.isFinite(value) ? value.toFixed(1) : "exact");
  const rows = files.map((file) => [file.file, file.dtype satisfies PackageDtype, format.bytes(file.bytes), ...engines.map((name) => decibels(file.sqnr[name]))]);
  const left = skipped.map(({ model, dtype, reason }) => `left out ${model} ${dtype}: ${reason}`);
  return [table(rows, ["file", "dtype", "size", ...engines.map((name) => `SQNR dB, ${name}`)]), ...left].join("\n");
}
