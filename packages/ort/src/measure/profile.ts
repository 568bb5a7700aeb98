import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { feedsOf, type Feeds, type ModelSource } from "@lathe/core";
import { ortErrors } from "../errors.ts";
import { openInline } from "../inline.ts";
import { loadOrt } from "../load-ort.ts";
import { sessionOptions, type OrtLoadOptions } from "../options.ts";
import { importNative } from "../runtime.ts";
import { withFolder } from "./temporary.ts";

export interface ProfileOptions extends OrtLoadOptions {
  /** Runs that count. Default 10. */
  readonly runs?: number;
  /** Runs before. Default 2. */
  readonly warmup?: number;
}

/** Time of one node of the graph as ONNX Runtime runs it (optimizers fuse and rename nodes). */
export interface NodeTime {
  readonly name: string;
  readonly op: string;
  readonly provider: string;
  /** Mean milliseconds per run of the model. */
  readonly ms: number;
  /** Share of all nodes' time, 0 to 1. */
  readonly share: number;
  /** Executions per run: more than one inside loops. */
  readonly calls: number;
  /** Types and shapes of the last execution, "float32[1,16,28,28]" in ONNX Runtime's words for the type. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface Profile {
  readonly runs: number;
  /** Mean milliseconds of a run, all nodes together. */
  readonly nodesMs: number;
  /** Slowest first. */
  readonly nodes: readonly NodeTime[];
  /** Milliseconds per run by operator, slowest first. */
  readonly ops: Readonly<Record<string, number>>;
}

/**
 * Measures where a model's time goes, with ONNX Runtime's profiler. Runs inline. Profiling itself costs a few microseconds per node.
 * @throws ORT_PROFILE when no profile was written.
 */
export async function profile(model: ModelSource, feeds: Feeds, options: ProfileOptions = {}): Promise<Profile> {
  const { runs = 10, warmup = 2, ...load } = options;
  const ort = await loadOrt("onnxruntime-node", importNative);
  return withFolder(async (folder) => {
    const session = await openInline(ort, model, sessionOptions({ ...load, profilePrefix: join(folder, "profile") }, console.warn), load);
    try {
      for (let i = 0; i < warmup + runs; i++) await session.run(feedsOf(session.inputs, feeds), load.signal ? { signal: load.signal } : {});
      session.endProfiling();
    } finally {
      await session.dispose();
    }
    return summarize(await readEvents(folder), warmup, runs);
  });
}

interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: { readonly op_name?: string; readonly provider?: string; readonly input_type_shape?: TypeShapes; readonly output_type_shape?: TypeShapes };
}

/** One object per value: ONNX Runtime's name of the type, and the dimensions. */
type TypeShapes = readonly Readonly<Record<string, readonly number[]>>[];

async function readEvents(folder: string): Promise<TraceEvent[]> {
  const file = (await readdir(folder)).find((name) => name.endsWith(".json"));
  if (file === undefined) throw ortErrors.ORT_PROFILE({ reason: "the file is missing" });
  try {
    return JSON.parse(await readFile(join(folder, file), "utf8")) as TraceEvent[];
  } catch (cause) {
    throw ortErrors.ORT_PROFILE({ reason: "the file is no JSON" }, cause);
  }
}

const SUFFIX = "_kernel_time";

function summarize(events: readonly TraceEvent[], warmup: number, runs: number): Profile {
  const starts = events.filter((e) => e.name === "model_run").map((e) => e.ts).sort((a, b) => a - b);
  const from = starts[warmup];
  if (from === undefined) throw ortErrors.ORT_PROFILE({ reason: `it tells of ${starts.length} runs where ${warmup + runs} were made` });
  const byNode = new Map<string, TraceEvent[]>();
  for (const event of events) {
    if (event.cat !== "Node" || event.ts < from || !event.name.endsWith(SUFFIX)) continue;
    const list = byNode.get(event.name);
    if (list) list.push(event);
    else byNode.set(event.name, [event]);
  }
  const total = (list: readonly TraceEvent[]): number => list.reduce((sum, e) => sum + e.dur, 0) / 1000 / runs;
  const nodesMs = [...byNode.values()].reduce((sum, list) => sum + total(list), 0);
  const nodes = [...byNode.values()].map((list) => nodeTime(list, total(list), nodesMs, runs)).sort((a, b) => b.ms - a.ms);
  return { runs, nodesMs, nodes, ops: byOp(nodes) };
}

function nodeTime(list: readonly TraceEvent[], ms: number, all: number, runs: number): NodeTime {
  const { name, args } = list.at(-1)!;
  return {
    name: name.slice(0, -SUFFIX.length),
    op: args.op_name ?? "?",
    provider: args.provider ?? "?",
    ms,
    share: all > 0 ? ms / all : 0,
    calls: list.length / runs,
    inputs: typeNames(args.input_type_shape),
    outputs: typeNames(args.output_type_shape),
  };
}

const typeNames = (shapes: TypeShapes = []): string[] => shapes.flatMap((shape) => Object.entries(shape).map(([type, dims]) => `${type}[${dims.join(",")}]`));

function byOp(nodes: readonly NodeTime[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const { op, ms } of nodes) sums.set(op, (sums.get(op) ?? 0) + ms);
  return Object.fromEntries([...sums].sort((a, b) => b[1] - a[1]));
}
