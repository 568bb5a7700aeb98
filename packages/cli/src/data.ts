/** Data for calibration, comparison and timing, from what the command line names. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { dataset, rowsIn, runsOf, type Dataset, type Model, type Sample } from "@lathe/core";
import { readNpz } from "@lathe/core/node";
import { randomFeeds } from "@lathe/ort";
import type { Command } from "commander";
import { bindAll, parseBindings } from "./bindings.ts";
import { cliErrors } from "./errors.ts";
import { countOf } from "./numbers.ts";

export interface DataFlags {
  readonly data?: string;
  readonly batch?: string;
  readonly randomData?: string;
  readonly bindData?: string[];
}

export function addDataFlags(command: Command): Command {
  return command
    .option("--data <path>", "an .npz file with arrays named like the inputs (first axis: samples), or a folder of .npz files (one run each)")
    .option("--batch <count>", "samples of an .npz file in one run", "1")
    .option("--random-data <count>", "random inputs instead of data: for a dry run only, their ranges are not those of real inputs")
    .option("--bind-data <name=size...>", "sizes of symbolic dimensions in random inputs (default: 1)");
}

/**
 * The data that the flags name, or undefined when they name none. `more` joins the arrays of an .npz file.
 * @throws CLI_DATA_PATH, CLI_DATA_ROWS, CLI_BAD_VALUE, CLI_SYMBOL
 */
export async function openData(model: Model, flags: DataFlags, more?: Sample): Promise<Dataset | undefined> {
  if (flags.data !== undefined) return readData(flags.data, countOf("--batch", flags.batch ?? "1"), more);
  if (flags.randomData === undefined) return undefined;
  const count = countOf("--random-data", flags.randomData);
  const { sizes } = bindAll(model, parseBindings(flags.bindData));
  return dataset(function* () {
    for (let seed = 0; seed < count; seed++) yield randomFeeds(model, { seed, bindings: sizes });
  });
}

async function readData(path: string, batch: number, more: Sample = {}): Promise<Dataset> {
  const found = await stat(path).catch((cause: unknown) => {
    throw cliErrors.CLI_DATA_PATH({ path, reason: "it does not exist" }, cause);
  });
  if (!found.isDirectory()) {
    const columns = { ...(await readNpz(path)), ...more };
    const { each, common } = rowsIn(columns);
    if (common === undefined) throw cliErrors.CLI_DATA_ROWS({ path, rows: each });
    return dataset(() => runsOf(columns, common, batch));
  }
  const files = (await readdir(path)).filter((file) => file.endsWith(".npz")).sort();
  if (files.length === 0) throw cliErrors.CLI_DATA_PATH({ path, reason: "the folder has no .npz file" });
  const [single] = Object.keys(more);
  if (single !== undefined) throw cliErrors.CLI_DATA_PATH({ path, reason: `${single} in a file of their own go with one .npz file, not with a folder` });
  return dataset(async function* () {
    for (const file of files) yield await readNpz(join(path, file));
  });
}
