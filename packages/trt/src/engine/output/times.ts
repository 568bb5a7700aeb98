/** `--exportTimes`: one row for each timed run. */
import { engineErrors } from "../errors.ts";

/** Milliseconds; warm-up runs are not among them. */
export interface RunTime {
  readonly h2d: number;
  readonly compute: number;
  readonly d2h: number;
  readonly latency: number;
  /** Since the first run was begun. */
  readonly startCompute: number;
}

const keys = { h2d: "h2dMs", compute: "computeMs", d2h: "d2hMs", latency: "latencyMs", startCompute: "startComputeMs" } as const;

/** @throws TRT_OUTPUT */
export function parseTimes(text: string): RunTime[] {
  const rows = json(text);
  if (!Array.isArray(rows)) throw engineErrors.TRT_OUTPUT({ what: "file of run times", reason: "it is not a list" });
  return rows.map((row: unknown, i) => {
    const read = (key: string): number => {
      const value = typeof row === "object" && row !== null ? (row as Record<string, unknown>)[key] : undefined;
      if (typeof value === "number") return value;
      // Not finite, see below.
      if (value === null) return NaN;
      throw engineErrors.TRT_OUTPUT({ what: "file of run times", reason: `row ${i + 1} lacks ${key}` });
    };
    return { h2d: read(keys.h2d), compute: read(keys.compute), d2h: read(keys.d2h), latency: read(keys.latency), startCompute: read(keys.startCompute) };
  });
}

/** Numbers only, so that words such as inf and nan are no part of a string. */
function json(text: string): unknown {
  try {
    return JSON.parse(text.replace(/(:\s*)[-+]?(?:inf|nan)\b/gi, "$1null"));
  } catch (cause) {
    throw engineErrors.TRT_OUTPUT({ what: "file of run times", reason: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
}
