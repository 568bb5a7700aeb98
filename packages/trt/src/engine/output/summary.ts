/** The performance summary that a timed run prints. */
import { engineErrors } from "../errors.ts";
import { number } from "../log/facts.ts";

/** Milliseconds. */
export interface Timing {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly median: number;
  /** By percent: { "99": 1.25 }. */
  readonly percentiles: Readonly<Record<string, number>>;
}

export interface Summary {
  /** Runs a second. */
  readonly throughput: number;
  /** Copies to the GPU, compute and copies back; compute alone when transfers are off. */
  readonly latency: Timing;
  readonly enqueue: Timing;
  readonly h2d: Timing;
  readonly compute: Timing;
  readonly d2h: Timing;
  readonly hostSeconds: number;
  readonly computeSeconds: number;
}

const titles = { latency: "Latency", enqueue: "Enqueue Time", h2d: "H2D Latency", compute: "GPU Compute Time", d2h: "D2H Latency" } as const;

/**
 * Reads the lines after "=== Performance summary ===", time and severity taken off.
 * @throws TRT_OUTPUT when the throughput or the compute time is missing; other lines may be missing and are NaN then
 */
export function parseSummary(lines: readonly string[]): Summary {
  const after = (title: string): string | undefined => lines.find((line) => line.startsWith(`${title}: `))?.slice(title.length + 2);
  const timing = (key: keyof typeof titles): Timing => parseTiming(after(titles[key]) ?? "");
  const throughput = number((after("Throughput") ?? "").split(" ")[0]!);
  const compute = timing("compute");
  if (after("Throughput") === undefined || after(titles.compute) === undefined) {
    throw engineErrors.TRT_OUTPUT({ what: "performance summary", reason: `${after("Throughput") === undefined ? "Throughput" : "GPU Compute Time"} is missing` });
  }
  const seconds = (title: string): number => number((after(title) ?? "").split(" ")[0]!);
  return {
    throughput, latency: timing("latency"), enqueue: timing("enqueue"), h2d: timing("h2d"), compute, d2h: timing("d2h"),
    hostSeconds: seconds("Total Host Walltime"), computeSeconds: seconds("Total GPU Compute Time"),
  };
}

/** "min = 0.5 ms, max = 1 ms, mean = 0.6 ms, median = 0.6 ms, percentile(99%) = 1 ms" */
function parseTiming(text: string): Timing {
  const values = new Map(text.split(", ").map((part) => {
    const [key = "", value = ""] = part.split(" = ");
    return [key, number(value.split(" ")[0]!)] as const;
  }));
  const of = (key: string): number => values.get(key) ?? NaN;
  const percentiles = [...values].flatMap(([key, value]) => {
    const percent = /^percentile\(([\d.e+-]+)%\)$/.exec(key)?.[1];
    return percent === undefined ? [] : [[percent, value] as const];
  });
  return { min: of("min"), max: of("max"), mean: of("mean"), median: of("median"), percentiles: Object.fromEntries(percentiles) };
}

/** What limits a run, by NVIDIA's own thresholds. */
export const limits = ["enqueue", "h2d", "d2h", "unstable", "streams"] as const;
export type BenchLimit = (typeof limits)[number];

const limitPatterns: Readonly<Record<BenchLimit, RegExp>> = {
  enqueue: /Throughput may be bound by Enqueue Time/, h2d: /bound by host-to-device transfers/, d2h: /bound by device-to-host transfers/, unstable: /GPU compute time is unstable/, streams: /Multiple inference streams are used/,
};

/** Which of its cautions the tool printed. */
export const limitsIn = (warnings: readonly string[]): BenchLimit[] => limits.filter((limit) => warnings.some((line) => limitPatterns[limit].test(line)));
