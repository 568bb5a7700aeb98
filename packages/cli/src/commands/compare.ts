/** `lathe compare a.onnx b.onnx`: how far the outputs are apart. */
import type { Model } from "@lathe/core";
import { loadModel } from "@lathe/core/node";
import { compare, randomFeeds, type Comparison, type TensorDifference } from "@lathe/ort";
import type { Command } from "commander";
import { assumedText, bindAll, parseBindings } from "../bindings.ts";
import { addDataFlags, openData, type DataFlags } from "../data.ts";
import { cliErrors } from "../errors.ts";
import { json, table, type Io } from "../io.ts";
import { countOf, numberOf } from "../numbers.ts";
import { quietRuntime } from "../runtime.ts";

interface CompareFlags extends DataFlags {
  readonly bind?: string[];
  readonly json?: boolean;
  readonly seeds: string;
  readonly tensors?: string;
  readonly maxDifference?: string;
  readonly minSqnr?: string;
}

export function compareCommand(program: Command, io: Io): void {
  const command = program
    .command("compare")
    .description("Runs two models on the same inputs and measures how far their outputs are apart.")
    .argument("<reference>", "the model that is right")
    .argument("<candidate>", "the model to judge")
    .option("--bind <name=size...>", "sizes of symbolic dimensions (default: 1)")
    .option("--seeds <count>", "random inputs, when no data is given", "3")
    .option("--tensors <a,b,...>", "inner tensors to compare as well, by name")
    .option("--max-difference <number>", "fail (exit code 1) when an output differs by more")
    .option("--min-sqnr <dB>", "fail when the signal-to-noise ratio of an output is lower")
    .option("--json", "print the figures as JSON");
  addDataFlags(command).action(async (referencePath: string, candidatePath: string, flags: CompareFlags) => {
    const limits = readLimits(flags);
    const [reference, candidate] = await Promise.all([loadModel(referencePath), loadModel(candidatePath)]);
    const data = (await openData(reference, flags)) ?? randomSamples(reference, flags, io);
    const tensors = flags.tensors?.split(",");
    const result = await compare(reference, candidate, data, { runtime: quietRuntime("thread"), ...(tensors ? { tensors } : {}) });
    const lost = namesOf(reference).filter((name) => !namesOf(candidate).includes(name));
    if (lost.length > 0) io.err(`${io.colors.yellow("warning")} the candidate lacks these outputs, which are not compared: ${lost.join(", ")}\n`);
    io.out(flags.json ? json(result) : figures(result));
    for (const [name, found] of Object.entries(result.tensors)) check(name, found, limits);
  });
}

const namesOf = (model: Model): string[] => model.graph.outputs.map((value) => value.name);

export function randomSamples(model: Model, flags: Pick<CompareFlags, "bind" | "seeds">, io: Io): Record<string, ReturnType<typeof randomFeeds>[string]>[] {
  const { sizes, assumed } = bindAll(model, parseBindings(flags.bind));
  if (assumed.length > 0) io.err(assumedText(assumed, "--bind"));
  return Array.from({ length: countOf("--seeds", flags.seeds) }, (_, seed) => randomFeeds(model, { seed, bindings: sizes }));
}

export interface Limits {
  readonly most: number;
  readonly least: number;
}

export const readLimits = ({ maxDifference, minSqnr }: Pick<CompareFlags, "maxDifference" | "minSqnr">): Limits => ({
  most: maxDifference === undefined ? Infinity : numberOf("--max-difference", maxDifference),
  least: minSqnr === undefined ? -Infinity : numberOf("--min-sqnr", minSqnr),
});

/** Elements whose difference is no number: NaN or infinite on one side only, or another text. */
const incomparable = ({ notFinite, differing, maxAbs }: TensorDifference): number => (maxAbs === 0 ? differing : notFinite);

export function figures({ tensors }: Comparison): string {
  const rows = Object.entries(tensors).map(([name, d]) => [
    name, d.maxAbs.toExponential(2), d.meanAbs.toExponential(2), d.cosine.toFixed(6), d.sqnr === Infinity ? "exact" : Number.isFinite(d.sqnr) ? d.sqnr.toFixed(1) : "-",
    incomparable(d) === 0 ? "" : `${incomparable(d)} of ${d.elements} not comparable (NaN, infinite or another text)`,
  ]);
  return table(rows, ["output", "max |a-b|", "mean |a-b|", "cosine", "SQNR dB", ""]);
}

/** @throws CLI_DIFFERENT */
export function check(name: string, found: TensorDifference, { most, least }: Limits): void {
  const odd = incomparable(found);
  if (odd > 0 && (most < Infinity || least > -Infinity)) throw cliErrors.CLI_DIFFERENT({ what: `the number of elements of output "${name}" that are NaN, infinite or another text in one model only`, value: odd, limit: 0 });
  if (!(found.maxAbs <= most)) throw cliErrors.CLI_DIFFERENT({ what: `the difference of output "${name}"`, value: found.maxAbs, limit: most });
  if (!(found.sqnr >= least)) throw cliErrors.CLI_DIFFERENT({ what: `the SQNR of output "${name}"`, value: found.sqnr, limit: least });
}
