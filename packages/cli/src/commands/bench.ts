/** `lathe bench a.onnx b.onnx`: how long the models take, side by side. */
import { loadModel } from "@lathe/core/node";
import { benchmark, formatBenchmark, randomFeeds } from "@lathe/ort";
import type { Command } from "commander";
import { assumedText, bindAll, parseBindings } from "../bindings.ts";
import { cancelOnInterrupt } from "../cancel.ts";
import { addDataFlags, openData, type DataFlags } from "../data.ts";
import { json, type Io } from "../io.ts";
import { countOf } from "../numbers.ts";
import { quietRuntime } from "../runtime.ts";

interface BenchFlags extends DataFlags {
  readonly threads?: string;
  readonly rounds: string;
  readonly bind?: string[];
  readonly json?: boolean;
}

export function benchCommand(program: Command, io: Io): void {
  const command = program
    .command("bench")
    .description("Times models side by side in ONNX Runtime; the first is the baseline.")
    .argument("<model...>", "ONNX files with the same inputs")
    .option("--threads <count>", "threads within an operator (default: all cores)")
    .option("--rounds <count>", "timed samples of each model", "30")
    .option("--bind <name=size...>", "sizes of symbolic dimensions (default: 1)")
    .option("--json", "print the timings as JSON");
  addDataFlags(command).action(async (paths: string[], flags: BenchFlags) => {
    const rounds = countOf("--rounds", flags.rounds);
    const threads = flags.threads === undefined ? {} : { threads: countOf("--threads", flags.threads) };
    const cancel = cancelOnInterrupt();
    try {
      const models = Object.fromEntries(await Promise.all(paths.map(async (path, i) => [rowName(paths, i), await loadModel(path)] as const)));
      const first = models[rowName(paths, 0)]!;
      const data = await openData(first, flags);
      const { sizes, assumed } = bindAll(first, parseBindings(flags.bind));
      if (!data && assumed.length > 0) io.err(assumedText(assumed, "--bind"));
      const feeds = data ? await firstOf(data) : randomFeeds(first, { seed: 0, bindings: sizes });
      // Inline: the way to a thread and back would be part of the time, and longer than many a run.
      const result = await benchmark(models, feeds, { ...threads, rounds, signal: cancel.signal, runtime: quietRuntime("inline") });
      io.out(flags.json ? json(result) : formatBenchmark(result));
    } finally {
      cancel.stop();
    }
  });
}

/** The path; a file that is named again (to see the noise of the machine) says which time it is. */
function rowName(paths: readonly string[], i: number): string {
  const before = paths.slice(0, i).filter((path) => path === paths[i]).length;
  return before === 0 ? paths[i]! : `${paths[i]} (${before + 1})`;
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item;
  throw new RangeError("the data is empty");
}
