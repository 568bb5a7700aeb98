/** How an engine is timed. The defaults of the releases differ: everything that matters is said each time, so that their figures compare. */
import type { FlagRow } from "./flags.ts";
import { trtErrors } from "../errors.ts";
import { count } from "./values.ts";

export interface BenchOptions {
  /** Which profile of the engine. Default 0; its opt shapes are run. */
  readonly profile?: number;
  /** Other shapes within the profile. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Copies to and from the GPU are part of the time. Default false. */
  readonly transfers?: boolean;
  /** Kernels are launched as one CUDA graph where the engine allows it. Default true. */
  readonly cudaGraph?: boolean;
  /** The host waits busily, so that timings vary less. Default true. */
  readonly spinWait?: boolean;
  /** Milliseconds before timing. Default 200. */
  readonly warmUpMs?: number;
  /** Seconds of timing at least. Default 3. */
  readonly durationSeconds?: number;
  /** Runs at least. Default 10. */
  readonly iterations?: number;
  /** Runs at the same time; with more than one only the throughput means something. Default 1. */
  readonly streams?: number;
  /** Default 90, 95, 99. */
  readonly percentiles?: readonly number[];
  /** Device memory for streamed weights: bytes, a share as "50%", or "auto". Needs an engine with weightStreaming. */
  readonly weightStreamingBudget?: number | "auto" | `${number}%`;
  /** The model whose weights a stripped engine gets before it is timed: an ONNX file. */
  readonly refitFrom?: string;
  /** Time each layer, in a second run. Default true. */
  readonly layers?: boolean;
}

const older = "11.0";
/** Transfers, graphs and busy waiting are the other way round by default from 11 on; each release only knows the flag against its default. */
export const benchFlags: readonly FlagRow<BenchOptions>[] = [
  { flag: "noDataTransfers", option: "transfers", rtx: true, value: (o, t) => (isNew(t) || o.transfers ? undefined : true) },
  { flag: "includeDataTransfers", option: "transfers", since: older, value: (o, t) => (isNew(t) && o.transfers ? true : undefined) },
  { flag: "useCudaGraph", option: "cudaGraph", value: (o, t) => (isNew(t) || t.kind === "tensorrt_rtx" || o.cudaGraph === false ? undefined : true) },
  { flag: "noCudaGraph", option: "cudaGraph", since: older, value: (o, t) => (isNew(t) && o.cudaGraph === false ? true : undefined) },
  { flag: "useSpinWait", option: "spinWait", rtx: true, value: (o, t) => (isNew(t) || o.spinWait === false ? undefined : true) },
  { flag: "noSpinWait", option: "spinWait", since: older, value: (o, t) => (isNew(t) && o.spinWait === false ? true : undefined) },
  { flag: "warmUp", option: "warmUpMs", rtx: true, value: (o) => count("warmUpMs", o.warmUpMs ?? 200, 0) },
  { flag: "duration", option: "durationSeconds", rtx: true, value: (o) => count("durationSeconds", o.durationSeconds ?? 3, 0) },
  { flag: "iterations", option: "iterations", rtx: true, value: (o) => count("iterations", o.iterations ?? 10, 1) },
  { flag: "infStreams", option: "streams", value: (o) => (o.streams === undefined || o.streams === 1 ? undefined : count("streams", o.streams, 1)) },
  { flag: "percentile", option: "percentiles", rtx: true, value: (o) => percentiles(o.percentiles ?? [90, 95, 99]) },
  { flag: "useProfile", option: "profile", since: "10.0", value: (o) => (o.profile ? count("profile", o.profile, 0) : undefined) },
  { flag: "refitFromOnnx", option: "refitFrom", since: "10.14", value: (o) => o.refitFrom },
  { flag: "weightStreamingBudget", option: "weightStreamingBudget", since: "10.0", value: (o) => budget(o.weightStreamingBudget) },
];

const isNew = ({ kind, version }: Parameters<FlagRow<BenchOptions>["value"]>[1]): boolean => kind === "trtexec" && version.major >= 11;

function percentiles(values: readonly number[]): string {
  const bad = values.find((p) => !(p >= 0 && p <= 100));
  if (bad !== undefined || values.length === 0) throw trtErrors.TRT_OPTION({ option: "percentiles", expected: "numbers from 0 to 100", received: JSON.stringify(values) });
  return values.join(",");
}

function budget(value: BenchOptions["weightStreamingBudget"]): string | undefined {
  if (value === undefined) return undefined;
  if (value === "auto") return "-1";
  if (typeof value === "number") return count("weightStreamingBudget", value, 0);
  const share = Number(value.slice(0, -1));
  if (!value.endsWith("%") || !(share >= 0 && share <= 100)) throw trtErrors.TRT_OPTION({ option: "weightStreamingBudget", expected: 'bytes, "auto" or a share such as "50%"', received: value });
  return value;
}
