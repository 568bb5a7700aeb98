/** Jobs as rows. A job is accepted work; an attempt is one try of it by one worker; events are what happened, numbered without gaps. */
import type { Json, LabelledMetric } from "@lathe/core";
import type { BenchmarkJson } from "../task/protocol.ts";

export type JobState = "QUEUED" | "RUNNING" | "CANCELLING" | "SUCCEEDED" | "FAILED" | "CANCELLED";
export const isFinal = (state: JobState): boolean => state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED";

/** What jobs can do; a closed list, never extended by a request. */
export type JobKind = "OPTIMIZE" | "BENCHMARK";

export interface RecipeStepJson {
  readonly use: string;
  readonly with?: Json;
  readonly steps?: readonly RecipeStepJson[];
}

export interface OptimizeSpec {
  readonly model: string;
  readonly steps: readonly RecipeStepJson[];
  readonly seed: number;
  /** Artifact with the data of steps that need some. */
  readonly data?: string | undefined;
  readonly batch: number;
  readonly name: string;
  readonly evaluation?: Evaluation<string> | undefined;
  /** Model whose answers training may match. */
  readonly teacher?: string | undefined;
}

/** How steps that judge models do it. Data is an artifact's id where a job is kept, its file where a task runs. */
export interface Evaluation<Data> {
  /** Labelled; default: that of the job. */
  readonly data?: Data | undefined;
  readonly metric?: LabelledMetric | undefined;
  readonly labels?: string | undefined;
  readonly output?: string | undefined;
}

export interface BenchmarkSpec {
  readonly models: readonly string[];
  readonly rounds: number;
  readonly threads: number;
  readonly data?: string | undefined;
  readonly batch: number;
}

export type JobSpec = OptimizeSpec | BenchmarkSpec;

export interface Problem {
  readonly code: string;
  readonly message: string;
}

export interface JobResult {
  readonly model?: string;
  /** Digest of the report's JSON. */
  readonly report?: string;
  readonly reportHtml?: string;
  readonly benchmark?: BenchmarkJson;
}

export interface JobRow {
  readonly id: string;
  readonly owner: string;
  readonly kind: JobKind;
  readonly spec: JobSpec;
  readonly state: JobState;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly seq: number;
  readonly progress: number;
  readonly result: JobResult | null;
  readonly error: Problem | null;
  readonly retry_of: string | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

export type EventType =
  | "QUEUED" | "STARTED" | "STEP_STARTED" | "PROGRESS" | "WARNING" | "STEP_FINISHED"
  | "CANCEL_REQUESTED" | "WORKER_LOST" | "SUCCEEDED" | "FAILED" | "CANCELLED";

export interface JobEventRow {
  readonly job_id: string;
  readonly seq: number;
  readonly attempt: number;
  readonly type: EventType;
  readonly data: Json;
  readonly at: Date;
}

export interface NewEvent {
  readonly type: EventType;
  readonly data: Json;
}

/** A claimed job: the number of the attempt is the fence that every later write must pass. */
export interface Claim {
  readonly job: JobRow;
  readonly attempt: number;
}
