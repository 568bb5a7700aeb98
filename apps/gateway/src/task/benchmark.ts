import type { Model } from "@lathe/core";
import { benchmark, ortRuntime, randomFeeds } from "@lathe/ort";
import { openData, openModel } from "./open.ts";
import type { TaskHost, TaskOf, TaskResult } from "./protocol.ts";

export async function time({ models, folder, rounds, data, threads }: TaskOf<"benchmark">, host: TaskHost): Promise<TaskResult> {
  const loaded: Record<string, Model> = {};
  for (const [i, { id, files }] of models.entries()) loaded[id] = await openModel(files, folder, `model${i}`);
  const first = Object.values(loaded)[0]!;
  const symbols = new Set(first.graph.inputs.flatMap((v) => (v.shape ?? []).filter((d) => typeof d === "string")));
  const feeds = data ? (await (await openData(data)).take(1).toArray())[0]! : randomFeeds(first, { bindings: Object.fromEntries([...symbols].map((s) => [s, 1])) });
  const onRound = (done: number): void => host.event({ type: "progress", step: { name: "benchmark", index: 0, path: [0] }, atMs: 0, overall: done / rounds, fraction: done / rounds, elapsedMs: 0, etaMs: undefined });
  const { timings, machine } = await benchmark(loaded, feeds, { rounds, threads, signal: host.signal, onRound, runtime: ortRuntime() });
  return { kind: "benchmark", benchmark: { timings: timings.map(({ name: model, median, spread, p5, p95, speedup, repeats }) => ({ model, median, spread, p5, p95, speedup, repeats })), machine } };
}
