import type { ModelStats } from "../stats.ts";
import type { StepRecord } from "../technique/run-step.ts";

/** What a run did, as plain JSON data. */
export interface ReportData {
  readonly version: 1;
  readonly title: string;
  readonly seed: number;
  readonly elapsedMs: number;
  /** Where it ran: engine, platform, date, and what hosts add. */
  readonly environment: Readonly<Record<string, string>>;
  readonly before: ModelStats;
  readonly after: ModelStats;
  readonly steps: readonly StepRecord[];
  readonly accuracy?: readonly AccuracyRow[];
  readonly benchmark?: BenchmarkTable;
  readonly tables?: readonly ExtraTable[];
  readonly curves?: readonly Curve[];
  readonly notes?: readonly string[];
}

/** What hosts add to the report of a run. */
export type ReportExtras = Pick<ReportData, "accuracy" | "benchmark" | "tables" | "curves" | "notes"> & {
  readonly title?: string;
  readonly environment?: Readonly<Record<string, string>>;
};

/** Scores of one model by metric. */
export interface AccuracyRow {
  readonly name: string;
  readonly scores: Readonly<Record<string, number>>;
  /** Number of samples. */
  readonly samples?: number;
}

/** Times of models that were run against each other; the first is the baseline. */
export interface BenchmarkTable {
  readonly timings: readonly {
    readonly name: string;
    /** Milliseconds per run. */
    readonly median: number;
    readonly p5?: number;
    readonly p95?: number;
    /** How many times faster than the first. */
    readonly speedup?: number;
  }[];
}

/** A table of the host's own; numbers stand right and are rounded to three digits. */
export interface ExtraTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** A line chart, for instance loss by step. Techniques may give a list of these as `details.curves`. */
export interface Curve {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

/**
 * How the values of a tensor lie, and what a quantizer makes of them. Techniques may give a list of these as `details.distributions`,
 * the most telling first.
 */
export interface Distribution {
  /** The tensor. */
  readonly title: string;
  /** A few words beside it, for instance "12.3 dB". */
  readonly note?: string;
  /** Ends of the histogram; its bins are equally wide. */
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
  /** What the codes of the quantized type cover; `step` is the distance between two codes. */
  readonly range?: { readonly min: number; readonly max: number; readonly step?: number };
  /** Number of codes. */
  readonly levels?: number;
  /** Share of the values outside the range. */
  readonly clipped?: number;
}
