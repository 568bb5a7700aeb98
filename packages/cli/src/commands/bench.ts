/** `lathe bench a.onnx b.onnx`: how long the models take, side by side. */
import { loadModel } from "@lathe/core/node";
import { benchmark, formatBenchmark, ortRuntime, randomFeeds } from "@lathe/ort";
import type { Command } from "commander";
import { bindAll, parseBindings } from "../bindings.ts";
import { cancelOnInterrupt } from "../cancel.ts";
import { addDataFlags, openData, type DataFlags } from "../data.ts";
import type { Io } from "../io.ts";

interface BenchFlags extends DataFlags {
  readonly threads?: string;
  readonly rounds?: string;
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
    const cancel = cancelOnInterrupt();
    try {
      const models = Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await loadModel(path)] as const)));
      const first = models[paths[0]!]!;
      const data = await openData(first, flags);
      const { sizes, assumed } = bindAll(first, parseBindings(flags.bind));
      if (!data && assumed.length > 0) io.err(`symbolic dimensions set to 1: ${assumed.join(", ")} (use --bind)\n`);
      const feeds = data ? await firstOf(data) : randomFeeds(first, { seed: 0, bindings: sizes });
      const threads = flags.threads === undefined ? {} : { threads: Number(flags.threads) };
      const result = await benchmark(models, feeds, { ...threads, rounds: Number(flags.rounds ?? 30), signal: cancel.signal, runtime: ortRuntime({ placement: "thread" }) });
      io.out(flags.json ? JSON.stringify(result, undefined, 2) : formatBenchmark(result));
    } finally {
      cancel.stop();
    }
  });
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item;
  throw new RangeError("the data is empty");
}
