/** `lathe compare a.onnx b.onnx`: how far the outputs are apart. */
import { loadModel } from "@lathe/core/node";
import { compare, ortRuntime, randomFeeds } from "@lathe/ort";
import type { Command } from "commander";
import { bindAll, parseBindings } from "../bindings.ts";
import { addDataFlags, openData, type DataFlags } from "../data.ts";
import { cliErrors } from "../errors.ts";
import { table, type Io } from "../io.ts";

interface CompareFlags extends DataFlags {
  readonly bind?: string[];
  readonly json?: boolean;
  readonly seeds?: string;
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
    const [reference, candidate] = await Promise.all([loadModel(referencePath), loadModel(candidatePath)]);
    const { sizes } = bindAll(reference, parseBindings(flags.bind));
    const data = (await openData(reference, flags)) ?? Array.from({ length: Number(flags.seeds ?? 3) }, (_, seed) => randomFeeds(reference, { seed, bindings: sizes }));
    const tensors = flags.tensors?.split(",");
    const result = await compare(reference, candidate, data, { runtime: ortRuntime({ placement: "thread" }), ...(tensors ? { tensors } : {}) });
    const rows = Object.entries(result.tensors);
    io.out(flags.json ? JSON.stringify(result, undefined, 2) : table(rows.map(([name, d]) => [name, d.maxAbs.toExponential(2), d.meanAbs.toExponential(2), d.cosine.toFixed(6), Number.isFinite(d.sqnr) ? d.sqnr.toFixed(1) : "exact"]), ["output", "max |a-b|", "mean |a-b|", "cosine", "SQNR dB"]));
    for (const [name, d] of rows) {
      const most = Number(flags.maxDifference ?? Infinity);
      const least = Number(flags.minSqnr ?? -Infinity);
      if (!(d.maxAbs <= most)) throw cliErrors.CLI_DIFFERENT({ what: `the difference of output "${name}"`, value: d.maxAbs, limit: most });
      if (!(d.sqnr >= least)) throw cliErrors.CLI_DIFFERENT({ what: `the SQNR of output "${name}"`, value: d.sqnr, limit: least });
    }
  });
}
