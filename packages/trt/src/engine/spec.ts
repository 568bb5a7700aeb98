/** What an engine is to be, in terms that hold for every release. */
import type { Profiles } from "../profiles/profile.ts";

/** Types that TensorRT 10 and older may choose by themselves ("weak typing"). From 11 on the graph alone says. */
export const weakPrecisions = ["fp16", "bf16", "int8", "fp8", "int4", "best"] as const;
export type WeakPrecision = (typeof weakPrecisions)[number];

export const ioFormats = ["chw", "chw2", "hwc8", "chw4", "chw16", "chw32", "dhwc8", "cdhw32", "hwc", "dla_linear", "dla_hwc4", "hwc16", "dhwc"] as const;
export type IoFormat = (typeof ioFormats)[number];
export const ioTypes = ["fp32", "fp16", "bf16", "int8", "fp8", "int4", "int32", "int64", "bool", "uint8"] as const;
export type IoType = (typeof ioTypes)[number];

/** Layout of one input or output. `type` is needed by TensorRT 10 and older, and refused by newer ones, where the graph says. */
export interface TensorLayout {
  readonly type?: IoType;
  readonly formats: readonly IoFormat[];
}

/** Limits in bytes. */
export interface MemoryPools {
  readonly workspace?: number;
  readonly tacticSharedMem?: number;
  readonly dlaSRAM?: number;
  readonly dlaLocalDRAM?: number;
  readonly dlaGlobalDRAM?: number;
}

export interface EngineSpec {
  /** Shapes that the engine is built for: needed when an input is dynamic, refused when none is. */
  readonly profiles?: Profiles;
  /**
   * Values (not sizes) of inputs that TensorRT takes for shapes, such as the target size of a Resize; one entry for each profile. Where
   * they are missing, trtexec would take 1.
   */
  readonly shapeValues?: Profiles;
  /** TensorRT 10 and older: types that the builder may use beside those of the graph. */
  readonly precision?: readonly WeakPrecision[];
  /** TensorRT 10: types are those of the graph, as always from 11 on. */
  readonly stronglyTyped?: boolean;
  /** TensorRT 10 and older: a calibration cache for `precision: ["int8"]`. */
  readonly calibrationCache?: string;
  /** false: float32 is computed as such, not as TF32. */
  readonly tf32?: boolean;
  readonly memoryPools?: MemoryPools;
  /** Kernels for weights with two zeros in four, where they are faster. */
  readonly sparsity?: boolean;
  /** A file that keeps timings of kernels, so that the next build is short; false: nothing is kept even within the build. */
  readonly timingCache?: string | false;
  /** The build fails instead of timing what the cache lacks: the same engine on every machine. */
  readonly errorOnTimingCacheMiss?: boolean;
  /** 0 (short build) to 5 (fast engine). */
  readonly optimizationLevel?: number;
  /** Kernels that are timed for a layer at most. */
  readonly maxTactics?: number;
  /** Runs that are averaged when a kernel is timed. */
  readonly avgTiming?: number;
  readonly maxAuxStreams?: number;
  /** 0 to 3. */
  readonly tilingLevel?: number;
  /** Each input or output in turn, or one for all. */
  readonly inputFormats?: readonly TensorLayout[];
  readonly outputFormats?: readonly TensorLayout[];
  /** Loads in newer releases of the same system. */
  readonly versionCompatible?: boolean;
  readonly excludeLeanRuntime?: boolean;
  readonly hardwareCompatibility?: "ampere+" | "sameComputeCapability";
  /** Build on Linux for Windows. */
  readonly runtimePlatform?: "WindowsAMD64";
  /** Weights are left out and come back by a refit from the model. */
  readonly stripWeights?: boolean;
  readonly refit?: boolean;
  /** Weights may stay in host memory. */
  readonly weightStreaming?: boolean;
  readonly distributiveIndependence?: boolean;
  /** What the engine tells of its layers. Default "detailed", so that `inspect` has something to show. */
  readonly profilingVerbosity?: "layer_names_only" | "detailed" | "none";
  /** Plugin libraries that are loaded. */
  readonly plugins?: readonly string[];
  readonly dynamicPlugins?: readonly string[];
  readonly pluginsToSerialize?: readonly string[];
  /** "+JIT_CONVOLUTIONS", "-CUDNN": what the release knows. */
  readonly tacticSources?: readonly string[];
  /** A DLA core; layers that it cannot run go to the GPU if `allowGpuFallback`. */
  readonly dlaCore?: number;
  readonly allowGpuFallback?: boolean;
  /** Which GPU. Default 0. */
  readonly device?: number;
  readonly verbose?: boolean;
}
