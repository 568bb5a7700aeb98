/**
 * Every flag that is written, one row each: since and until which release trtexec has it, and what of the spec it stands for. Releases were
 * read off the published sources of trtexec from 8.6 to 11.1; what tensorrt_rtx takes, off its documentation.
 */
import { engineErrors } from "./errors.ts";
import type { EngineSpec, MemoryPools, TensorLayout, WeakPrecision } from "./spec.ts";
import { ioFormats, ioTypes, weakPrecisions } from "./spec.ts";
import { count, oneOf, range, words } from "./values.ts";
import { compareVersion, toolText, type Tool } from "./version.ts";

/** Absent, a bare flag, or its value; a list repeats the flag. */
export type FlagValue = undefined | true | string | readonly string[];

export interface FlagRow<S> {
  readonly flag: string;
  /** What the caller wrote, for messages. */
  readonly option: string;
  /** Default: the oldest release that is driven. */
  readonly since?: string;
  /** The first release without it. */
  readonly until?: string;
  /** What to do where it is gone or not there yet. */
  readonly instead?: string;
  /** tensorrt_rtx takes it. */
  readonly rtx?: boolean;
  /** Also given when an engine is loaded, not built. */
  readonly load?: boolean;
  readonly value: (spec: S, tool: Tool) => FlagValue;
}

const GRAPH = "TensorRT 11 takes types from the graph alone: convert the model with `trt-fp16` or `trt-int8` first.";
const on = (value: boolean | undefined): FlagValue => (value ? true : undefined);
const weak = (type: WeakPrecision, since: string): FlagRow<EngineSpec> => ({
  flag: type, option: "precision", since, until: "11.0", instead: GRAPH,
  value: ({ precision }) => on(precision?.map((p) => oneOf("precision", p, weakPrecisions)).includes(type)),
});

export const engineFlags: readonly FlagRow<EngineSpec>[] = [
  weak("fp16", "8.6"), weak("bf16", "10.0"), weak("int8", "8.6"), weak("fp8", "8.6"), weak("int4", "10.1"), weak("best", "8.6"),
  { flag: "stronglyTyped", option: "stronglyTyped", since: "10.0", instead: "TensorRT 8 has no strong typing.", value: (s, tool) => on(s.stronglyTyped && tool.kind === "trtexec" && tool.version.major < 11) },
  { flag: "calib", option: "calibrationCache", until: "11.0", instead: "`fromCalibrationCache` writes its scales into the graph as Q and DQ.", value: (s) => s.calibrationCache },
  { flag: "noTF32", option: "tf32", value: (s) => on(s.tf32 === false) },
  { flag: "memPoolSize", option: "memoryPools", value: (s, tool) => pools(s.memoryPools, tool) },
  { flag: "sparsity", option: "sparsity", value: (s) => (s.sparsity ? "enable" : undefined) },
  { flag: "timingCacheFile", option: "timingCache", value: (s) => (typeof s.timingCache === "string" ? s.timingCache : undefined) },
  { flag: "noBuilderCache", option: "timingCache", value: (s) => on(s.timingCache === false) },
  { flag: "errorOnTimingCacheMiss", option: "errorOnTimingCacheMiss", since: "10.0", value: (s) => on(s.errorOnTimingCacheMiss) },
  { flag: "builderOptimizationLevel", option: "optimizationLevel", value: (s) => range("optimizationLevel", s.optimizationLevel, 0, 5) },
  { flag: "maxTactics", option: "maxTactics", since: "10.4", value: (s) => count("maxTactics", s.maxTactics, 1) },
  { flag: "avgTiming", option: "avgTiming", value: (s) => count("avgTiming", s.avgTiming, 1) },
  { flag: "maxAuxStreams", option: "maxAuxStreams", value: (s) => count("maxAuxStreams", s.maxAuxStreams, 0) },
  { flag: "tilingOptimizationLevel", option: "tilingLevel", since: "10.8", value: (s) => range("tilingLevel", s.tilingLevel, 0, 3) },
  { flag: "inputIOFormats", option: "inputFormats", value: (s, tool) => layouts("inputFormats", s.inputFormats, tool) },
  { flag: "outputIOFormats", option: "outputFormats", value: (s, tool) => layouts("outputFormats", s.outputFormats, tool) },
  { flag: "versionCompatible", option: "versionCompatible", load: true, value: (s) => on(s.versionCompatible) },
  { flag: "excludeLeanRuntime", option: "excludeLeanRuntime", value: (s) => on(s.excludeLeanRuntime) },
  { flag: "hardwareCompatibilityLevel", option: "hardwareCompatibility", value: (s) => (s.hardwareCompatibility === "ampere+" ? s.hardwareCompatibility : undefined) },
  { flag: "hardwareCompatibilityLevel", option: "hardwareCompatibility", since: "10.9", instead: '"ampere+" is there since 8.6.', value: (s) => (s.hardwareCompatibility === undefined || s.hardwareCompatibility === "ampere+" ? undefined : oneOf("hardwareCompatibility", s.hardwareCompatibility, ["ampere+", "sameComputeCapability"])) },
  { flag: "runtimePlatform", option: "runtimePlatform", since: "10.2", value: (s) => s.runtimePlatform && oneOf("runtimePlatform", s.runtimePlatform, ["WindowsAMD64"]) },
  { flag: "stripWeights", option: "stripWeights", since: "10.0", value: (s) => on(s.stripWeights) },
  { flag: "refit", option: "refit", value: (s) => on(s.refit) },
  { flag: "allowWeightStreaming", option: "weightStreaming", since: "10.0", load: true, value: (s) => on(s.weightStreaming) },
  { flag: "distributiveIndependence", option: "distributiveIndependence", since: "10.12", value: (s) => on(s.distributiveIndependence) },
  { flag: "profilingVerbosity", option: "profilingVerbosity", rtx: true, value: (s) => oneOf("profilingVerbosity", s.profilingVerbosity ?? "detailed", ["layer_names_only", "detailed", "none"]) },
  { flag: "staticPlugins", option: "plugins", load: true, value: (s) => words("plugins", s.plugins) },
  { flag: "dynamicPlugins", option: "dynamicPlugins", load: true, value: (s) => words("dynamicPlugins", s.dynamicPlugins) },
  { flag: "setPluginsToSerialize", option: "pluginsToSerialize", value: (s) => words("pluginsToSerialize", s.pluginsToSerialize) },
  { flag: "tacticSources", option: "tacticSources", value: (s) => words("tacticSources", s.tacticSources, /^[+-]\w+$/)?.join(",") },
  { flag: "useDLACore", option: "dlaCore", load: true, value: (s) => count("dlaCore", s.dlaCore, 0) },
  { flag: "allowGPUFallback", option: "allowGpuFallback", value: (s) => on(s.allowGpuFallback) },
  { flag: "device", option: "device", load: true, value: (s) => count("device", s.device, 0) },
  { flag: "verbose", option: "verbose", load: true, rtx: true, value: (s) => on(s.verbose) },
];

/** The flags of the rows as argv words. @throws TRT_FLAG for what this release does not have, TRT_OPTION for values out of range */
export function written<S>(rows: readonly FlagRow<S>[], spec: S, tool: Tool): string[] {
  return rows.flatMap((row) => {
    const value = row.value(spec, tool);
    if (value === undefined) return [];
    demand(row, tool);
    return (value === true ? [undefined] : typeof value === "string" ? [value] : value).map((v) => (v === undefined ? `--${row.flag}` : `--${row.flag}=${v}`));
  });
}

function demand<S>({ flag, option, since, until, instead = "", rtx = false }: FlagRow<S>, tool: Tool): void {
  const refuse = (reason: string): never => {
    throw engineErrors.TRT_FLAG({ option, flag, tool: toolText(tool), reason, instead: instead || "Nothing takes its place" });
  };
  if (tool.kind === "tensorrt_rtx") return rtx ? undefined : refuse("it is not among the documented options of tensorrt_rtx");
  if (until !== undefined && compareVersion(tool.version, until) >= 0) refuse(`it was removed in ${until}`);
  if (since !== undefined && compareVersion(tool.version, since) < 0) refuse(`it came with ${since}`);
}

/** Sizes without a unit are MiB in every release; with one, 10.0 to 10.2 read them another way than newer ones. */
function pools(given: MemoryPools | undefined, tool: Tool): FlagValue {
  const known = ["workspace", "tacticSharedMem", "dlaSRAM", "dlaLocalDRAM", "dlaGlobalDRAM"] as const;
  const sizes = known.flatMap((pool) => {
    const bytes = given?.[pool];
    if (bytes === undefined) return [];
    count(`memoryPools.${pool}`, bytes, 0);
    if (pool === "tacticSharedMem" && compareVersion(tool.version, "10.3") < 0) {
      throw engineErrors.TRT_FLAG({ option: "memoryPools.tacticSharedMem", flag: "memPoolSize", tool: toolText(tool), reason: "its unit changed in 10.3", instead: "Leave it out there." });
    }
    return [`${pool}:${decimal(bytes / 2 ** 20)}`];
  });
  for (const pool of Object.keys(given ?? {})) oneOf("memoryPools", pool, known);
  return sizes.length === 0 ? undefined : sizes.join(",");
}

/** Without an exponent, which the reader would take for a unit. */
const decimal = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(20).replace(/0+$/, ""));

/** "fp16:chw+hwc8" up to TensorRT 10, "chw+hwc8" from 11 on. */
function layouts(option: string, given: readonly TensorLayout[] | undefined, tool: Tool): FlagValue {
  if (!given || given.length === 0) return undefined;
  const typed = tool.version.major < 11;
  return given.map(({ type, formats }) => {
    const list = formats.map((format) => oneOf(option, format, ioFormats)).join("+");
    if (typed && type === undefined) throw engineErrors.TRT_FLAG({ option, flag: option.replace("Formats", "IOFormats"), tool: toolText(tool), reason: "each layout needs a type there", instead: 'Write { type: "fp16", formats: ["chw"] }.' });
    if (!typed && type !== undefined) throw engineErrors.TRT_FLAG({ option, flag: option.replace("Formats", "IOFormats"), tool: toolText(tool), reason: "types of inputs and outputs come from the graph", instead: "Leave `type` out." });
    return type === undefined ? list : `${oneOf(option, type, ioTypes)}:${list}`;
  }).join(",");
}
