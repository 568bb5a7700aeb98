/** What the client gives, as plain data. Names are those of schema.graphql. */
export interface ModelInfo {
  readonly id: string;
  readonly name: string;
  readonly digest: string;
  readonly fileBytes: number;
  readonly stats: StatsInfo;
  readonly files: readonly { readonly name: string; readonly size: number; readonly url: string }[];
}

export interface StatsInfo {
  readonly parameters: number;
  readonly bytes: number;
  readonly nodeCount: number;
  readonly macs: number;
  readonly sparsity: number | null;
  readonly operators: readonly { readonly name: string; readonly value: number }[];
  readonly inputs: readonly { readonly name: string; readonly type: string }[];
  readonly outputs: readonly { readonly name: string; readonly type: string }[];
}

export type JobState = "QUEUED" | "RUNNING" | "CANCELLING" | "SUCCEEDED" | "FAILED" | "CANCELLED";

export interface JobInfo {
  readonly id: string;
  readonly kind: "OPTIMIZE" | "BENCHMARK";
  readonly state: JobState;
  readonly progress: number;
  readonly lastSeq: number;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface JobEvent {
  readonly seq: number;
  readonly attempt: number;
  readonly type: string;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface ReportInfo {
  readonly title: string;
  readonly elapsedMs: number;
  readonly before: StatsInfo;
  readonly after: StatsInfo;
  readonly steps: readonly { readonly name: string; readonly metrics: Readonly<Record<string, unknown>>; readonly warnings: readonly string[] }[];
  readonly html: { readonly url: string } | null;
}

export interface BenchmarkInfo {
  readonly timings: readonly { readonly model: { readonly id: string; readonly name: string } | null; readonly median: number; readonly spread: number; readonly p5: number; readonly p95: number; readonly speedup: number }[];
  readonly machine: { readonly cpu: string; readonly cores: number; readonly loadBefore: number; readonly loadAfter: number };
}

export interface JobOutcome {
  readonly model: ModelInfo | null;
  readonly report: ReportInfo | null;
  readonly benchmark: BenchmarkInfo | null;
}

/** One technique with its options: `{ pruneChannels: { ratio: 0.3 } }`. Which there are, the gateway's `techniques` tell. */
export type StepInput = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
