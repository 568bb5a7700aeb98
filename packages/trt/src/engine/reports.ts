/** What the driver takes and gives back. */
import type { Feeds, Tensor } from "@lathe/core";
import type { BenchOptions } from "./bench-options.ts";
import type { ToolDevice } from "./log/facts.ts";
import type { LogLine } from "./log/line.ts";
import type { EngineInfo } from "./output/layer-info.ts";
import type { LayerRow } from "./output/layer-table.ts";
import type { PlanHeader } from "./output/plan-header.ts";
import type { BenchLimit, Summary } from "./output/summary.ts";
import type { EngineSpec } from "./spec.ts";
import type { Tool } from "./version.ts";

/** What every call may be given. */
export interface CallOptions {
  /** Ends the tool and everything it started; what it wrote is removed. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the tool is ended. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Stages of the work: most of a build is one of them, and nothing tells how much of it is left. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number; readonly message: string }) => void) | undefined;
  /** Every line as it comes. */
  readonly onLog?: ((line: LogLine) => void) | undefined;
}

export interface Gpu {
  readonly index: number;
  readonly name: string;
  readonly uuid: string;
  /** "8.6"; undefined where the driver is too old to tell. */
  readonly computeCapability: string | undefined;
  readonly driver: string;
  readonly memoryBytes: number | undefined;
}

export interface PlanFile extends PlanHeader {
  readonly bytes: number;
}

/** What is there. */
export interface Probe {
  readonly path: string;
  readonly tool: Tool;
  /** Number of the library's build; undefined before TensorRT 10. */
  readonly build: number | undefined;
  /** undefined when nvidia-smi is not there to tell. */
  readonly gpus: readonly Gpu[] | undefined;
}

export interface ToolReport {
  readonly tool: Tool;
  /** The command line as it was run, the tool's path first. */
  readonly argv: readonly string[];
  /** The GPU, as the tool named it. */
  readonly device: ToolDevice;
  readonly warnings: readonly string[];
  /** Seconds in all. */
  readonly seconds: number;
}

export interface BuildReport extends ToolReport {
  /** Where the engine is. */
  readonly plan: string;
  readonly header: PlanFile;
  readonly parseSeconds: number | undefined;
  readonly buildSeconds: number | undefined;
  /** Bytes of device memory that the build held at once. */
  readonly peakDeviceBytes: number | undefined;
  /** Layers that could use 2:4 kernels and those that do; undefined unless the build was asked for them and says so. */
  readonly sparse: { readonly eligible: readonly string[]; readonly chosen: readonly string[] } | undefined;
}

export interface BenchReport extends ToolReport {
  readonly summary: Summary;
  /** What was timed: the same words mean the same on every release. */
  readonly settings: { readonly transfers: boolean; readonly cudaGraph: boolean; readonly spinWait: boolean };
  /** What may have limited the run, by the tool's own thresholds. */
  readonly limits: readonly BenchLimit[];
  /** Bytes of device memory beside the weights. */
  readonly contextBytes: number | undefined;
  /** Slowest first; empty when not asked for. */
  readonly layers: readonly LayerRow[];
}

export interface InspectReport extends ToolReport, EngineInfo {
  readonly header: PlanFile;
}

export interface RunReport extends ToolReport {
  /** By name, as float64: six digits of each value, whatever its type in the engine. */
  readonly outputs: Readonly<Record<string, Tensor>>;
}

export interface TensorRT {
  readonly path: string;
  readonly tool: Tool;
  /** Looks again at the GPUs. */
  probe(): Promise<Probe>;
  /**
   * Builds an engine from an ONNX file. It appears at `plan` whole or not at all.
   * @throws TRT_FLAG and TRT_OPTION before anything is started; TRT_PARSE, TRT_NO_IMPLEMENTATION, TRT_MEMORY, TRT_NO_GPU, TRT_DISK, TRT_LIBRARY,
   * TRT_UNKNOWN_OPTION, TRT_DEFAULT_SHAPE, TRT_NO_PLAN, TRT_CRASHED, TRT_TIMEOUT, TRT_FAILED; the abort's reason
   */
  build(onnx: string, plan: string, spec?: EngineSpec, options?: CallOptions): Promise<BuildReport>;
  /** Times an engine. `spec` is that of its build. @throws like {@link build}, and TRT_ENGINE_VERSION, TRT_OUTPUT */
  benchmark(plan: string, spec?: EngineSpec, options?: BenchOptions & CallOptions): Promise<BenchReport>;
  /** Runs an engine once on these inputs, whose types must be the engine's. For checks: the tool is started, and loads the engine, each time. @throws like {@link benchmark} */
  run(plan: string, feeds: Feeds, spec?: EngineSpec, options?: CallOptions): Promise<RunReport>;
  /** What an engine is made of. @throws like {@link benchmark} */
  inspect(plan: string, spec?: EngineSpec, options?: CallOptions): Promise<InspectReport>;
}
