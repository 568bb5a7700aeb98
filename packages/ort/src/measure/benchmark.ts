import { availableParallelism, cpus, loadavg } from "node:os";
import type { Feeds, ModelSource, Runtime } from "@lathe/core";
import { ortRuntime } from "../runtime.ts";
import { timeInTurns, type Timing, type TurnsOptions } from "./turns.ts";

export interface BenchmarkOptions extends Omit<TurnsOptions, "runtime"> {
  /** Default: the number of cores. */
  readonly threads?: number;
  readonly runtime?: Runtime;
}

export interface Benchmark {
  readonly timings: readonly Timing[];
  readonly machine: { readonly cpu: string; readonly cores: number; readonly loadBefore: number; readonly loadAfter: number };
}

/** Times models against each other, in turns, and says on what machine; see {@link timeInTurns}. The first model is the baseline. */
export async function benchmark(models: Readonly<Record<string, ModelSource>>, feeds: Feeds, options: BenchmarkOptions = {}): Promise<Benchmark> {
  const { threads = availableParallelism(), runtime = ortRuntime(), ...rest } = options;
  const loadBefore = loadavg()[0]!;
  const timings = await timeInTurns(models, feeds, { ...rest, threads, runtime });
  const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: availableParallelism(), loadBefore, loadAfter: loadavg()[0]! };
  return { timings, machine };
}

/** The result as a table for people, with the state of the machine that it was measured on. */
export function formatBenchmark({ timings, machine }: Benchmark): string {
  const rows = timings.map((t) => [t.name, t.median.toFixed(3), `±${t.spread.toFixed(3)}`, t.p5.toFixed(3), t.p95.toFixed(3), `${t.speedup.toFixed(2)}x`]);
  const table = [["model", "median ms", "spread", "p5", "p95", "speedup"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "));
  const load = `load ${machine.loadBefore.toFixed(2)} before, ${machine.loadAfter.toFixed(2)} after`;
  return [...lines, `${machine.cpu}, ${machine.cores} cores, ${load}`].join("\n");
}
