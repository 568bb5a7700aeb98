/** What the studio reads of the gateway's types; `queries.ts` asks for exactly these fields. */
import type { Json, JsonSchema } from "@lathe/core";

export type { Json, JsonSchema };

export interface Page<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor?: string | null };
}

export interface ModelLine {
  readonly id: string;
  readonly name: string;
  readonly fileBytes: number;
  readonly createdAt: string;
}

export interface Count {
  readonly name: string;
  readonly value: number;
}

export interface Port {
  readonly name: string;
  readonly type: string;
}

export interface Stats {
  readonly parameters: number;
  readonly bytes: number;
  readonly nodeCount: number;
  readonly macs: number;
  readonly elementOps: number;
  readonly sparsity: number | null;
  readonly producer: string;
  readonly irVersion: number;
  readonly unbound: readonly string[];
  readonly unknownLayers: number;
  readonly bytesByDtype: readonly Count[];
  readonly opsets: readonly Count[];
  readonly operators: readonly Count[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

export interface NodeLine {
  readonly name: string;
  readonly op: string;
}

export interface NodeDetail extends NodeLine {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
  readonly before: readonly NodeLine[];
  readonly after: readonly NodeLine[];
}

export interface FileLine {
  readonly name: string;
  readonly size: number;
  readonly url: string;
}

export interface ModelStats extends ModelLine {
  readonly stats: Stats;
}

export interface ModelDetail extends ModelStats {
  readonly digest: string;
  readonly files: readonly FileLine[];
}

export interface LayerFacts {
  readonly name: string;
  readonly op: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly macs: number | null;
  readonly outputs: readonly string[];
}

export interface DatasetLine {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly size: number;
}

export interface Technique {
  readonly name: string;
  readonly input: string;
  readonly summary: string;
  readonly options: JsonSchema;
  readonly needs: readonly string[];
  readonly takesSteps: boolean;
  readonly available: boolean;
  readonly unavailableReason: string | null;
}

export type JobState = "QUEUED" | "RUNNING" | "CANCELLING" | "SUCCEEDED" | "FAILED" | "CANCELLED";
export const isOver = (state: JobState): boolean => state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED";

export interface RecipeStep {
  readonly use: string;
  readonly with?: Json;
  readonly steps?: readonly RecipeStep[];
}

export interface JobLine {
  readonly id: string;
  readonly kind: "OPTIMIZE" | "BENCHMARK";
  readonly state: JobState;
  readonly progress: number;
  readonly createdAt: string;
  readonly finishedAt: string | null;
  readonly steps: readonly RecipeStep[] | null;
  readonly source: readonly { readonly id: string; readonly name: string }[];
}

export interface Problem {
  readonly code: string;
  readonly message: string;
}

export interface Benchmark {
  readonly timings: readonly { readonly model: { readonly id: string; readonly name: string } | null; readonly median: number; readonly spread: number; readonly p5: number; readonly p95: number; readonly speedup: number }[];
  readonly machine: { readonly cpu: string; readonly cores: number; readonly loadBefore: number; readonly loadAfter: number };
}

/** What a job was given beside its model. */
export interface LentBefore {
  readonly dataset: { readonly id: string } | null;
  readonly batch: number;
  readonly seed: number | null;
  readonly evaluation: { readonly dataset: { readonly id: string } | null; readonly metric: string; readonly labels: string | null; readonly output: string | null } | null;
  readonly teacher: { readonly id: string } | null;
}

export interface JobDetail extends Omit<JobLine, "source">, LentBefore {
  readonly lastSeq: number;
  readonly error: Problem | null;
  readonly attempts: readonly { readonly number: number; readonly state: string; readonly peakBytes: number | null; readonly error: Problem | null }[];
  readonly source: readonly ModelStats[];
  readonly model: (ModelStats & { readonly files: readonly FileLine[] }) | null;
  readonly report: {
    readonly elapsedMs: number;
    readonly html: { readonly url: string; readonly size: number } | null;
    readonly json: { readonly url: string; readonly size: number };
    readonly steps: readonly { readonly name: string; readonly elapsedMs: number; readonly metrics: Readonly<Record<string, number>>; readonly warnings: readonly string[] }[];
  } | null;
  readonly benchmark: Benchmark | null;
}

export interface JobEvent {
  readonly seq: number;
  readonly attempt: number;
  readonly type: "QUEUED" | "STARTED" | "STEP_STARTED" | "PROGRESS" | "WARNING" | "STEP_FINISHED" | "CANCEL_REQUESTED" | "WORKER_LOST" | JobState;
  readonly at: string;
  readonly data: Readonly<Record<string, Json>> | null;
}

export interface Plan {
  readonly runnable: boolean;
  readonly steps: readonly { readonly technique: string; readonly problem: string | null; readonly steps: readonly { readonly technique: string; readonly problem: string | null }[] }[];
}
