/** What is known of TensorRT's tools, in pure functions. */
export { compareVersion, parseTool, parseVersion, toolText, versionText, type TensorRTVersion, type Tool, type ToolKind } from "./version.ts";
export { engineErrors, type RunDetails } from "./errors.ts";
export * from "./spec.ts";
export type { BenchOptions } from "./bench-options.ts";
export { benchArgs, buildArgs, checkSpec, inspectArgs, type BenchFiles, type BuildFiles } from "./command.ts";
export { shapeSpec } from "./shapes.ts";
export { parseBanner, parseLine, type Banner, type LogLine, type LogSeverity } from "./log/line.ts";
export { logReader, readLog, type LogListener, type LogReader, type LogRecord } from "./log/reader.ts";
export type { Device, LogFacts } from "./log/facts.ts";
export { buildStages, runStages, type Stage } from "./log/stages.ts";
export { diagnose, type Ending } from "./log/diagnose.ts";
export type { ParserFailure } from "./log/parser-failure.ts";
export { limitsIn, parseSummary, type Limit, type Summary, type Timing } from "./output/summary.ts";
export { parseTimes, type RunTime } from "./output/times.ts";
export { parseLayerProfile, type LayerProfile, type LayerTime } from "./output/layer-profile.ts";
export { parseLayerInfo, type EngineBinding, type EngineInfo, type EngineLayer, type EngineTensor } from "./output/layer-info.ts";
export { layerTable, shareByType, type LayerRow } from "./output/layer-table.ts";
export { parsePlanHeader, PLAN_HEADER_BYTES, type PlanHeader } from "./output/plan-header.ts";
