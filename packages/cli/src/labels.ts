/** The service `evaluate` from the command line: labelled data and a figure, for techniques that ask how good a model is. */
import { stat } from "node:fs/promises";
import { evaluateLabelled, labelledMetrics, type Dataset, type Evaluate, type LabelledMetric, type Model, type Runtime, type Sample, type Tensor } from "@lathe/core";
import { readIdx, readNpy } from "@lathe/core/node";
import { Option, type Command } from "commander";
import { openData, type DataFlags } from "./data.ts";
import { cliErrors } from "./errors.ts";

export interface LabelFlags extends DataFlags {
  readonly labels?: string;
  readonly metric?: LabelledMetric;
  readonly evalData?: string;
}

/** Adds the flags behind `evaluate`. A technique with an option `labels` of its own shares the flag: both mean the same array. */
export function addLabelFlags(command: Command): Command {
  if (!command.options.some((option) => option.long === "--labels")) {
    command.option("--labels <name or file>", "array of the data that holds the labels, or a .npy or IDX file of them (default: the only array that the model does not take)");
  }
  return command
    .addOption(new Option("--metric <name>", "how a model is judged (default: accuracy)").choices(Object.keys(labelledMetrics)))
    .option("--eval-data <path>", "labelled data to judge models with (default: that of --data)");
}

/** Flags of which `labels` is a name in the data, whether a name or a file was given. */
export type ReadLabels<F extends LabelFlags> = F & { /** Labels from a file, to join the data under that name. */ readonly column?: Sample };

/** @throws CLI_BAD_VALUE, and what reading an array file throws */
export async function readLabels<F extends LabelFlags>(flags: F): Promise<ReadLabels<F>> {
  const file = flags.labels === undefined ? undefined : await labelFile(flags.labels);
  return file ? { ...flags, labels: "labels", column: { labels: file } } : flags;
}

/** `data`: what --data names, labels from a file included. @throws CLI_NO_LABELS when the flags name no labelled data; what `openData` throws. */
export async function evaluator(model: Model, runtime: Runtime, data: Dataset | undefined, flags: ReadLabels<LabelFlags>, technique: string): Promise<Evaluate> {
  const { evalData, labels, metric, column } = flags;
  const judged = evalData === undefined ? data : await openData(model, { ...flags, data: evalData }, column);
  if (!judged || (flags.randomData !== undefined && evalData === undefined)) throw cliErrors.CLI_NO_LABELS({ technique });
  return evaluateLabelled({ runtime, data: judged, metric, labels });
}

/** The labels in a file of that name; undefined when there is none, so that the text names an array of the data. */
async function labelFile(path: string): Promise<Tensor | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) {
    if (/[/\\]|\.(npy|gz|idx)$|-ubyte$/.test(path)) throw cliErrors.CLI_BAD_VALUE({ flag: "--labels", expected: "a file that is there, or the name of an array", received: path });
    return undefined;
  }
  return path.endsWith(".npy") ? readNpy(path) : readIdx(path);
}
