/** What a parent and its child say to each other: the task as one line of JSON on the child's stdin, then lines of JSON on its fd 3. */
import type { Json, RunEvent } from "@lathe/core";
import type { ReportJson } from "./summary.ts";
import type { Benchmark, Timing } from "@lathe/ort";
import type { Evaluation, Problem, RecipeStepJson } from "../jobs/model.ts";
import type { StatsJson } from "./facts.ts";
import type { Touched } from "./touched.ts";

/** Files of a model: the graph, and external data under the names by which the graph calls it. */
export interface ModelFiles {
  readonly graph: string;
  readonly data: readonly { readonly name: string; readonly path: string }[];
}

export interface DataFile {
  readonly path: string;
  readonly batch: number;
}

/** What a job names beside its model, for services. */
export interface Lent {
  readonly data?: DataFile | undefined;
  readonly evaluation?: Evaluation<DataFile> | undefined;
  readonly teacher?: ModelFiles | undefined;
}

interface TaskBase {
  /** Fresh, and the child's own. */
  readonly folder: string;
  readonly threads: number;
}

interface Steps {
  readonly model: ModelFiles;
  readonly modules: readonly string[];
  readonly steps: readonly RecipeStepJson[];
  readonly seed: number;
  readonly lent: Lent;
}

export type Task = TaskBase & (
  | { readonly kind: "inspect"; readonly model: ModelFiles }
  | { readonly kind: "summary"; readonly report: string }
  | { readonly kind: "plan"; readonly rehearsalMs: number } & Steps
  | { readonly kind: "optimize" } & Steps
  | { readonly kind: "benchmark"; readonly models: readonly { readonly id: string; readonly files: ModelFiles }[]; readonly rounds: number; readonly data?: DataFile | undefined }
);

export type TaskOf<K extends Task["kind"]> = Extract<Task, { kind: K }>;

export interface TaskHost {
  readonly signal: AbortSignal;
  event(event: RunEvent): void;
}

/** Names of files that a task leaves in its folder: whatever may be long. The parent does not read them, it stores them. */
export const outputs = { model: "result.onnx", data: "result.onnx.data", graph: "graph.ndjson", report: "report.json", html: "report.html" } as const;

export interface PlannedStep {
  readonly use: string;
  readonly options: Json;
  readonly needs: readonly string[];
  /** Why it would not run; null when nothing speaks against it. */
  readonly problem: string | null;
  readonly steps: readonly PlannedStep[];
  readonly predicted: Predicted | null;
  /** Why nothing is foretold; null when something is. */
  readonly unknown: string | null;
}

/** Samples of the dataset that a rehearsal sees. */
export const REHEARSED_SAMPLES = 8;

/** What a rehearsal gave. */
export interface Predicted {
  /** EXACT: a job gives the same. SAMPLED: a few samples of the dataset stood for all of it, in this step or one before. */
  readonly basis: "EXACT" | "SAMPLED";
  readonly stats: StatsJson;
  /** Bytes of the model's files after the step. */
  readonly fileBytes: number;
  readonly touched: Touched;
  readonly metrics: Json;
}

export type TaskResult =
  /** Leaves the graph. */
  | { readonly kind: "inspect"; readonly stats: StatsJson }
  | { readonly kind: "summary"; readonly report: ReportJson }
  | { readonly kind: "plan"; readonly steps: readonly PlannedStep[] }
  /** Leaves the model, external data if it says so, its graph and both reports. */
  | { readonly kind: "optimize"; readonly stats: StatsJson; readonly external: boolean }
  | { readonly kind: "benchmark"; readonly benchmark: BenchmarkJson };

/** What is kept of a benchmark: no single samples, and models by their ids. */
export interface BenchmarkJson extends Pick<Benchmark, "machine"> {
  readonly timings: readonly (Omit<Timing, "name" | "samples"> & { readonly model: string })[];
}

export type FromChild =
  | { readonly ready: true }
  | { readonly event: RunEvent }
  | { readonly result: TaskResult }
  | { readonly failure: Problem };

/** Characters of one line; a child that writes more is ended. Reading that many keeps the gateway from others for some hundredths of a second. */
export const MAX_LINE = 4 * 2 ** 20;
